"""`/tasks/{task_id}/status`: begin, pause, come back, close, archive (T6)."""

from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.lifecycle import Status
from segue_resource.domain.refusal import IllegalTransition, Unsettled
from segue_resource.domain.task import Task
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Title
from segue_resource.endpoints.task_request import answer, mutate
from segue_resource.stores import lifecycle, tasks
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing


class StatusChange(Shape, frozen=True):
    to: Status
    reason: Title | None = None


class LifecycleEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/status", POST=self.change)]

    @operation(
        "Begin, pause, come back, close, archive",
        body=StatusChange,
        answers={200: Task},
        etag=True,
        refuses=[IllegalTransition, Unsettled],
    )
    @requires("task:write", task="task_id")
    async def change(self, request: Request) -> Response:
        body, content = await read_body(request, StatusChange)

        def work(writing: Writing) -> Answer:
            lifecycle.change(writing, body.to, reason=body.reason)
            task = tasks.task(writing)
            return answer(200, task, ETag=f'"{task.version}"')

        return await mutate(self._store, request, content, work)
