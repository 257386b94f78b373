"""Holds one request of an instance at one of its writes, for as long as somebody else needs to get ahead of it."""

import asyncio
from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE = 20
"""Seconds after which a request that is held goes on by itself."""


class Gate:
    """For the first POST to a path: closed before its write number `at`, counted from 0, until it is opened."""

    def __init__(self, path: str, *, at: int) -> None:
        self.path = path
        self.at = at
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.taken = False
        self._writes = 0

    async def pass_through(self) -> None:
        """Called before each write of the request."""
        number, self._writes = self._writes, self._writes + 1
        if number == self.at:
            self.reached.set()
            async with asyncio.timeout(PATIENCE):
                await self.opened.wait()


_here: ContextVar[Gate | None] = ContextVar("gate", default=None)


class Gated:
    """Wraps an app: the request that the gate is for takes it along."""

    def __init__(self, app: ASGIApp, gates: list[Gate]) -> None:
        self._app = app
        self._gates = gates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _here.set(self._take(scope))
        await self._app(scope, receive, send)

    def _take(self, scope: Scope) -> Gate | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        for gate in self._gates:
            if gate.path == scope["path"] and not gate.taken:
                gate.taken = True
                return gate
        return None


async def at_a_write(*_: Any) -> None:
    """To be awaited before every write."""
    gate = _here.get()
    if gate is not None:
        await gate.pass_through()
