"""`/tasks/{task_id}/usage`: what was used, for the budget and for the bill (T21). Work that was done is always told."""

from typing import Annotated

import msgspec
from msgspec import Meta
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.refusal import NotYourSession, TooMuch
from segue_resource.domain.task import Budget
from segue_resource.domain.usage import LARGEST_AMOUNT, SessionUsage, Spent, Usage
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.header import identifier
from segue_resource.endpoints.operation import Text, operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier, Unit, Word
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import tasks
from segue_resource.stores.billing import usage
from segue_resource.stores.billing.usage import Report
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

COUNTED = {"usage_id": str, "unit": str, "amount": int, "used": int, "left": int | None}
USAGE = {
    "budget": Budget | None,
    "left": int | None,
    "spent": list[Spent],
    "sessions": list[SessionUsage],
    "next_after": str | None,
}


class NewUsage(Shape, frozen=True):
    """`note` names a model or a tool."""

    session_id: Identifier
    unit: Unit
    amount: Annotated[int, Meta(ge=1, le=LARGEST_AMOUNT)]
    note: Word | None = None
    call_id: Identifier | None = None


class UsageEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, *, random: Random) -> None:
        self._store = store
        self._random = random

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/usage", GET=self.read, POST=self.report)]

    @operation("Report what was used", body=NewUsage, answers={201: COUNTED}, refuses=[NotYourSession, TooMuch])
    @requires("events:append", task="task_id")
    async def report(self, request: Request) -> Response:
        """Also of a device that the task has left, and of a task that has ended: it is about what was done before."""
        body, content = await read_body(request, NewUsage)
        usage_id = f"use_{self._random(12).hex()}"
        said = Report(usage_id, body.session_id, body.unit, body.amount, body.note, body.call_id)

        def work(writing: Writing) -> Answer:
            return answer(201, usage.report(writing, said))

        return await mutate(self._store, request, content, work, expected=0, stale_too=True)

    @operation("What was used, and what is left", query=[Text("after", Identifier)], answers={200: USAGE})
    @requires("task:read", task="task_id")
    async def read(self, request: Request) -> Response:
        """Sessions in pages, by their ids: `after` is the `next_after` of the page before."""
        after = identifier(request, "after") or ""

        def work(reading: Reading) -> tuple[Usage, list[SessionUsage], str | None]:
            standing = usage.standing(reading, tasks.budget(reading), reserved=usage.reserved(reading))
            return standing, *usage.page(reading, after=after)

        (standing, found, next_after), head = await self._store.read(caller_of(request), work)
        shown = msgspec.to_builtins(standing)
        return show({**shown, "sessions": found, "next_after": next_after}, head=head)
