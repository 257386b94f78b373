"""The short way of a stream's pieces: the same bytes as by the long one, and nothing past whoever does not read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from segue_storage.chunks import CHUNKS, Chunks
from segue_storage.http_protocol import HttpProtocol
from segue_storage.watching import Watching
from starlette.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
MANY = 1000
Stream = Callable[[Chunks, Send], Awaitable[None]]


@asynccontextmanager
async def _served(stream: Stream, *, taken_off: bool = False) -> AsyncIterator[int]:
    """The port of a server whose answer is `stream`. `taken_off`: what begins it says nothing of chunks."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        chunks = Chunks()
        await send(START if taken_off else START | {CHUNKS: chunks})
        await stream(chunks, send)
        await send({"type": "http.response.body", "body": b"last"})

    config = uvicorn.Config(Watching(app, telemetry=None), port=0, http=HttpProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = suppress  # type: ignore[method-assign, assignment]  # they are the test's own
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = server.force_exit = True
    await serving


async def _asked(port: int, method: bytes = b"GET") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(method + b" / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    return reader, writer


async def _body(port: int, method: bytes = b"GET") -> bytes:
    reader, writer = await _asked(port, method)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    writer.close()
    return body


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("taken_off", [False, True])
async def test_pieces_arrive_in_their_order_by_whichever_way(taken_off: bool) -> None:
    taken = []

    async def stream(chunks: Chunks, send: Send) -> None:
        for text in (b"one", b"", b"two"):
            taken.append(chunks.write(text))
            if not taken[-1]:
                await send({"type": "http.response.body", "body": text, "more_body": True})

    async with _served(stream, taken_off=taken_off) as port:
        assert await _body(port) == b"3\r\none\r\n3\r\ntwo\r\n4\r\nlast\r\n0\r\n\r\n"
    assert taken == ([False] * 3 if taken_off else [True, False, True])


@pytest.mark.requirement("XD-DOS-03")
async def test_nothing_more_is_taken_for_a_client_that_does_not_read() -> None:
    given = asyncio.get_running_loop().create_future()

    async def stream(chunks: Chunks, _: Send) -> None:
        count = next((number for number in range(MANY) if not chunks.write(bytes(65_536))), MANY)
        given.set_result(count)

    async with _served(stream) as port:
        _, writer = await _asked(port)
        assert await asyncio.wait_for(given, 10) < MANY  # what the kernel holds, and little more
        writer.transport.abort()


@pytest.mark.requirement("T7")
async def test_an_answer_without_a_body_gets_none() -> None:
    async def stream(chunks: Chunks, _: Send) -> None:
        assert not chunks.write(b"one")

    async with _served(stream) as port:
        assert await _body(port, b"HEAD") == b""


@pytest.mark.requirement("T7")
async def test_nothing_is_taken_for_a_client_that_has_left() -> None:
    left = asyncio.get_running_loop().create_future()

    async def stream(chunks: Chunks, _: Send) -> None:
        async with asyncio.timeout(10):
            while chunks.write(b"one"):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
        left.set_result(True)

    async with _served(stream) as port:
        _, writer = await _asked(port)
        writer.transport.abort()
        assert await asyncio.wait_for(left, 10)
