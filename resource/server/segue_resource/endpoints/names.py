"""`/tasks/{task_id}/name-proposals`: an agent proposes a name, the person answers (T1).

To accept is to rename the task to what was proposed: the person's word alone changes a name.
"""

from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.refusal import NotActive, NotFound
from segue_resource.domain.task import NameProposal
from segue_resource.endpoints.body import Nothing, Shape, read_body
from segue_resource.endpoints.header import path_id
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Name, require_name
from segue_resource.endpoints.task_request import answer, mutate
from segue_resource.stores import names
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

_DIGITS = 15


class Proposal(Shape, frozen=True):
    name: Name


class NameEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/name-proposals", POST=self.propose),
            route("/tasks/{task_id}/name-proposals/{seq}", DELETE=self.decline),
        ]

    @operation("Propose a name", body=Proposal, answers={201: NameProposal}, refuses=[NotActive])
    @requires("events:append", task="task_id")
    async def propose(self, request: Request) -> Response:
        body, content = await read_body(request, Proposal)
        require_name(body.name)
        return await mutate(
            self._store, request, content, lambda writing: answer(201, names.propose(writing, body.name))
        )

    @operation("Decline the proposed name", body=Nothing, answers={204: None}, refuses=[NotActive])
    @requires("task:write", task="task_id")
    async def decline(self, request: Request) -> Response:
        _, content = await read_body(request, Nothing)
        seq = path_id(request, "seq")
        if not (seq.isascii() and seq.isdigit() and len(seq) <= _DIGITS):
            raise NotFound

        def work(writing: Writing) -> Answer:
            names.decline(writing, int(seq))
            return answer(204)

        return await mutate(self._store, request, content, work)
