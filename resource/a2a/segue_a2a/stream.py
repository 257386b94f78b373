"""SubscribeToTask and SendStreamingMessage: Server-Sent Events made from the log, from a cursor on.

Each block has the event's number as its `id`. Whoever comes back names it in `Last-Event-ID` and gets every update
since, once and in order, from any process and on any device.
"""

from collections.abc import Mapping
from typing import Any

import anyio
from segue_resource.endpoints.beside_standing import ENDED, State
from segue_resource.endpoints.beside_store import BesideStore
from segue_resource.endpoints.beside_task import Looked
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from segue_a2a.objects import Json, about_call, artifact_update, message_of, status_of, status_update
from segue_a2a.reading import Reader
from segue_a2a.rpc import UnsupportedOperation, refusal, result

TURN_OVER = ENDED | {State.WAITING}
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_ALIVE = b":\n\n"


class Updates:
    """One stream, as an ASGI application. It ends with the task, with the token, or in a state of `until`."""

    def __init__(
        self,
        store: BesideStore,
        reader: Reader,
        request: Request,
        *,
        call_id: str | int | None,
        looked: Looked,
        first: Json,
        after: int,
        until: frozenset[State],
    ) -> None:
        self._store = store
        self._reader = reader
        self._request = request
        self._call_id = call_id
        self._task_id = looked.task["task_id"]
        self._cursor = looked.cursor
        self._standing = looked.standing
        self._first = first
        self._after = after
        self._until = until

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _send(send, self._block({"task": self._first}, self._after))
        if self._standing.state in self._until and self._after >= self._cursor:
            return
        async with anyio.create_task_group() as serving:
            serving.start_soon(_left, receive, serving.cancel_scope)
            await self._follow(send)
            serving.cancel_scope.cancel()

    async def _follow(self, send: Send) -> None:
        path = f"/tasks/{self._task_id}/events?after={self._after}"
        async with self._store.follow(self._request, path) as events:
            async for event in events:
                if event is None:
                    await _send(send, _ALIVE)
                    continue
                if event["seq"] > self._cursor:  # up to there the standing has it already
                    self._standing = self._standing.after(event)
                updates = [self._block(update, event["seq"]) for update in await self._updates(event)]
                await _send(send, b"".join(updates) or b"id: %d\n\n" % event["seq"])
                if self._standing.state in self._until and event["seq"] >= self._cursor:
                    break

    async def _updates(self, event: Mapping[str, Any]) -> list[Json]:
        """What a client of A2A is told of an event."""
        kind, body = event["kind"], event["body"]
        if kind == "message":
            return [self._status(event, message=message_of(self._task_id, event))]
        if kind.startswith("tool_call.") and "state" in body:
            return [self._status(event, toolCall=about_call(body))]
        if kind == "working_set.changed" and "item_id" in body:  # what was erased says nothing
            return await self._items(event, [body["item_id"]])
        if kind == "artifact.changed" and "path" in body:
            return [artifact_update(self._task_id, self._reader.file(self._task_id, body), _about(event))]
        if kind == "task.reverted":
            changed = [item["item_id"] for item in body.get("working_set", []) if not item["deleted"]]
            return [self._status(event), *await self._items(event, changed)]
        return [self._status(event)] if kind.startswith("task.") else []

    async def _items(self, event: Mapping[str, Any], item_ids: list[str]) -> list[Json]:
        found = [await self._reader.item(self._request, self._task_id, item_id) for item_id in item_ids]
        return [artifact_update(self._task_id, item, _about(event)) for item in found if item is not None]

    def _status(self, event: Mapping[str, Any], *, message: Json | None = None, **further: Any) -> Json:
        status = status_of(self._task_id, self._standing.state, at=event["at"], question=message)
        return status_update(self._task_id, status, {**_about(event), **further})

    def _block(self, update: Json, seq: int) -> bytes:
        return b"id: %d\ndata: %s\n\n" % (seq, result(self._call_id, update))


async def require_followable(store: BesideStore, request: Request, looked: Looked, *, after: int) -> None:
    """Raises `A2AError`, and `Challenged`: once a stream has begun nothing can be refused."""
    if looked.standing.state in ENDED:
        raise UnsupportedOperation("The task has ended: ask for it by GetTask")
    answered = await store.ask(request, "GET", f"/tasks/{looked.task['task_id']}/events?after={after}&limit=1")
    if answered.status >= 400:
        raise refusal(answered)


def _about(event: Mapping[str, Any]) -> Json:
    return {"seq": event["seq"], "kind": event["kind"]}


async def _left(receive: Receive, serving: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    serving.cancel()


async def _send(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})
