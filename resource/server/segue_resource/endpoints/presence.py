"""`/tasks/{task_id}/presence`: who is there now (T15). What is not renewed is forgotten, and so is all if Redis is."""

from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.presence import Present, State
from segue_resource.domain.refusal import NotYourSession, TooMuch
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.live import Lives
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier
from segue_resource.endpoints.task_request import caller_of, show
from segue_resource.stores import sessions
from segue_resource.stores.presence import Presence
from segue_resource.stores.task_store import TaskStore


class NewPresence(Shape, frozen=True):
    state: State
    session_id: Identifier


PRESENCE = {"known": bool, "somebody": bool | None, "present": list[Present]}


class PresenceEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, presence: Presence, lives: Lives) -> None:
        self._store = store
        self._presence = presence
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

    @operation(
        "Say that you are there",
        body=NewPresence,
        answers={204: None},
        refuses=[NotYourSession, TooMuch],
        idempotency=False,
    )
    @requires("task:read", task="task_id")
    async def put(self, request: Request) -> Response:
        body, _ = await read_body(request, NewPresence)
        caller = caller_of(request)
        role, head = await self._store.read(caller, lambda reading: sessions.require_own(reading, body.session_id))
        actor = caller.actor
        entry = Present(
            session_id=body.session_id,
            sub=actor.sub,
            client_id=actor.client_id,
            device_id=actor.device_id,
            role=role,
            state=body.state,
        )
        await self._presence.put(caller.task_id, entry)
        return Response(status_code=204, headers={"Task-Head": str(head)})
