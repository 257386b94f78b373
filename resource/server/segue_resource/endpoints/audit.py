"""`/tasks/{task_id}/audit`: the record of who did what and to whom the task was shown (T17)."""

from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.audit import Entry
from segue_resource.endpoints.header import Number
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import caller_of, show
from segue_resource.stores import audit
from segue_resource.stores.task_store import TaskStore

LARGEST = 10**15 - 1
AFTER = Number("after", default=0, least=0, most=LARGEST)


class AuditEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/audit", GET=self.list_entries)]

    @operation("The audit", query=[AFTER], answers={200: {"entries": list[Entry], "size": int, "next_after": int}})
    @requires("audit:read", task="task_id")
    async def list_entries(self, request: Request) -> Response:
        """Oldest first, in pages: `after` is the `next_after` of the page before."""
        after = AFTER.of(request)
        page, head = await self._store.read(
            caller_of(request),
            lambda reading: audit.page(reading.connection, reading.caller.task_id, after=after),
        )
        return show(page, head=head)
