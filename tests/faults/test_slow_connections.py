"""Thousands of clients that hold a connection and never get on with it: others are served, and it ends (XD-DOS-03).

The server's times for heads, bodies and reading are a tenth of what they are. The full form has 3,000 connections.
"""

import asyncio
import os
import resource
import socket
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import hurried_server
import pytest
from honest_device import working
from resource_process import Process, ProcessDevice, serving_issuer
from rounds import rounds
from segue_storage import http_protocol

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-DOS-03")]

CONNECTIONS = rounds(bounded=300, full=3_000)
ENDED = (http_protocol.UNREAD + 3 * http_protocol.LOOK) / 10 + 10
"""Seconds after which none of them is there any more, on a machine that has other things to do."""
QUICK = 2.0
"""Seconds within which 99 of 100 others, who share the test's interpreter, are answered; alone it is hundredths."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Slow = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]
"""Holds a connection until the server ends it; what the server said."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with serving_issuer() as issuer:
        process = Process(tmp_path_factory.mktemp("store"), issuer)
        process.command[:1] = [sys.executable, hurried_server.__file__]
        process.start()
        yield process
        process.close()


@pytest.fixture
def device(server: Process) -> ProcessDevice:
    with suppress(AssertionError):  # the task is there since the test before
        server.begin("tsk_test")
    return server.device("tsk_test")


async def said(reader: asyncio.StreamReader) -> bytes:
    with suppress(ConnectionError):
        return await reader.read()
    return b""


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, first: bytes, drop: bytes) -> bytes:
    """A little more again and again, so that the connection is never quiet."""
    writer.write(first)
    answer = asyncio.ensure_future(said(reader))
    while not answer.done():
        writer.write(drop)
        await asyncio.wait({answer}, timeout=0.2)
    return answer.result()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
    return await said(reader)


async def half_a_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    return await dripping(reader, writer, first=b"GET /healthz HTTP/1.1\r\n", drop=b"X-Slow: 1\r\n")


async def blank_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Which may stand before a request (RFC 9112 section 2.2)."""
    return await dripping(reader, writer, first=b"\r\n", drop=b"\r\n")


async def half_a_head_after_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"}")
    return await dripping(reader, writer, first=b"GET /healthz HTTP/1.1\r\n", drop=b"X: 1\r\n")


async def half_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Of a security event, which anybody may send."""
    head = (
        b"POST /signals HTTP/1.1\r\nHost: x\r\nContent-Type: application/secevent+jwt\r\nContent-Length: 60000\r\n\r\n"
    )
    return await dripping(reader, writer, first=head, drop=b"e")


async def body_after_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """It was refused already, for it has no token."""
    head = b"POST /tasks/tsk_test/events HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    return await dripping(reader, writer, first=head, drop=b"{")


SENDERS = (silent, half_a_head, blank_lines, half_a_head_after_an_answer, half_a_body, body_after_the_answer)
TOLD = {
    "silent": {b""},
    "blank_lines": {b""},
    "half_a_head": {b"408"},
    "half_a_head_after_an_answer": {b"408"},
    "half_a_body": {b"408"},
    "body_after_the_answer": {b"401"},
}
"""The status that they hear, if any."""


async def hold(server: Process, slow: Slow) -> tuple[str, bytes]:
    """What the connection is called, and what it was told."""
    reader, writer = await asyncio.open_connection(sock=await connect(server))
    try:
        return slow.__name__, await slow(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def unread_answers(server: Process, device: ProcessDevice, count: int) -> AsyncIterator[None]:
    """So many connections ask for more than the machine keeps for them, and read none of it."""
    connections = [await connect(server) for _ in range(count)]
    for connection in connections:
        asked = b"".join(asking_for_all(device) for _ in range(8))
        await asyncio.get_running_loop().sock_sendall(connection, asked)
    yield
    for connection in connections:
        connection.close()


def asking_for_all(device: ProcessDevice) -> bytes:
    """The request for the whole log, a megabyte, with a proof of its own."""
    proved = device.key.headers("GET", f"{device.url}/events", device.token, nonce=device.nonce)
    fields = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", **proved}.items())
    return f"GET {urlsplit(device.url).path}/events?after=0&limit=1000 HTTP/1.1\r\n{fields}\r\n".encode()


async def connect(server: Process) -> socket.socket:
    """Of which the machine keeps little that is not read."""
    address, connection = urlsplit(server.url), socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (address.hostname, address.port))
    return connection


def memory(server: Process) -> int:
    """Bytes of it in memory."""
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def sockets(server: Process) -> int:
    assert server.process is not None
    files = Path(f"/proc/{server.process.pid}/fd").iterdir()
    return sum(1 for file in files if "socket:" in os.readlink(file))


async def no_more_than(count: int, server: Process) -> None:
    """Returns once the server has so few sockets."""
    while sockets(server) > count:  # noqa: ASYNC110 - another process's
        await asyncio.sleep(0.1)


async def test_who_does_not_get_on_is_ended_and_others_are_served_meanwhile(
    server: Process, device: ProcessDevice
) -> None:
    for _ in range(5):
        long = {"kind": "message", "role": "agent", "body": {"text": "x" * 20_000}}
        assert device.request("POST", "/events", json={"events": [long] * 10}).status_code == 201
    there, before, unread = sockets(server), memory(server), CONNECTIONS // 20
    heard: dict[str, set[bytes]] = defaultdict(set)
    with working(device) as honest:
        began = time.monotonic()
        async with asyncio.timeout(ENDED + CONNECTIONS / 100), unread_answers(server, device, unread):
            slow = (hold(server, SENDERS[number % len(SENDERS)]) for number in range(CONNECTIONS - unread))
            for name, text in await asyncio.gather(*slow):
                heard[name].add(text.partition(b" ")[2][:3])
            sent = time.monotonic() - began
            assert sockets(server) >= there + unread
            await no_more_than(there + 1, server)  # the honest device's, if it had to connect anew
        unread_for = time.monotonic() - began
    each = (memory(server) - before) // CONNECTIONS
    print(
        f"{CONNECTIONS} slow connections ended after {sent:.1f} s, those that do not read after {unread_for:.1f} s;"
        f" {each} bytes each; {len(honest.said)} others, 99 of 100 within {honest.slowest() * 1000:.0f} ms"
    )
    for name, told in TOLD.items():
        assert told <= heard[name] <= told | {b""}, heard  # lost where the client was sending as it came
    assert not honest.failed
    assert honest.slowest() < QUICK


async def test_an_endless_head_is_refused_before_it_fills_the_memory(server: Process) -> None:
    reader, writer = await asyncio.open_connection(sock=await connect(server))
    before = memory(server)
    heard = asyncio.ensure_future(said(reader))
    writer.write(b"GET /healthz HTTP/1.1\r\nX-Long: ")
    async with asyncio.timeout(30):
        with suppress(ConnectionError):
            while not heard.done():
                writer.write(b"x" * 65_536)
                await writer.drain()
    assert b"431 Request Header Fields Too Large" in await heard
    assert memory(server) - before < 5_000_000
    writer.transport.abort()
