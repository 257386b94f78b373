"""Thousands follow one server and nothing happens: what each costs, what others feel, who hears what, and how soon.

The server is a process of its own, and its memory is what Linux says of it alone. The full form has 10,000 readers.
"""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from honest_device import working
from resource_process import Process, ProcessDevice, WithdrawingIssuer, serving_issuer
from rounds import rounds
from segue_resource.endpoints.places import MOST
from segue_storage import open_files

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T7", "R16", "R47", "R50", "XD-DOS-03")]

READERS = rounds(bounded=192, full=10_000)
WARM = MOST
"""Readers before the first measurement, by whom everything is loaded that is loaded once."""
AT_ONCE = 64
EACH = 60_000
"""Bytes that an idle reader costs at most. The goal is 30,000 (G8); specs/evidence/faults.md says what is missing."""
PATIENCE = 60.0
"""Seconds until it is believed that nobody is told."""
SOON = 1.0
"""Seconds within which a withdrawal ends streams (G16)."""
QUICK = 2.0
"""Seconds within which 99 of 100 others are answered meanwhile, on a machine that has other things to do."""


class Reader:
    """One stream, read by hand: what the test keeps for it is little."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def until(self, text: bytes) -> None:
        await self._reader.readuntil(text)

    async def ended(self) -> None:
        """The answer has come to its end."""
        await self.until(b"\r\n0\r\n\r\n")

    async def close(self) -> None:
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    open_files.raise_limit()
    with serving_issuer(WithdrawingIssuer) as issuer:
        process = Process(tmp_path, issuer)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # what a server is given by many systems
        try:
            process.start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        process.begin("tsk_test")
        process.begin("tsk_other")
        yield process
        process.close()


async def follow(device: ProcessDevice, places: asyncio.Semaphore) -> Reader:
    """A stream that has heard the past."""
    address = urlsplit(device.url)
    proved = device.key.headers("GET", f"{device.url}/events", device.token, nonce=device.nonce)
    fields = {"Host": "x", "Accept": "text/event-stream", "Last-Event-ID": "0", **proved}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    async with places:
        opened = await asyncio.open_connection(address.hostname, address.port, limit=2**14)
        opened[1].write(f"GET {address.path}/events HTTP/1.1\r\n{head}\r\n".encode())
        reader = Reader(*opened)
        await reader.until(b"id: 1\n")
        await reader.until(b"\n\n")
    return reader


@asynccontextmanager
async def following(server: Process, count: int) -> AsyncIterator[dict[ProcessDevice, list[Reader]]]:
    """So many readers, as few devices as may have them."""
    places, readers = asyncio.Semaphore(AT_ONCE), {}
    for first in range(0, count, MOST):
        device = server.device()
        device.request("GET", "")
        opened = (follow(device, places) for _ in range(min(MOST, count - first)))
        readers[device] = await asyncio.gather(*opened)
    try:
        yield readers
    finally:
        await asyncio.gather(*(reader.close() for one in readers.values() for reader in one))


def memory(server: Process) -> int:
    """Bytes that the server alone has in memory (proc(5), `Pss` of smaps_rollup)."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


async def test_many_idle_readers_cost_little_hear_everything_and_are_ended_when_their_grant_is(
    server: Process,
) -> None:
    assert isinstance(server.issuer, WithdrawingIssuer)
    async with following(server, WARM), following(server, WARM):
        before = memory(server)
        async with following(server, READERS) as readers:
            each = (memory(server) - before) // READERS
            with working(server.device("tsk_other")) as honest:
                await asyncio.to_thread(honest.has_said, 100)
            began = time.monotonic()
            assert await asyncio.to_thread(lambda: server.device().say("to-all").status_code) == 201
            everybody = [reader for one in readers.values() for reader in one]
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(reader.until(b"to-all") for reader in everybody))
            heard = time.monotonic() - began
            device = next(iter(readers))
            began = time.monotonic()
            server.issuer.withdraw(device.key)
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(reader.ended() for reader in readers[device]))
            ended = time.monotonic() - began
    print(
        f"{READERS} idle readers: {each} bytes each; others within {honest.slowest() * 1000:.0f} ms (99 of 100);"
        f" the last hears an event after {heard:.2f} s; a withdrawal ends {MOST} streams after {ended:.2f} s"
    )
    assert not honest.failed
    assert honest.slowest() < QUICK
    assert ended < SOON
    assert each < EACH


def test_the_server_takes_as_many_as_the_system_lets_it(server: Process) -> None:
    assert server.process is not None
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard
