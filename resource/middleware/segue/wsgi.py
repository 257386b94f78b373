"""Lets a request reach the app only with a valid task token and a proof of its key: WSGI, for Flask and Django."""

import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from http import HTTPStatus
from typing import Any

from segue import clock as machine
from segue.blocking import (
    BlockingEpochs,
    BlockingKeys,
    BlockingReplayMemory,
    BlockingWithdrawals,
    LoopThread,
    run_now,
)
from segue.clock import Clock
from segue.epoch import EpochMemory, InProcessEpochs
from segue.fetch import Fetch, fetch_url
from segue.guard import Guard
from segue.issuer_keys import IssuerKeys
from segue.problem import Problem, problem_response
from segue.replay import InProcessReplayMemory, MemoryUnavailable, ReplayMemory
from segue.request import drop_token, of_environ
from segue.requires import CURRENT
from segue.security_event import MAX_BODY
from segue.step_up import Sensitive
from segue.withdrawals import Withdrawals

Environ = MutableMapping[str, Any]
Fields = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class TaskTokenMiddleware:
    """Wraps a WSGI app. Behind it, `environ["segue"]` is the request's `TaskToken`, and `environ["segue.epoch"]` the
    highest epoch seen of its task: above the token's own, the token may only read.

    The arguments are those of `segue.middleware.TaskTokenMiddleware`, and so are the checks. What has to be fetched
    is fetched in one thread of each process, which a request waits for only when nothing is known yet.
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
        self._loop = LoopThread()
        self._withdrawals = Withdrawals(issuer, fetch=fetch or fetch_url)
        keys = IssuerKeys(issuer, fetch=fetch or fetch_url, clock=clock)
        self._guard = Guard(
            issuer=issuer,
            audience=audience,
            keys=BlockingKeys(keys, self._loop),
            withdrawals=BlockingWithdrawals(self._withdrawals, self._loop),
            replay=BlockingReplayMemory(replay, self._loop) if replay else InProcessReplayMemory(clock, os.urandom),
            epochs=BlockingEpochs(epochs, self._loop) if epochs else InProcessEpochs(clock),
            nonce_secret=nonce_secret,
            clock=clock,
            sensitive=sensitive,
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if path == self._guard.metadata_path and method in ("GET", "HEAD"):
            start_response("200 OK", list(self._guard.metadata_headers))
            return [self._guard.metadata] if method == "GET" else []
        if path == self._events and method == "POST":
            return self._take_event(environ, start_response)
        if method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            return self._app(environ, start_response)
        answer = _Answer(environ, start_response, self._guard)
        try:
            token, environ["segue.epoch"], environ["segue.step_up"] = run_now(self._guard.admit(of_environ(environ)))
            environ["segue"] = token
            if not self._pass_token:
                drop_token(environ)
            body = self._ask(environ, answer)
        except Problem as problem:
            return answer.refuse(problem)
        if isinstance(body, list | tuple) and answer.problem is None:
            return body
        return _Body(body, answer, lambda: self._withdrawals.known(token.grant_id) is False)

    def close(self) -> None:
        """End the thread; a further request begins a new one."""
        if self._loop.running:
            self._loop.result(self._withdrawals.aclose())
            self._loop.close()

    def _take_event(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """What the issuer has signed needs no token."""
        length = str(environ.get("CONTENT_LENGTH", ""))
        size = int(length) if length.isascii() and length.isdigit() and len(length) < 9 else 0
        body = environ["wsgi.input"].read(min(size, MAX_BODY + 1))
        taken = run_now(self._guard.events.take(environ.get("CONTENT_TYPE", ""), body))
        if taken.grant_id is not None:
            self._withdrawals.tell(taken.grant_id)
        start_response(f"{taken.status} {_phrase(taken.status)}", taken.headers)
        return [taken.body]

    def _ask(self, environ: Environ, answer: "_Answer") -> Iterable[bytes]:
        here = CURRENT.set(environ)
        try:
            return self._app(environ, answer.start)
        finally:
            CURRENT.reset(here)


class _Answer:
    """Stands between the app and the server's `start_response`, as `segue.answer.Answer` does in ASGI.

    Flask and Django make a 500 of every exception that escapes a handler. `requires` notes a `Problem` in the environ,
    whose own answer then takes the place of that 500.
    """

    def __init__(self, environ: Environ, start_response: StartResponse, guard: Guard) -> None:
        self._environ = environ
        self._start_response = start_response
        self._guard = guard
        self._started = False
        self.problem: Problem | None = None

    def start(self, status: str, headers: Fields, exc_info: Any = None) -> Callable[[bytes], object]:
        """The app's `start_response`."""
        noted = self._environ.get("segue.problem")
        if status.startswith("500") and isinstance(noted, Problem):
            self.problem = noted
            return _discard
        self._started = True
        kept = ",".join(value for name, value in headers if name.lower() == "cache-control")
        if not kept:
            headers = [*headers, ("Cache-Control", "no-store")]
        if not kept or "no-store" in kept.lower():
            headers = [*headers, *self._nonce()]
        return self._start_response(status, headers, *([exc_info] if exc_info else []))

    def refuse(self, problem: Problem) -> list[bytes]:
        """Answer with the problem. Raises it if another answer has begun already."""
        if self._started:
            raise problem
        self._started = True
        status, headers, body = problem_response(problem)
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        self._start_response(f"{status} {_phrase(status)}", [*fields, *self._nonce()])
        return [] if self._environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _nonce(self) -> Fields:
        try:
            return [("DPoP-Nonce", run_now(self._guard.fresh_nonce()))]
        except MemoryUnavailable:
            return []


class _Body:
    """The app's body, which ends when the token's grant is withdrawn, or gives way to the problem's."""

    def __init__(self, body: Iterable[bytes], answer: _Answer, admitted: Callable[[], bool]) -> None:
        self._body = body
        self._pieces = self._checked(answer, admitted)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Called by the server, come what may."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _checked(self, answer: _Answer, admitted: Callable[[], bool]) -> Iterator[bytes]:
        try:
            for piece in self._body:
                if answer.problem is not None or not admitted():
                    break
                yield piece
        except Problem as problem:
            yield from answer.refuse(problem)
            return
        if answer.problem is not None:
            yield from answer.refuse(answer.problem)


def _discard(_: bytes) -> None:
    """The `write` of an answer that is not sent."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
