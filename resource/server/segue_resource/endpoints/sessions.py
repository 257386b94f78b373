"""`/tasks/{task_id}/sessions`: which connection of which device belongs to the task.

A device that lost the task may still say that it reads along: a session changes nothing but who is there.
"""

from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.refusal import NoConnection, NotYourSession, TooMuch
from segue_resource.domain.session import Joining, Leaving, Session
from segue_resource.endpoints.body import Nothing, Shape, read_body
from segue_resource.endpoints.header import Number, identifier, path_id
from segue_resource.endpoints.operation import Text, operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier, Name, Word, require_name
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import sessions
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

LARGEST = 10**15 - 1
BEFORE = Number("before", default=LARGEST, least=1, most=LARGEST)
SINCE = Number("since", default=0, least=0, most=LARGEST)
UNTIL = Number("until", default=LARGEST, least=0, most=LARGEST)


class NewSession(Shape, frozen=True):
    name: Name
    transport: Word
    connection_id: Identifier | None = None
    reason: Joining = Joining.OPENED


class SessionEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, *, random: Random) -> None:
        self._store = store
        self._random = random

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/sessions", GET=self.list_sessions, POST=self.join),
            route("/tasks/{task_id}/sessions/{session_id}", DELETE=self.end),
        ]

    @operation("A new session", body=NewSession, answers={201: Session}, refuses=[TooMuch, NoConnection])
    @requires("task:read", task="task_id")
    async def join(self, request: Request) -> Response:
        body, content = await read_body(request, NewSession)
        require_name(body.name)
        session_id = f"ses_{self._random(12).hex()}"

        def work(writing: Writing) -> Answer:
            session = sessions.join(
                writing,
                session_id=session_id,
                name=body.name,
                transport=body.transport,
                connection_id=body.connection_id,
                reason=body.reason,
            )
            return answer(201, session)

        return await mutate(self._store, request, content, work, stale_too=True)

    @operation(
        "The sessions, newest first",
        query=[BEFORE, SINCE, UNTIL, Text("device_id", Identifier)],
        answers={200: {"sessions": list[Session], "next_before": int | None}},
    )
    @requires("task:read", task="task_id")
    async def list_sessions(self, request: Request) -> Response:
        """The newest first, in pages: `before` is the `next_before` of the page before."""
        before = BEFORE.of(request)
        since = SINCE.of(request)
        until = UNTIL.of(request)
        device_id = identifier(request, "device_id")

        def work(reading: Reading) -> tuple[list[Session], int | None]:
            return sessions.page(reading, before=before, since=since, until=until, device_id=device_id)

        (found, next_before), head = await self._store.read(caller_of(request), work)
        return show({"sessions": found, "next_before": next_before}, head=head)

    @operation(
        "End a session",
        body=Nothing,
        query=[Text("reason", Leaving)],
        answers={204: None},
        refuses=[NotYourSession, NoConnection],
    )
    @requires("task:read", task="task_id")
    async def end(self, request: Request) -> Response:
        """The session's own device ends it; again is harmless. `?reason=switched`: to turn to another task."""
        _, content = await read_body(request, Nothing)
        session_id, reason = path_id(request, "session_id"), _leaving(request)

        def work(writing: Writing) -> Answer:
            sessions.end(writing, session_id, reason=reason)
            return answer(204)

        return await mutate(self._store, request, content, work, stale_too=True)


def _leaving(request: Request) -> Leaving:
    try:
        return Leaving(identifier(request, "reason") or Leaving.ENDED)
    except ValueError as wrong:
        detail = f"reason is not one of {', '.join(Leaving)}"
        raise Problem(400, "invalid-request", "The request is not of the documented form", detail) from wrong
