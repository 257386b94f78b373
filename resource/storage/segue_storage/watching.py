"""The outermost layer of both servers: one look at each request, for its line of log, for traces and for metrics."""

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Any, Protocol

from . import logs, request_log
from .chunks import CHUNKS, WAY
from .database import Database
from .ephemeral import Ephemeral
from .request_id import request_id
from .seen import SEEN, TOKEN_CHECKED, Seen, method_of
from .tally import Tally

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Answering(Protocol):
    @property
    def trace_id(self) -> str | None: ...

    def answered(self, seen: Seen) -> None: ...


class Watcher(Protocol):
    """What the server tells of itself, whoever listens."""

    tally: Tally

    def request(self, scope: Mapping[str, Any], seen: Seen) -> AbstractContextManager[Answering]:
        """A request is under way inside."""
        ...

    def answered(self, seen: Seen, *, seconds: float) -> None:
        """An answer has begun."""
        ...

    def ended(self, seen: Seen) -> None: ...

    def chore(self, what: str, do: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        """The same chore, watched."""
        ...

    def database(self, database: Database) -> Database:
        """The same database, watched."""
        ...

    def ephemeral(self, ephemeral: Ephemeral) -> Ephemeral:
        """The same memory, watched."""
        ...

    def gauge(self, name: str, read: Callable[[], float | None]) -> None:
        """What the server knows at once, by the name that its catalogue has for it; None for not known."""
        ...

    def look(self, look: Callable[[], Awaitable[Mapping[str, float]]], *, every: float = 30.0) -> None:
        """What it has to ask the database for: such numbers by their names, asked for `every` so many seconds."""
        ...

    def carried(self) -> dict[str, str]:
        """Headers by which the next server goes on with the trace that is under way (W3C Trace Context)."""
        ...

    def lifespan(self, app: Any) -> AbstractAsyncContextManager[None]: ...


class Watching:
    """A request counts, and a stream's span ends, when the answer begins: a stream would else be seen hours later.

    `routes` says where to look for the route of whoever did not tell it: the path of each endpoint, by its `id`.
    """

    def __init__(
        self, app: App, *, telemetry: Watcher | None, routes: Callable[[], Mapping[int, str]] = dict[int, str]
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._find_routes = routes
        self._routes: Mapping[int, str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        telemetry, began = self._telemetry, time.perf_counter()
        seen = Seen(method_of(scope))
        members = seen.members
        scope = {**scope, SEEN: members}

        def answered(status: int) -> None:
            seen.status = status
            if "route" not in members:
                members["route"] = self._route(scope)
            if telemetry is not None:
                telemetry.answered(seen, seconds=time.perf_counter() - began)
                span.answered(seen)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.streams = _streams(message)
                answered(message["status"])
                if CHUNKS in message:
                    message[CHUNKS].go(scope.get(WAY))
            await send(message)

        with _NOBODY if telemetry is None else telemetry.request(scope, seen) as span:
            ids = {"request_id": request_id(scope["headers"])}
            if span.trace_id is not None:
                ids["trace_id"] = span.trace_id
            lines = logs.begin(ids)
            try:
                await self._app(scope, receive, watched)
            except Exception:  # whoever is outside answers it
                if not seen.status:
                    answered(500)
                raise
            finally:
                if telemetry is not None:
                    telemetry.ended(seen)
                members.pop(TOKEN_CHECKED, None)
                milliseconds = round((time.perf_counter() - began) * 1000)
                request_log.tell(members, method=seen.method, status=seen.status, milliseconds=milliseconds)
                logs.end(lines)

    def _route(self, scope: Scope) -> str | None:
        if self._routes is None:
            self._routes = self._find_routes()
        endpoint = scope.get("endpoint")
        return None if endpoint is None else self._routes.get(id(endpoint))


class _Unseen:
    """Where nobody watches."""

    trace_id = None

    def answered(self, seen: Seen) -> None:
        pass


_NOBODY = nullcontext(_Unseen())


def _streams(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message.get("headers", ())
    )
