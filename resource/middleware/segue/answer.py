"""Sends one HTTP answer of a protected app: adds the nonce, and turns an escaped `Problem` into its answer."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from segue.problem import Headers, Problem, problem_response
from segue.replay import MemoryUnavailable

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Answer:
    """Stands between the app and the server's `send`. Every answer that no cache keeps carries a fresh nonce.

    A kept one would bring its nonce back when it is stale (RFC 9449 section 8.2). So an answer that says nothing of
    caches is made one they do not keep, and one that may be kept gets no nonce.
    """

    __slots__ = ("_fresh_nonce", "_problem", "_send", "_started")

    def __init__(self, send: Send, fresh_nonce: Callable[[], Awaitable[str]]) -> None:
        self._send = send
        self._fresh_nonce = fresh_nonce
        self._started = False
        self._problem: Problem | None = None

    async def send(self, message: Message) -> None:
        """The app's `send`.

        A framework that answers 500 while it handles a `Problem` (as Starlette's outermost layer does, before it
        raises it again) does not know what one is: the problem's own answer is sent in its place.
        """
        if self._problem is not None:
            return
        if message["type"] == "http.response.start":
            if message["status"] == 500 and isinstance(handled := sys.exception(), Problem):
                await self.refuse(handled)
                return
            self._started = True
            headers = list(message.get("headers", ()))
            kept = b",".join([value for name, value in headers if name.lower() == b"cache-control"])
            if not kept:
                headers.append((b"cache-control", b"no-store"))
            if not kept or b"no-store" in kept.lower():
                headers += await self._nonce_header()
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer with the problem. Raises it if another answer has begun already."""
        if self._problem is problem:
            return
        if self._started:
            raise problem
        self._problem = problem
        self._started = True
        status, headers, body = problem_response(problem)
        headers += await self._nonce_header()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _nonce_header(self) -> Headers:
        try:
            nonce = await self._fresh_nonce()
        except MemoryUnavailable:
            return []
        return [(b"dpop-nonce", nonce.encode("ascii"))]
