"""The outermost layer where telemetry is on: one look at each request, for traces and metrics alike."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue_resource.endpoints.request_log import SEEN
from segue_resource.stores.unit import Happened
from segue_resource.telemetry.seen import Seen, method_of, note_route


class Answering(Protocol):
    def answered(self, seen: Seen) -> None: ...


class Watcher(Protocol):
    """What the server tells of itself, whoever listens."""

    def request(self, scope: Scope, seen: Seen) -> AbstractContextManager[Answering]:
        """A request is under way inside."""
        ...

    def answered(self, seen: Seen, *, seconds: float) -> None:
        """An answer has begun."""
        ...

    def ended(self, seen: Seen) -> None: ...

    def happened(self, happened: Happened) -> None:
        """It is committed."""
        ...

    def chore(self, what: str, do: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        """The same chore, watched."""
        ...

    def database(self, database: Database) -> Database:
        """The same database, watched."""
        ...

    def ephemeral(self, ephemeral: Ephemeral) -> None:
        """Watch it."""
        ...

    def lifespan(self, app: Starlette) -> AbstractAsyncContextManager[None]: ...


class Watching:
    """A request counts, and a stream's span ends, when the answer begins: a stream would else be seen hours later."""

    def __init__(self, app: ASGIApp, *, telemetry: Watcher) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = Seen(method_of(scope))
        scope = {**scope, SEEN: seen.members}
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                note_route(scope, seen)
                seen.status, seen.streams = message["status"], _streams(message)
                self._telemetry.answered(seen, seconds=time.perf_counter() - began)
                span.answered(seen)
            await send(message)

        with self._telemetry.request(scope, seen) as span:
            try:
                await self._app(scope, receive, watched)
            finally:
                self._telemetry.ended(seen)


def _streams(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message.get("headers", ())
    )
