"""An agent backend behind TaskTokenMiddleware, its issuer and a device, in process."""

import json
from collections.abc import MutableMapping
from typing import Any

from segue.middleware import TaskTokenMiddleware
from segue.testing import TestDevice, TestIssuer

URL = "https://agent.example"
METADATA = f"{URL}/.well-known/oauth-protected-resource"
Headers = list[tuple[bytes, bytes]]


class Answered:
    """What a client would see."""

    def __init__(self, messages: list[MutableMapping[str, Any]]) -> None:
        start, *bodies = messages
        self.status: int = start["status"]
        self.fields = [(name.decode(), value.decode()) for name, value in start["headers"]]
        self.headers = dict(self.fields)
        self.body = b"".join(body["body"] for body in bodies)
        self.challenge = self.headers.get("www-authenticate", "")

    @property
    def problem(self) -> Any:
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)


class Backend:
    """An agent backend behind the middleware, its issuer and a device."""

    def __init__(self, audience: str = URL) -> None:
        self.now = 1_800_000_000
        self.issuer = TestIssuer(audience=audience, clock=lambda: self.now)
        self.device = TestDevice(clock=lambda: self.now)
        self.reached: list[Any] = []
        self.failure: Exception | None = None
        self.app = TaskTokenMiddleware(
            self.handler,
            issuer=self.issuer.issuer,
            audience=audience,
            fetch=self.issuer.fetch,
            clock=lambda: self.now,
        )
        self.nonce: str | None = None

    async def handler(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.reached.append(scope.get("segue"))
        if self.failure is not None:
            raise self.failure
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]})
        await send({"type": "http.response.body", "body": b"hello"})

    async def send(self, headers: Headers, method: str = "GET", path: str = "/run", **scope: Any) -> Answered:
        messages: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        http = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b"", **scope}
        await self.app(http, nothing, send)
        return Answered(messages)

    def headers(self, token: str, *, method: str = "GET", url: str = f"{URL}/run", device: Any = None) -> Headers:
        fields = (device or self.device).headers(method, url, token, nonce=self.nonce)
        return [(name.lower().encode(), value.encode()) for name, value in fields.items()]

    async def with_nonce(self) -> "Backend":
        self.nonce = (await self.send([])).headers["dpop-nonce"]
        return self


async def nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
