"""deploy/nginx.conf before processes that answer strangely: what it passes on, what it repeats, whom it passes over.

Requests carry proofs that are good for one use, and many of them change something: a proxy does not do again what may
have been done.
"""

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from private_nginx import BEHIND, Ports, private_nginx
from segue.clock import now
from segue_demo.certificate import self_made
from server_process import free_port


class Behind(http.server.ThreadingHTTPServer):
    """A process behind the proxy: answers with what it was asked, or, once it `breaks`, hears and says nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.breaks = False


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Behind

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.command)
        if self.server.breaks:
            self.close_connection = True
            return
        told = json.dumps({**{name.lower(): value for name, value in self.headers.items()}, "body": body.decode()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told.encode())

    do_POST = do_GET  # noqa: N815  the base class's name

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Proxy:
    """The proxy with all processes behind it; `http` asks it."""

    def __init__(self, ports: Ports, behind: dict[str, Behind], folder: Path, trust: ssl.SSLContext) -> None:
        self.behind = behind
        self.out = folder / "tmp"
        self.issuer = f"https://localhost:{ports.issuer}"
        self.store = f"https://localhost:{ports.store}"
        self.http = httpx2.Client(verify=trust, timeout=20)

    def asked(self, kind: str) -> list[list[str]]:
        """What each of the two was asked since the last look."""
        both = [self.behind[f"{kind}-{number}"] for number in (1, 2)]
        asked = [server.asked[:] for server in both]
        for server in both:
            server.asked.clear()
        return asked


@contextmanager
def proxied(folder: Path, *, absent: str = "") -> Iterator[Proxy]:
    """Nobody listens where the one that is `absent` should be."""
    certificate = self_made(folder, host="localhost", now=now())
    trust = ssl.create_default_context(cafile=str(certificate.certificate))
    with ExitStack() as stack:
        behind = {name: stack.enter_context(_serving()) for name in BEHIND if name != absent}
        places = {name: behind[name].server_port if name in behind else free_port() for name in BEHIND}
        ports = Ports(free_port(), free_port(), free_port(), places)
        stack.enter_context(private_nginx(folder, ports, certificate))
        proxy = Proxy(ports, behind, folder, trust)
        stack.callback(proxy.http.close)
        yield proxy


@pytest.fixture(scope="module")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxied(tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture
def proxy(_started: Proxy) -> Proxy:
    for kind, server in _started.behind.items():
        server.breaks = False
        (_started.out / f"out-{kind}").unlink(missing_ok=True)
    for kind in ("authz", "resource"):
        _started.asked(kind)
    return _started


@contextmanager
def _serving() -> Iterator[Behind]:
    server = Behind()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.requirement("E5")
def test_a_client_is_known_by_its_address_and_by_nothing_that_it_says(proxy: Proxy) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.7",
        "X-Request-Id": "chosen",
    }
    for url in (proxy.issuer, proxy.store):
        told = proxy.http.get(f"{url}/", headers=lies).json()
        assert told["x-forwarded-for"] == "127.0.0.1"
        assert told["x-forwarded-proto"] == "https"
        assert "x-forwarded-host" not in told
        assert "forwarded" not in told
        assert len(told["x-request-id"]) == 32


@pytest.mark.requirement("E5")
def test_requests_go_to_both_processes_over_connections_that_are_kept(proxy: Proxy) -> None:
    for _ in range(10):
        assert proxy.http.get(f"{proxy.store}/").status_code == 200
    assert all(proxy.asked("resource"))


@pytest.mark.requirement("E5")
@pytest.mark.parametrize("number", [1, 2])
def test_a_process_that_is_out_is_not_asked(proxy: Proxy, number: int) -> None:
    for kind, url in (("authz", proxy.issuer), ("resource", proxy.store)):
        (proxy.out / f"out-{kind}-{number}").touch()
        for _ in range(6):
            assert proxy.http.post(f"{url}/").status_code == 200
        asked = proxy.asked(kind)
        assert asked[number - 1] == []
        assert len(asked[2 - number]) == 6


@pytest.mark.requirement("E5", "R48")
def test_a_post_to_a_process_that_is_not_there_goes_to_the_other(tmp_path: Path) -> None:
    with proxied(tmp_path, absent="resource-1") as proxy:
        for number in range(6):
            answer = proxy.http.post(f"{proxy.store}/", content=str(number))
            assert (answer.status_code, answer.json()["body"]) == (200, str(number))


@pytest.mark.requirement("T9", "T11")
def test_a_post_that_was_sent_is_never_sent_again(proxy: Proxy) -> None:
    for server in proxy.behind.values():
        server.breaks = True
    for kind, url in (("authz", proxy.issuer), ("resource", proxy.store)):
        for number in range(4):
            assert proxy.http.post(f"{url}/", content=b"{}").status_code == 502
            assert sum(map(len, proxy.asked(kind))) <= 1, number
