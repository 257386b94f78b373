"""`/tasks/{task_id}/presence`: who is there now (T15). What is not renewed is forgotten, and so is all if Redis is."""

from typing import Literal, TypedDict

import msgspec
from segue.requires import requires
from segue_storage.ephemeral import Ephemeral
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NotYourSession, TooMuch
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.live import Lives, board
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier
from segue_resource.endpoints.task_request import caller_of, show
from segue_resource.stores import sessions
from segue_resource.stores.drafts import live_topic
from segue_resource.stores.task_store import TaskStore

LIFETIME = 30
"""Seconds after which who has not said so again is no longer there."""
MOST = 200
"""Sessions of one task that are remembered as present."""


class Present(TypedDict):
    """One session that says it is there. `client_id` and `device_id` are those of its token."""

    session_id: str
    sub: str
    client_id: str
    device_id: str
    role: Role
    state: Literal["here", "away", "typing"]


class NewPresence(Shape, frozen=True):
    state: Literal["here", "away", "typing"]
    session_id: Identifier


PRESENCE = {"known": bool, "somebody": bool | None, "present": list[Present]}


class PresenceEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, ephemeral: Ephemeral, lives: Lives) -> None:
        self._store = store
        self._ephemeral = ephemeral
        self._lives = lives

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/presence", GET=self.read, PUT=self.put)]

    @operation("Who is there now", answers={200: PRESENCE})
    @requires("task:read", task="task_id")
    async def read(self, request: Request) -> Response:
        caller = caller_of(request)
        _, head = await self._store.read(caller, lambda _: None)
        with self._lives.of(caller.task_id) as live:
            snapshot = await live.read()
        return show(snapshot.presence(), head=head)

    @operation("Say that you are there", body=NewPresence, answers={204: None}, refuses=[NotYourSession, TooMuch])
    @requires("task:read", task="task_id")
    async def put(self, request: Request) -> Response:
        body, _ = await read_body(request, NewPresence)
        caller = caller_of(request)
        role, head = await self._store.read(caller, lambda reading: sessions.require_own(reading, body.session_id))
        entry = {"session_id": body.session_id, **msgspec.to_builtins(caller.actor), "role": role, "state": body.state}
        value = msgspec.json.encode(entry)
        task = caller.task_id
        if await self._ephemeral.put_note(board(task), body.session_id, value, most=MOST, lifetime=LIFETIME):
            await self._ephemeral.wake(live_topic(task))
        return Response(status_code=204, headers={"Task-Head": str(head)})
