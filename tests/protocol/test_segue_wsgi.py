"""TaskTokenMiddleware for WSGI: the answers are those of ASGI, whatever the app does and however many threads ask."""

import asyncio
import io
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from segue.blocking import LoopThread, run_now
from segue.problem import Problem
from segue.replay import InProcessReplayMemory, MemoryUnavailable
from segue.requires import requires
from segue.testing import TestDevice, TestIssuer
from segue.wsgi import TaskTokenMiddleware
from segue_backend import METADATA, URL

pytestmark = pytest.mark.requirement("E1", "U2")


class Answered:
    """What a client would see."""

    def __init__(self, status: str, fields: list[tuple[str, str]], body: bytes) -> None:
        self.status = int(status.split(" ")[0])
        self.line = status
        self.fields = fields
        self.headers = {name.lower(): value for name, value in fields}
        self.challenge = self.headers.get("www-authenticate", "")
        self.body = body


class World:
    """A WSGI app behind the middleware, its issuer and a device."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_800_000_000
        self.issuer = TestIssuer(clock=lambda: self.now)
        self.device = TestDevice(clock=lambda: self.now)
        self.reached: list[Any] = []
        self.handler: Callable[..., Iterable[bytes]] = hello
        arguments = {"fetch": self.issuer.fetch, "clock": lambda: self.now, **options}
        self.app = TaskTokenMiddleware(self._app, issuer=self.issuer.issuer, audience=URL, **arguments)
        self.nonce: str | None = None

    def _app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.reached.append(environ.get("segue"))
        return self.handler(environ, start_response)

    def ask(
        self,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        path: str = "/run",
        **environ: Any,
    ) -> Answered:
        content: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
        } | environ
        content |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
        setup_testing_defaults(content)
        content["wsgi.input"] = io.BytesIO()
        started: list[Any] = []

        def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started[:] = [status, fields]
            return lambda data: None

        pieces = validator(self.app)(content, start_response)
        try:
            data = b"".join(pieces)
        finally:
            pieces.close()
        return Answered(*started, data)

    def headers(self, token: str, *, method: str = "GET", path: str = "/run", device: Any = None) -> dict[str, str]:
        if self.nonce is None:
            self.nonce = self.ask().headers["dpop-nonce"]
        sent: dict[str, str] = (device or self.device).headers(method, URL + path, token, nonce=self.nonce)
        return sent

    def allowed(self, *actions: str, **claims: Any) -> Answered:
        return self.ask(self.headers(self.issuer.token(self.device, actions=actions or ["task:read"], **claims)))


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.app.close()


def test_a_good_request_reaches_the_app_with_its_token(world: World) -> None:
    answer = world.allowed(task_id="tsk_9")
    assert (answer.status, answer.body) == (200, b"hello")
    assert world.reached[-1].authority.task_id == "tsk_9"
    assert [name for name, _ in answer.fields].count("DPoP-Nonce") == 1


@pytest.mark.requirement("XD-AGT-06")
@pytest.mark.parametrize("pass_token", [False, True])
def test_the_app_sees_the_token_only_if_it_says_that_it_exchanges_it(pass_token: bool) -> None:
    world, seen = World(pass_token=pass_token), set()

    def noting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.update(environ)
        return hello(environ, start_response)

    world.handler = noting
    assert world.allowed().status == 200
    assert ("HTTP_AUTHORIZATION" in seen) == pass_token
    world.app.close()


@pytest.mark.requirement("RFC9449-8-2-b")
@pytest.mark.parametrize(("said", "nonces"), [(None, 1), ("no-store", 1), ("max-age=60", 0)])
def test_rfc9449_8_2_an_answer_with_a_nonce_is_uncacheable(world: World, said: str | None, nonces: int) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "a/b"), *([("cache-control", said)] if said else [])])
        return [b""]

    world.handler = app
    answer = world.allowed()
    assert answer.headers["cache-control"] == (said or "no-store")
    assert [name for name, _ in answer.fields].count("DPoP-Nonce") == nonces


@pytest.mark.requirement("RFC6750-3-1", "RFC9449-7-1-a", "RFC9728-5-1")
def test_a_request_without_a_token_is_challenged_without_an_error_code(world: World) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        answer = world.ask(headers)
        assert (answer.line, answer.challenge) == (
            "401 Unauthorized",
            f'DPoP algs="ES256", resource_metadata="{METADATA}"',
        )
    assert world.ask({}, method="HEAD").body == b""
    assert world.reached == []


@pytest.mark.requirement("RFC9449-9")
def test_a_proof_without_a_nonce_is_answered_with_one_that_works(world: World) -> None:
    token = world.issuer.token(world.device)
    answer = world.ask(world.device.headers("GET", f"{URL}/run", token))
    assert answer.challenge.startswith('DPoP error="use_dpop_nonce"')
    world.nonce = answer.headers["dpop-nonce"]
    assert world.ask(world.headers(token)).status == 200


@pytest.mark.requirement("RFC9728-2", "RFC9728-3-1")
def test_the_server_describes_itself_to_anyone(world: World) -> None:
    path = "/.well-known/oauth-protected-resource"
    assert world.ask(path=path).headers["content-type"] == "application/json"
    assert (world.ask(path=path, method="HEAD").body, world.ask(path=path, method="POST").status) == (b"", 401)


def test_a_preflight_goes_through_to_the_app_without_a_token(world: World) -> None:
    assert world.ask({"Access-Control-Request-Method": "POST"}, method="OPTIONS").status == 200
    assert world.ask({}, method="OPTIONS").status == 401


@pytest.mark.requirement("XD-DPOP-12", "RFC9449-4-3-1", "RFC6750-2-3")
def test_doubled_and_misplaced_credentials_are_refused(world: World) -> None:
    token = world.issuer.token(world.device)
    good = world.headers(token)
    doubled_proof = {**good, "DPoP": f"{good['DPoP']},{good['DPoP']}"}
    doubled_token = {**good, "Authorization": f"{good['Authorization']},{good['Authorization']}"}
    bearer = {**good, "Authorization": f"Bearer {token}"}
    assert 'error="invalid_dpop_proof"' in world.ask(doubled_proof).challenge
    assert world.ask(doubled_token).status == 400
    assert 'error="invalid_token"' in world.ask(bearer).challenge
    assert world.ask(good, QUERY_STRING="access_token=x").status == 400
    assert world.reached == []


@pytest.mark.requirement("XD-DPOP-04")
def test_a_captured_request_sent_by_twenty_threads_at_once_succeeds_once(world: World) -> None:
    headers = world.headers(world.issuer.token(world.device))
    start = threading.Barrier(20)

    def send(_: int) -> int:
        start.wait()
        return world.ask(headers).status

    with ThreadPoolExecutor(20) as threads:
        assert Counter(threads.map(send, range(20))) == {200: 1, 401: 19}


@pytest.mark.requirement("XD-DPOP-06", "XD-DPOP-07")
def test_the_path_is_compared_as_it_was_written(world: World) -> None:
    token = world.issuer.token(world.device)

    def ask(signed: str, **environ: Any) -> int:
        return world.ask(world.headers(token, path=signed), **environ).status

    latin = "/a/b/é".encode().decode("latin-1")
    assert ask("/a%2Fb/%C3%A9", path=latin, RAW_URI="/a%2Fb/%C3%A9?x=y") == 200
    assert ask("/a%2Fb/%C3%A9", path=latin, REQUEST_URI="/a%2Fb/%C3%A9") == 200
    assert ask("/a/b/%C3%A9", path=latin) == 200
    assert ask("/app/run", path="/run", SCRIPT_NAME="/app") == 200
    assert ask("/other", path="/run", RAW_URI="/other") == 401
    assert ask("/run", path="/run", RAW_URI="http://evil.example/other", HTTP_HOST="evil.example") == 200


@pytest.mark.requirement("XD-OPS-06", "PROFILE-fail-closed")
def test_without_the_issuers_keys_nobody_gets_in(world: World) -> None:
    token = world.issuer.token(world.device)
    headers = world.headers(token)
    world.issuer.issuer = "https://moved.example"
    answer = world.ask(headers)
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")


@pytest.mark.requirement("XD-OPS-06")
def test_a_shared_memory_of_uses_is_asked_in_its_own_event_loop() -> None:
    loops: set[object] = set()

    class Shared(InProcessReplayMemory):
        away = False

        async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
            loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0)
            if self.away:
                raise MemoryUnavailable("away")
            return await super().first_use(key, lifetime=lifetime, incarnation=incarnation)

    memory = Shared(lambda: 1_800_000_000, lambda count: b"r" * count)
    world = World(replay=memory)
    headers = world.headers(world.issuer.token(world.device))
    assert [world.ask(headers).status, world.ask(headers).status, len(loops)] == [200, 401, 1]
    memory.away = True
    assert world.allowed().status == 503
    world.app.close()


@pytest.mark.requirement("E1")
def test_a_thousand_first_requests_fetch_each_document_once(world: World) -> None:
    token = world.issuer.token(world.device)
    sent = [world.headers(token) for _ in range(1000)]
    world.app.close()
    start = threading.Barrier(50)

    def send(number: int) -> list[int]:
        start.wait()
        return [world.ask(sent[each]).status for each in range(number, 1000, 50)]

    with ThreadPoolExecutor(50) as threads:
        statuses = Counter(status for answers in threads.map(send, range(50)) for status in answers)
    assert statuses == {200: 1000}
    assert sum("jwks" in url for url in world.issuer.fetched) == 1


@pytest.mark.requirement("A15", "XD-TASK-11")
def test_a_body_ends_when_the_grant_is_withdrawn_and_is_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Long:
        def __iter__(self) -> Iterator[bytes]:
            yield b"1"
            yield b"2"
            monkeypatch.setattr(world.app._withdrawals, "known", lambda grant_id: True)
            yield from [b"more"] * 1000

        def close(self) -> None:
            closed.append(True)

    def stream(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Long()

    world.handler = stream
    answer = world.allowed()
    assert (answer.body, closed) == (b"12", [True])
    assert world.allowed().status == 401


@pytest.mark.requirement("A9")
def test_a_device_that_a_task_has_moved_from_may_only_read(world: World) -> None:
    world.handler = requires("tool_calls:claim")(_with_environ)
    old = world.headers(world.issuer.token(world.device, actions=["tool_calls:claim", "task:read"], epoch=1))
    assert world.allowed("tool_calls:claim", epoch=2).status == 200
    assert world.ask(old).line == "409 Conflict"
    world.handler = requires("task:read")(_with_environ)
    assert world.allowed("task:read", epoch=1).status == 200


class _Request:
    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ


def _with_environ(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return hello(environ, start_response)


@pytest.mark.requirement("RFC6750-3-1", "XD-TASK-02")
def test_a_handler_that_requires_more_is_refused_by_the_environ_it_is_given_or_at(world: World) -> None:
    @requires("task:write")
    def with_request(request: _Request) -> None:
        pytest.fail("reached")

    @requires("task:write")
    def without() -> None:
        pytest.fail("reached")

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for ask in (lambda: with_request(_Request(environ)), without):
            with pytest.raises(Problem):
                ask()
        raise environ["segue.problem"]

    world.handler = app
    answer = world.allowed("task:read")
    assert (answer.line, answer.headers["content-type"]) == ("403 Forbidden", "application/problem+json")
    assert 'error="insufficient_scope"' in answer.challenge


def test_outside_of_any_request_nothing_is_allowed() -> None:
    with pytest.raises(TypeError, match="needs a handler that takes the request"):
        requires("task:read")(lambda: None)()


PROBLEM = Problem(409, "stale-epoch", "t", "d")


def _lazily(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["segue.problem"] = PROBLEM
    start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
    yield b"traceback"


def _raising_late(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ:
        raise PROBLEM
    yield b""


@pytest.mark.parametrize("handler", [_lazily, _raising_late])
def test_a_problem_of_a_body_that_has_not_begun_is_its_answer(world: World, handler: Any) -> None:
    world.handler = handler
    answer = world.allowed()
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")
    assert [name for name, _ in answer.fields].count("DPoP-Nonce") == 1


def test_an_error_of_the_app_and_a_problem_after_the_answer_began_are_raised(world: World) -> None:
    def bug(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise KeyError("bug")

    def late(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        raise PROBLEM

    for handler, error in ((bug, KeyError), (late, Problem)):
        world.handler = handler
        with pytest.raises(error):
            world.allowed()


@pytest.mark.requirement("XD-TOK-01")
@pytest.mark.parametrize("wrong", [{"audience": ""}, {"issuer": "http://id.example"}, {"nonce_secret": b"short"}])
def test_an_app_without_proper_settings_does_not_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be a URL|at least 32"):
        TaskTokenMiddleware(hello, **{"issuer": "https://id.example", "audience": URL, **wrong})


def test_what_waits_for_an_event_loop_is_not_run_without_one() -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        run_now(asyncio.sleep(1))


def test_a_loop_that_is_closed_tells_who_waits_and_begins_again() -> None:
    loop = LoopThread()
    outcome: list[str] = []

    def wait() -> None:
        try:
            loop.result(asyncio.sleep(60))
        except BaseException as ended:
            outcome.append(type(ended).__name__)

    loop.result(asyncio.sleep(0))
    waiting = threading.Thread(target=wait)
    waiting.start()
    threading.Event().wait(0.05)
    loop.close()
    waiting.join(5)
    assert outcome == ["CancelledError"]
    assert loop.result(asyncio.sleep(0, "again")) == "again"
    loop.close()


@pytest.mark.requirement("XD-DPOP-04", "XD-OPS-05")
def test_a_forked_process_has_a_memory_of_its_own_and_listens_to_the_issuer_itself() -> None:
    """As gunicorn does with --preload: a proof that the parent has seen is not the child's to accept."""
    code = """
    import os, sys
    sys.path.insert(0, "tests"); sys.path.insert(0, "tests/protocol")
    from test_segue_wsgi import World
    world = World()
    headers = world.headers(world.issuer.token(world.device))
    assert world.ask(headers).status == 200
    spare = world.headers(world.issuer.token(world.device))
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        assert world.ask(spare).status == 200
        world.app.close()
    else:
        deaf = world.app._withdrawals.known("grt_1") is None
        replayed = [world.ask(headers), world.ask(spare)]
        fresh = replayed[0].headers["dpop-nonce"]
        known, world.nonce = world.nonce, fresh
        good = ["use_dpop_nonce" in answer.challenge for answer in replayed] == [True, True]
        good = good and world.allowed().status == 200 and deaf and known != fresh
        os._exit(0 if good else 1)
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", dedent(code)], timeout=30, check=False)
    assert done.returncode == 0
