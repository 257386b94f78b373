"""The methods that answer at once, or once it is the client's turn: GetTask, ListTasks, SendMessage, CancelTask."""

import hashlib
from datetime import datetime

import anyio
from segue_resource.endpoints.beside_standing import AT_WORK
from segue_resource.endpoints.beside_store import BesideStore
from segue_resource.endpoints.beside_task import Looked, cancel
from starlette.requests import Request

from segue_a2a.objects import STATES, Json, last_at
from segue_a2a.params import GetTask, ListTasks, Message, NamedTask, SendMessage
from segue_a2a.reading import Reader, allows, require_named, task_of_token
from segue_a2a.rpc import (
    ContentTypeNotSupported,
    InvalidParams,
    PushNotificationNotSupported,
    TaskNotCancelable,
    TaskNotFound,
    UnsupportedOperation,
    refusal,
)

PATIENCE = 25.0
"""Seconds that an answer waits for whoever works on the task."""
_ROLES = {"ROLE_USER": "customer", "ROLE_AGENT": "agent"}


class Operations:
    """Each gives the result of its method. Raises `A2AError`, and `Challenged`."""

    def __init__(self, store: BesideStore, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def get_task(self, request: Request, params: GetTask) -> Json:
        looked = await self._reader.looked(request, params.id)
        return await self._reader.task(request, looked, history=params.history_length)

    async def list_tasks(self, request: Request, params: ListTasks) -> Json:
        """Those that the token opens: one, or none that the filter lets through."""
        if params.page_token:
            raise InvalidParams("There is no such page")
        task_id = task_of_token(request)
        looked = await self._reader.looked(request, task_id)
        found = []
        if _matches(looked, params):
            history, artifacts = params.history_length or 0, params.include_artifacts
            found.append(await self._reader.task(request, looked, history=history, artifacts=artifacts))
        size = params.page_size or 50
        return {"tasks": found, "nextPageToken": "", "pageSize": size, "totalSize": len(found)}

    async def send_message(self, request: Request, params: SendMessage) -> Json:
        seq = await self.append(request, params)
        looked = await self._reader.looked(request, task_of_token(request))
        if not params.configuration.return_immediately:
            looked = await self._once_answered(request, looked, seq)
        history = params.configuration.history_length
        return {"task": await self._reader.task(request, looked, history=history)}

    async def append(self, request: Request, params: SendMessage) -> int:
        """Once for each `messageId` of a device, however often it is sent; the number of its event."""
        message = params.message
        task_id = task_of_token(request)
        _require_for(task_id, message)
        if params.configuration.task_push_notification_config:
            raise PushNotificationNotSupported("There are no push notifications: follow the task")
        event = {
            "kind": "message",
            "role": _ROLES[message.role],
            "body": {"text": _text(message), "message_id": message.message_id},
        }
        key = hashlib.sha256(message.message_id.encode("utf-8", "surrogatepass")).hexdigest()
        answered = await self._store.post(request, f"/tasks/{task_id}/events", {"events": [event]}, key=f"a2a.{key}")
        if answered.status >= 400:
            raise refusal(answered)
        return int(answered.value["last"])

    async def cancel_task(self, request: Request, params: NamedTask) -> Json:
        require_named(request, params.id)
        answered = await cancel(self._store, request, params.id)
        if answered.problem in ("illegal-transition", "unsettled"):
            raise TaskNotCancelable("The task cannot be canceled", {"detail": answered.value["detail"]})
        if answered.status >= 400:
            raise refusal(answered)
        looked = await self._reader.looked(request, params.id)
        return await self._reader.task(request, looked, history=None)

    async def _once_answered(self, request: Request, looked: Looked, seq: int) -> Looked:
        """As it is when it waits for the person or has ended, or when patience is over."""
        if looked.standing.state not in AT_WORK or not allows(request, "events:read"):
            return looked
        task_id, standing = looked.task["task_id"], looked.standing
        with anyio.move_on_after(PATIENCE):
            path = f"/tasks/{task_id}/events?after={max(seq, looked.cursor)}"
            async with self._store.follow(request, path) as events:
                async for event in events:
                    standing = standing if event is None else standing.after(event)
                    if standing.state not in AT_WORK:
                        break
        return await self._reader.looked(request, task_id)


def _require_for(task_id: str, message: Message) -> None:
    """A message is for the token's task, whether it says so or not."""
    if message.task_id not in ("", task_id):
        raise TaskNotFound("Task not found")
    if message.context_id not in ("", task_id):
        raise InvalidParams("The context is another than the task's", {"contextId": task_id})
    if any(named != task_id for named in message.reference_task_ids):
        raise UnsupportedOperation("A token opens one task: no other can be referred to")


def _text(message: Message) -> str:
    """Raises `ContentTypeNotSupported`: a file goes to the task store, which a token for that takes."""
    texts = [part.text for part in message.parts if isinstance(part.text, str)]
    if len(texts) < len(message.parts):
        raise ContentTypeNotSupported("Messages are text", {"accepted": "text/plain"})
    return "\n\n".join(texts)


def _matches(looked: Looked, params: ListTasks) -> bool:
    if params.context_id not in ("", looked.task["task_id"]):
        return False
    if params.status not in ("", "TASK_STATE_UNSPECIFIED", STATES[looked.standing.state]):
        return False
    return params.status_timestamp_after is None or last_at(looked) >= _seconds(params.status_timestamp_after)


def _seconds(text: str) -> float:
    """Of a time that says its zone (RFC 3339). Raises `InvalidParams`."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError) as wrong:
        raise InvalidParams("statusTimestampAfter is not a time") from wrong
    raise InvalidParams("statusTimestampAfter has no zone")
