"""The default fetch asks protected addresses only, follows nothing and reads no more than it should."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from segue import fetch

pytestmark = pytest.mark.anyio


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/redirect":
                self.send_response(302)
                self.send_header("Location", "/good")
                self.end_headers()
            case "/long":
                self._body(b"x" * (fetch.MAX_BYTES + 1))
            case "/no-content":
                self.send_response(204)
                self.end_headers()
            case "/missing":
                self.send_error(404)
            case "/trickle":
                self.send_response(200)
                self.end_headers()
                while not self.server.stop.wait(0.05):  # type: ignore[attr-defined]
                    self.wfile.write(b"x")
            case _:
                self._body(b"good")

    def _body(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.stop = threading.Event()  # type: ignore[attr-defined]
    server.handle_error = lambda request, address: None  # type: ignore[assignment, method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_document_is_fetched(base: str) -> None:
    assert await fetch.fetch_url(f"{base}/good") == b"good"


@pytest.mark.requirement("XD-META-03")
@pytest.mark.parametrize("path", ["redirect", "long", "no-content", "missing"])
async def test_another_answer_is_not_taken(base: str, path: str) -> None:
    with pytest.raises(OSError, match=r"302|too long|204|404"):
        await fetch.fetch_url(f"{base}/{path}")


@pytest.mark.requirement("XD-DOS-04")
async def test_an_answer_that_trickles_is_given_up(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.3)
    with pytest.raises(OSError, match="too long"):
        await fetch.fetch_url(f"{base}/trickle")


@pytest.mark.requirement("XD-META-03")
@pytest.mark.parametrize(
    "url", ["http://id.example/", "file:///etc/passwd", "ftp://localhost/", "data:,x", "http://localhost@id.example/"]
)
async def test_an_unprotected_address_is_not_asked(url: str) -> None:
    with pytest.raises(fetch.FetchFailed, match="only https"):
        await fetch.fetch_url(url)


async def test_this_machine_is_asked_without_a_proxy(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert await fetch.fetch_url(f"{base}/good") == b"good"
