"""Another protocol for the same tasks, in the same process: a protected resource of its own below the store's address.

It has its own audience and its own metadata (RFC 9728). Whoever is let in there is served by the store's own endpoints,
which get what was verified and no token.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from segue.challenge import resource_metadata_url
from segue_storage.seen import seen_in
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

OwnLifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Beside:
    """`app` answers at `path`, behind the checks; `lifespan` is entered when the server starts.

    `public` answers at its paths whoever asks.
    """

    path: str
    app: ASGIApp
    lifespan: OwnLifespan
    public: Mapping[str, ASGIApp] = field(default_factory=dict)


class ServedBeside:
    """Passes requests for `audience`, and for its metadata, to what is `guarded`; all others go on to `app`."""

    def __init__(
        self, app: ASGIApp, *, path: str, audience: str, guarded: ASGIApp, public: Mapping[str, ASGIApp]
    ) -> None:
        self._app = app
        self._path = path
        self._public = public
        self._metadata_path = urlsplit(resource_metadata_url(audience)).path
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._guarded(scope, receive, send)  # the checks stop listening for withdrawals
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == self._path:
            seen_in(scope)["route"] = self._path
            await self._guarded({**scope, "path": "", "raw_path": b""}, receive, send)
        elif (open_to_all := self._public.get(scope["path"])) is not None:
            seen_in(scope)["route"] = scope["path"]
            await open_to_all(scope, receive, send)
        else:
            app = self._guarded if scope["path"] == self._metadata_path else self._app
            await app(scope, receive, send)
