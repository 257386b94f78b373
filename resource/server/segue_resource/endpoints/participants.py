"""`/tasks/{task_id}/participants`: who takes part and who did, leaving, and being removed (T15)."""

from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.refusal import CustomerStays
from segue_resource.endpoints.body import Nothing, read_body
from segue_resource.endpoints.header import path_id
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import participants
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.participants import Participant
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing


class ParticipantEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/participants", GET=self.list_participants),
            route("/tasks/{task_id}/participants/leave", POST=self.leave),
            route("/tasks/{task_id}/participants/{sub}", DELETE=self.remove),
        ]

    @operation("Who takes part and who did", answers={200: {"participants": list[Participant]}})
    @requires("task:read", task="task_id")
    async def list_participants(self, request: Request) -> Response:
        found, head = await self._store.read(caller_of(request), participants.everybody)
        return show({"participants": found}, head=head)

    @operation("Take part no longer", body=Nothing, answers={204: None}, refuses=[CustomerStays])
    @requires("task:read", task="task_id")
    async def leave(self, request: Request) -> Response:
        """A device that lost the task may still say that its person is gone."""
        _, content = await read_body(request, Nothing)

        def work(writing: Writing) -> Answer:
            participants.leave(writing)
            return answer(204)

        return await mutate(self._store, request, content, work, stale_too=True)

    @operation("Remove a participant", body=Nothing, answers={204: None}, refuses=[CustomerStays])
    @requires("participants:manage", task="task_id")
    async def remove(self, request: Request) -> Response:
        _, content = await read_body(request, Nothing)
        sub = path_id(request, "sub")

        def work(writing: Writing) -> Answer:
            participants.remove(writing, sub)
            return answer(204)

        return await mutate(self._store, request, content, work)
