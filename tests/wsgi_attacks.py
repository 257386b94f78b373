"""Attacks on what the middleware does under WSGI alone; its checks are those of ASGI."""

import asyncio
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.util import setup_testing_defaults

from attacked import Attacks
from segue import jose
from segue.testing import TestDevice, TestIssuer
from segue.wsgi import TaskTokenMiddleware

attacks = Attacks()


def attack(carried_out: Callable[[], bool]) -> Callable[[], bool]:
    """Put it on the list. It is carried out by a thread, as a WSGI server does."""

    @functools.wraps(carried_out)
    async def by_a_thread() -> bool:
        return await asyncio.to_thread(carried_out)

    attacks(by_a_thread)
    return carried_out


class Target:
    """An app that streams, its issuer and a device."""

    def __init__(self) -> None:
        self.issuer, self.device = TestIssuer(), TestDevice()
        names: dict[str, Any] = {"issuer": self.issuer.issuer, "audience": self.issuer.audience}
        self.app = TaskTokenMiddleware(self._stream, fetch=self.issuer.fetch, **names)
        self.reached = False
        self.nonce: str | None = None

    def _stream(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.reached = True
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"first", b"second"])

    def send(self, method: str, **fields: str) -> Iterator[bytes]:
        environ: dict[str, Any] = {"REQUEST_METHOD": method, **fields}
        setup_testing_defaults(environ)

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            self.nonce = dict(headers).get("DPoP-Nonce", self.nonce)

        return iter(self.app(environ, start_response))

    def ask(self, token: str) -> Iterator[bytes]:
        fields = self.device.headers("GET", f"{self.issuer.audience}/", token, nonce=self.nonce)
        return self.send("GET", HTTP_AUTHORIZATION=fields["Authorization"], HTTP_DPOP=fields["DPoP"])


@contextmanager
def target() -> Iterator[Target]:
    """Ended afterwards."""
    found = Target()
    try:
        yield found
    finally:
        found.app.close()


@attack
def a_post_that_looks_like_a_preflight_gets_through() -> bool:
    with target() as it:
        it.send("POST", HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
        return it.reached


@attack
def options_without_the_header_of_a_preflight_gets_through() -> bool:
    with target() as it:
        it.send("OPTIONS")
        return it.reached


@attack
def a_stream_goes_on_under_a_withdrawn_token() -> bool:
    with target() as it:
        token = it.issuer.token(it.device, grant_id="grt_1")
        list(it.ask(token))
        stream = it.ask(token)
        assert next(stream) == b"first"
        it.app._withdrawals._digests = frozenset({jose.b64url_encode(hashlib.sha256(b"grt_1").digest())})
        return list(stream) != []
