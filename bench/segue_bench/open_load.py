"""Requests at a rate, whether or not earlier ones were answered: people do not wait for one another.

The time of a request counts from the moment at which it was due, so a server that falls behind cannot hide it by being
asked less. The client is small: bytes over connections that are kept, so that what is measured is the server.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from segue_bench.measure import p99

MOST_OPEN = 1_000
"""Requests that may wait for an answer before a rate counts as too high."""


IDLE = 3.0
"""Seconds after which a connection is not used again: its server may be about to close it (uvicorn waits five)."""


class Answer(NamedTuple):
    """Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """HTTP/1.1 to one server, each connection for one request at a time; as many as are needed at once."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._host, _, port = address.removeprefix("http://").rpartition(":")
        self._port = int(port)
        self._free: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send one request and read its whole answer. Raises ConnectionError and asyncio.IncompleteReadError."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        reader, writer = await self._connection()
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
            answer = await _read(reader)
        except BaseException:
            writer.close()
            raise
        if answer.headers.get("connection") == "close":
            writer.close()
        else:
            self._free.append((time.monotonic(), reader, writer))
        return answer

    async def aclose(self) -> None:
        while self._free:
            _, _, writer = self._free.pop()
            writer.close()
            await writer.wait_closed()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The one used last, or a new one."""
        while self._free:
            used_at, reader, writer = self._free.pop()
            if time.monotonic() < used_at + IDLE:
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Connections]:
    """Connections for as long as the context lasts."""
    connections = Connections(address)
    try:
        yield connections
    finally:
        await connections.aclose()


@dataclass
class Taken:
    """What a load came to: milliseconds from due to answered, and what was not answered as it should."""

    rate: float
    milliseconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    overrun: bool = False
    """More than `MOST_OPEN` requests waited; it was broken off."""

    @property
    def p99(self) -> float:
        return p99(self.milliseconds) if self.milliseconds else float("inf")

    def sustained(self, bound: float) -> bool:
        """Whether 99 of 100 were answered within `bound` milliseconds, and all as they should be."""
        return not self.overrun and not self.refused and self.p99 <= bound


async def load(rate: float, seconds: float, requests: Iterator[Callable[[], Awaitable[str]]]) -> Taken:
    """Ask `rate` times a second. Each request tells what was wrong with its answer, or nothing."""
    taken = Taken(rate)
    running: set[asyncio.Task[None]] = set()
    begin = time.perf_counter()

    async def one(due: float, request: Callable[[], Awaitable[str]]) -> None:
        try:
            problem = await request()
        except (OSError, asyncio.IncompleteReadError) as broken:
            problem = repr(broken)
        taken.milliseconds.append(1_000 * (time.perf_counter() - due))
        if problem:
            taken.refused.append(problem)

    for number in range(round(rate * seconds)):
        due = begin + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(one(due, next(requests)))
        running.add(task)
        task.add_done_callback(running.discard)
        if len(running) > MOST_OPEN:
            taken.overrun = True
            break
    await asyncio.gather(*running)
    return taken


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(head[0].split()[1]), headers, body)
