"""An agent backend of the suite's own, behind the middleware that comes with it, with an issuer whose keys are here.

In process: no attack on the middleware needs a network, and its clock is the attack's.
"""

from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from segue.clock import now
from segue.middleware import TaskTokenMiddleware
from segue.requires import requires
from segue.testing import TestDevice, TestIssuer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from segue_threats.evidence import Pace, Recording
from segue_threats.lab import Lab

ISSUER, AUDIENCE = "https://id.example", "https://agent.example"
ROUTES = ("/read", "/write", "/mounted/read", "/failing", "/nowhere", "/", "/docs")


class Backend:
    """`seen` are the scopes that have reached the app, `reached` counts what an action let through."""

    def __init__(self) -> None:
        self.time = now()
        self.online = True
        self.seen: list[MutableMapping[str, Any]] = []
        self.written = 0
        self.issuer = TestIssuer(issuer=ISSUER, audience=AUDIENCE, clock=self.clock)
        self.device = TestDevice(clock=self.clock)
        self.app = TaskTokenMiddleware(
            self._noting, issuer=ISSUER, audience=AUDIENCE, fetch=self._fetch, clock=self.clock
        )
        self.http = httpx2.AsyncClient()
        self._nonce: str | None = None
        self._routed = Starlette(
            routes=[
                Route("/read", self._read),
                Route("/write", self._write, methods=["POST"]),
                Route("/failing", self._failing),
                Mount("/mounted", Starlette(routes=[Route("/read", self._read)])),
                WebSocketRoute("/socket", self._socket),
            ]
        )

    def clock(self) -> int:
        return self.time

    async def send(
        self, token: str, method: str = "GET", path: str = "/read", *, by: TestDevice | None = None
    ) -> httpx2.Response:
        """A request as a device makes it, once more with the nonce that is asked for."""
        for _ in range(2):
            headers = (by or self.device).headers(method, AUDIENCE + path, token, nonce=self._nonce)
            answer = await self.http.request(method, AUDIENCE + path, headers=headers)
            self._nonce = answer.headers.get("DPoP-Nonce", self._nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break
        return answer

    async def socket(self, headers: Mapping[str, str]) -> list[str]:
        """What a WebSocket handshake is told."""
        told: list[str] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(str(message["type"]))

        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "path": "/socket", "headers": raw, "query_string": b"", "subprotocols": []}
        await self.app(scope, receive, send)
        return told

    async def _fetch(self, url: str) -> bytes:
        if not self.online:
            raise OSError("the issuer does not answer")
        return await self.issuer.fetch(url)

    async def _noting(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.seen.append(scope)
        await self._routed(scope, receive, send)

    async def _read(self, request: Request) -> Response:
        return JSONResponse({"task": request.scope["segue"].authority.task_id})

    @requires("tool_calls:claim")
    async def _write(self, _: Request) -> Response:
        self.written += 1
        return Response(status_code=204)

    async def _failing(self, _: Request) -> Response:
        raise RuntimeError("a failure of the app")

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()


@asynccontextmanager
async def open_backend(lab: Lab) -> AsyncIterator[Backend]:
    """Its exchanges are evidence of the lab."""
    backend = Backend()
    way = httpx2.ASGITransport(app=backend.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=Recording(way, lab.trail, Pace(0))) as http:
        backend.http = http
        yield backend
