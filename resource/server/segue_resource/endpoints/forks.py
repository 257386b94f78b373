"""`/tasks/{task_id}/forks`: go on from a point of the task's past in a task of its own (T13)."""

from segue.jose import b64url_encode
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.fork import Fork
from segue_resource.domain.refusal import CursorAhead, TooMuch
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Name, Seq, require_name
from segue_resource.endpoints.task_request import answer, mutate
from segue_resource.stores.history import forks
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing


class NewFork(Shape, frozen=True):
    """`at` is the last event of the past that the fork has; the whole past if it is absent."""

    name: Name
    at: Seq | None = None


class ForkEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, *, keeper: Keeper) -> None:
        self._store = store
        self._keeper = keeper

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/forks", POST=self.fork)]

    @operation("Fork the task", body=NewFork, answers={201: Fork}, refuses=[CursorAhead, TooMuch])
    @requires("task:write", task="task_id")
    async def fork(self, request: Request) -> Response:
        """The new task is the customer's alone, and no token opens it yet: the authorization server lists it."""
        body, content = await read_body(request, NewFork)
        require_name(body.name)
        task_id = f"tsk_{b64url_encode(self._keeper.random(16))}"

        def work(writing: Writing) -> Answer:
            return answer(201, forks.fork(writing, forks.Asked(task_id, body.name, body.at), keeper=self._keeper))

        return await mutate(self._store, request, content, work)
