"""Lets a request reach the app only with a valid task token and a proof of its key: pure ASGI, for any framework."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from segue import clock as machine
from segue.admission import Admission
from segue.answer import Answer, Send
from segue.clock import Clock
from segue.dpop import UseDPoPNonce
from segue.epoch import EpochMemory, InProcessEpochs
from segue.fetch import Fetch, fetch_url
from segue.guard import Guard
from segue.issuer_keys import IssuerKeys
from segue.problem import Problem
from segue.refusal import Refused
from segue.replay import InProcessReplayMemory, ReplayMemory
from segue.request import of_scope, without_token
from segue.security_event import MAX_BODY
from segue.step_up import Sensitive
from segue.withdrawals import Withdrawals

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PREFLIGHT = b"access-control-request-method"
_SEEN = "segue.seen"
"""Where a server that wants to know what became of a request has a dict in its scope."""


class TaskTokenMiddleware:
    """Wraps an ASGI app. Behind it, `scope["segue"]` is the request's `TaskToken`, and `scope["segue.epoch"]` the
    highest epoch seen of its task: above the token's own, the token may only read.

    `issuer` is the authorization server. `audience` is the public URL of this app, as tokens name it; `htu` is
    compared with it followed by the request's path, never with `Host`. Several processes need one `replay` memory
    and one `nonce_secret` (32 bytes or more), and may share `epochs`. WebSockets are refused; a CORS preflight goes
    through to the app. The app does not see the token, unless `pass_token` says that it exchanges them.
    `events` is the path at which the issuer's security events are taken, if it shall push any (RFC 8935).
    """

    def __init__(
        self,
        app: App,
        *,
        issuer: str,
        audience: str,
        replay: ReplayMemory | None = None,
        epochs: EpochMemory | None = None,
        nonce_secret: bytes | None = None,
        fetch: Fetch | None = None,
        clock: Clock = machine.now,
        sensitive: Sensitive | None = None,
        pass_token: bool = False,
        events: str | None = None,
    ) -> None:
        self._app = app
        self._pass_token = pass_token
        self._events = events
        self._withdrawals = Withdrawals(issuer, fetch=fetch or fetch_url)
        self._guard = Guard(
            issuer=issuer,
            audience=audience,
            keys=IssuerKeys(issuer, fetch=fetch or fetch_url, clock=clock),
            withdrawals=self._withdrawals,
            replay=replay or InProcessReplayMemory(clock, os.urandom),
            epochs=epochs or InProcessEpochs(clock),
            nonce_secret=nonce_secret,
            clock=clock,
            sensitive=sensitive,
        )

    def seconds_since_heard(self) -> float | None:
        """Since the issuer last said what is withdrawn; None before anybody had to ask. For whoever watches."""
        return self._withdrawals.seconds_since_heard()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._withdrawals.aclose()
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            raise ValueError("nothing but HTTP is served behind task tokens")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == self._guard.metadata_path and scope["method"] in ("GET", "HEAD"):
            await self._publish_metadata(send, scope["method"])
            return
        if scope["path"] == self._events and scope["method"] == "POST":
            await self._take_event(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and any(name == _PREFLIGHT for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        answer = Answer(send, self._guard.fresh_nonce)
        try:
            token, epoch, step_up = await self._guard.admit(of_scope(scope))
            still = Admission(receive, self._withdrawals, token.grant_id)
            headers = scope["headers"] if self._pass_token else without_token(scope["headers"])
            admitted = {**scope, "headers": headers, "segue": token, "segue.epoch": epoch}
            admitted["segue.step_up"] = step_up
            await self._app(admitted, still.receive, answer.send)
        except Problem as problem:
            scope.get(_SEEN, {}).update(problem=problem.slug, **_refused(problem))
            await answer.refuse(problem)

    async def _publish_metadata(self, send: Send, method: str) -> None:
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in self._guard.metadata_headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._guard.metadata if method == "GET" else b""})

    async def _take_event(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the issuer has signed needs no token."""
        types = [value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"]
        body, more = bytearray(), True
        while more and len(body) <= MAX_BODY:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        taken = await self._guard.events.take(types[0] if len(types) == 1 else "", bytes(body))
        if taken.grant_id is not None:
            self._withdrawals.tell(taken.grant_id)
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in taken.headers]
        await send({"type": "http.response.start", "status": taken.status, "headers": headers})
        await send({"type": "http.response.body", "body": taken.body})


def _refused(problem: Problem) -> dict[str, str]:
    """Why a token or a proof is not taken, by the name that this package has for it. A missing nonce is no refusal."""
    cause = problem.__cause__
    counts = isinstance(cause, Refused) and not isinstance(cause, UseDPoPNonce)
    return {"refused": type(cause).__name__} if counts else {}
