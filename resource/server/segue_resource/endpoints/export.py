"""`/tasks/{task_id}/export`: the whole record of the task, as one archive that a person can read (R44)."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from segue.clock import Clock
from segue.problem import Problem
from segue.requires import requires
from segue_storage.ephemeral import Ephemeral, MemoryUnavailable
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NotYourRole
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import caller_of
from segue_resource.export.archive import Archive
from segue_resource.export.files import Files
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading

MOST = 10
"""Exports of one task in an hour: each reads and opens everything."""
HOUR = 3600


class ExportEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, ephemeral: Ephemeral, *, files: Files | None, clock: Clock) -> None:
        self._store = store
        self._ephemeral = ephemeral
        self._files = files
        self._clock = clock

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/export", GET=self.export)]

    @operation("Everything, to keep", answers={200: bytes}, refuses=[NotYourRole, (429, "too-many-exports")])
    @requires("task:read", "events:read", "working_set:read", "tool_calls:read", "audit:read", task="task_id")
    async def export(self, request: Request) -> Response:
        """A ZIP archive, for the customer. It is recorded in the audit before the first byte goes out."""
        caller = caller_of(request)

        async def read(work: Callable[[Reading], Any]) -> Any:
            return (await self._store.read(caller, work, releases="export"))[0]

        await read(_require_customer)
        await self._require_not_too_often(caller.task_id)
        pieces = Archive(read, made_at=self._clock(), files=self._files).pieces()
        first = await anext(pieces)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{caller.task_id}.zip"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return StreamingResponse(_from(first, pieces), headers=headers)

    async def _require_not_too_often(self, task_id: str) -> None:
        """Without the memory of it nobody is refused: the record is the person's."""
        try:
            allowed = await self._ephemeral.allow(f"export:{task_id}", limit=MOST, window=HOUR)
        except MemoryUnavailable:
            return
        if not allowed:
            detail = f"a task is exported at most {MOST} times an hour"
            headers = {"Retry-After": str(HOUR // MOST)}
            raise Problem(429, "too-many-exports", "Exported too often", detail, headers=headers)


def _require_customer(reading: Reading) -> None:
    if reading.role is not Role.CUSTOMER:
        raise NotYourRole(reading.role)


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
