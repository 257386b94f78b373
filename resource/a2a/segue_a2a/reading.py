"""Reads what a task object is made of from the task store: history by its length, and artifacts."""

from collections.abc import Mapping
from typing import Any

from segue_resource.endpoints.beside_store import BesideStore
from segue_resource.endpoints.beside_task import Looked, NotAnswered, good, look
from starlette.requests import Request

from segue_a2a.objects import Json, file_artifact, item_artifact, task_of
from segue_a2a.rpc import TaskNotFound, refusal

MOST_HISTORY = 1000
_PAGE = 200


class Reader:
    """`url` is the task store's."""

    def __init__(self, store: BesideStore, *, url: str) -> None:
        self._store = store
        self._url = url

    async def looked(self, request: Request, task_id: str) -> Looked:
        """Raises `A2AError`."""
        require_named(request, task_id)
        try:
            return await look(self._store, request, task_id)
        except NotAnswered as refused:
            raise refusal(refused.answered) from refused

    async def task(self, request: Request, looked: Looked, *, history: int | None, artifacts: bool = True) -> Json:
        """`history` is how many messages; None: those among the last 50 events."""
        events = await self._history(request, looked, history)
        return task_of(looked, history=events, artifacts=await self._artifacts(request, looked) if artifacts else [])

    async def item(self, request: Request, task_id: str, item_id: str) -> Json | None:
        """An artifact; None if it is gone, or not for this token."""
        if not allows(request, "working_set:read"):
            return None
        answered = await self._store.ask(request, "GET", f"/tasks/{task_id}/working-set/{item_id}")
        return item_artifact(answered.value) if answered.status == 200 else None

    def file(self, task_id: str, file: Mapping[str, Any]) -> Json:
        return file_artifact(self._url, task_id, file)

    async def _history(self, request: Request, looked: Looked, wanted: int | None) -> list[Mapping[str, Any]]:
        events: list[Mapping[str, Any]] = looked.resume["events"]
        found = [event for event in events if event["kind"] == "message"]
        if wanted is None:
            return found
        wanted = min(wanted, MOST_HISTORY)
        first = events[0]["seq"] if events else looked.cursor + 1
        while len(found) < wanted and first > 1 and allows(request, "events:read"):
            begin = max(0, first - 1 - _PAGE)
            path = f"/tasks/{looked.task['task_id']}/events?after={begin}&limit={first - 1 - begin}"
            page = await self._good(request, path)
            earlier = [event for event in page["events"] if event["kind"] == "message" and event["seq"] < first]
            found, first = [*earlier, *found], begin + 1
        return found[len(found) - wanted :] if wanted < len(found) else found

    async def _artifacts(self, request: Request, looked: Looked) -> list[Json]:
        if not allows(request, "working_set:read"):
            return []
        task_id = looked.task["task_id"]
        files = (await self._good(request, f"/tasks/{task_id}/artifacts"))["artifacts"]
        return [*map(item_artifact, looked.resume["working_set"]), *(self.file(task_id, file) for file in files)]

    async def _good(self, request: Request, path: str) -> Any:
        try:
            return good(await self._store.ask(request, "GET", path)).value
        except NotAnswered as refused:
            raise refusal(refused.answered) from refused


def allows(request: Request, action: str) -> bool:
    return action in request.scope["segue"].authority.actions


def task_of_token(request: Request) -> str:
    """The one task that the token opens."""
    return str(request.scope["segue"].authority.task_id)


def require_named(request: Request, task_id: str) -> None:
    """Another task than the token's is one that does not exist. Raises `TaskNotFound`."""
    if task_id != task_of_token(request):
        raise TaskNotFound("Task not found")
