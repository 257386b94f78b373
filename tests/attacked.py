"""What attacks on the middleware stand on: a list of them, and a backend whose issuer can be made to say anything."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from segue import jose
from segue.epoch import InProcessEpochs
from segue.middleware import TaskTokenMiddleware
from segue.replay import InProcessReplayMemory
from segue.requires import requires
from segue_backend import URL, Answered, Backend

ISSUER = "https://id.example"
METADATA = f"{ISSUER}/.well-known/oauth-authorization-server"

Attack = Callable[[], Coroutine[Any, Any, bool]]
"""Answers whether the attacker got what they wanted."""


class Attacks:
    """Those of one kind: a decorator puts each on the list."""

    def __init__(self) -> None:
        self.all: list[Attack] = []

    def __call__(self, attack: Attack) -> Attack:
        self.all.append(attack)
        return attack


class Target(Backend):
    """A backend whose handler writes to the task in the path, and whose issuer's documents can be replaced."""

    def __init__(self, *, uses: int = 100, tasks: int = 100) -> None:
        super().__init__()
        self.documents: dict[str, Any] = {}
        self.cache_control: bytes | None = None
        self.memory = InProcessReplayMemory(lambda: self.now, lambda size: b"i" * size, uses)
        self.epochs = InProcessEpochs(lambda: self.now, tasks)
        self.app = TaskTokenMiddleware(
            self.handler,
            issuer=ISSUER,
            audience=URL,
            fetch=self.fetch,
            clock=lambda: self.now,
            replay=self.memory,
            epochs=self.epochs,
        )

    async def fetch(self, url: str) -> bytes:
        address = url.partition("?")[0]
        if address not in self.documents:
            return await self.issuer.fetch(url)
        document = self.documents[address]
        if isinstance(document, Exception):
            raise document
        return json.dumps(document).encode()

    async def handler(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and "segue" in scope:
            await _write(_Request(scope), task_id=scope["path"].removeprefix("/"))
        self.reached.append(scope.get("segue"))
        if scope["type"] == "http":
            said = [] if self.cache_control is None else [(b"cache-control", self.cache_control)]
            await send({"type": "http.response.start", "status": 200, "headers": said})
            await send({"type": "http.response.body", "body": b""})

    def token(self, **claims: Any) -> str:
        return self.issuer.token(self.device, **{"task_id": "tsk_1", "actions": ["task:read", "task:write"], **claims})

    async def ask(self, token: str, path: str = "/tsk_1") -> Answered:
        return await self.send(self.headers(token, url=URL + path), path=path)

    async def lets_in(self, token: str) -> bool:
        return (await self.ask(token)).status == 200

    def withdraw(self, *grants: str) -> None:
        digests = [jose.b64url_encode(hashlib.sha256(grant.encode()).digest()) for grant in grants]
        self.tell_withdrawals({"grants": digests, "tag": "1"})

    def tell_withdrawals(self, answer: Any, *, endpoint: Any = f"{ISSUER}/withdrawals") -> None:
        self.documents |= {METADATA: {**metadata(), "withdrawal_endpoint": endpoint}, str(endpoint): answer}


class _Request:
    def __init__(self, scope: Any) -> None:
        self.scope = scope


@requires("task:write", task="task_id")
async def _write(request: _Request, *, task_id: str) -> None:
    """What the attacker is after."""


@asynccontextmanager
async def target(**parts: Any) -> AsyncIterator[Target]:
    """Up, with a nonce; ended afterwards."""
    found = Target(**parts)
    await found.with_nonce()
    try:
        yield found
    finally:
        await found.app._withdrawals.aclose()


def metadata(**changes: Any) -> dict[str, Any]:
    return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", **changes}
