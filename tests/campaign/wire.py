"""A TCP proxy that can be slow, silent, or cut at a statement. Its connections go to whoever of several is there."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

from campaign.postgresql_messages import READY, WritePoints

Moment = Literal["before", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "after")
CHUNK = 65536


class Trap:
    """Springs once, when a write point is passed: `before` PostgreSQL has the statement, or `after` it has done it.

    In both cases whoever asked hears nothing more over that connection. What springs is called with the wire.
    """

    def __init__(self, point: str, moment: Moment, *, springs: Callable[["Wire"], None]) -> None:
        self.point = point
        self.moment = moment
        self._met = False
        self._springs = springs
        self.sprung = threading.Event()

    def meets(self, point: str) -> bool:
        """Whether this is the one it waits for; the first time alone. Asked in the wires' thread."""
        if self._met or point != self.point:
            return False
        self._met = True
        return True

    def spring(self, wire: "Wire") -> None:
        self._springs(wire)
        self.sprung.set()


@dataclass(eq=False)
class Wire:
    """One listening port. `delay` is in seconds, each way; a `silent` one takes everything and passes nothing on."""

    port: int
    upstreams: Sequence[int]
    reads_statements: bool = False
    delay: float = 0.0
    silent: bool = False
    trap: Trap | None = None

    def __post_init__(self) -> None:
        self.write_points: Counter[str] = Counter()
        self._turn = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await self._connect()
        if there is None:
            writer.close()
            return
        self._open |= {writer, there[1]}
        connection = _Connection(self, WritePoints() if self.reads_statements else None)
        ways = [
            asyncio.create_task(connection.ask(reader, there[1])),
            asyncio.create_task(connection.answer(there[0], writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, there[1]):
            self._open.discard(end)
            end.close()

    def cut(self) -> None:
        """Close what is open. Called in the wire's own thread."""
        for end in list(self._open):
            end.transport.abort()

    async def gate(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        while self.silent:  # noqa: ASYNC110 set from other threads
            await asyncio.sleep(0.02)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the next one that is there, in turn."""
        await self.gate()
        self._turn += 1
        for number in range(len(self.upstreams)):
            port = self.upstreams[(self._turn + number) % len(self.upstreams)]
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


class _Connection:
    def __init__(self, wire: Wire, points: WritePoints | None) -> None:
        self._wire = wire
        self._points = points
        self._springs_on_answer: Trap | None = None

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._wire.gate()
                if (trap := self._trapped(data)) is not None:
                    if trap.moment == "before":
                        trap.spring(self._wire)
                        return
                    self._springs_on_answer = trap
                writer.write(data)
                await writer.drain()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._wire.gate()
                if self._springs_on_answer is not None:
                    if READY.search(data):
                        self._springs_on_answer.spring(self._wire)
                        return
                    continue
                writer.write(data)
                await writer.drain()

    def _trapped(self, data: bytes) -> Trap | None:
        if self._points is None:
            return None
        found = None
        for point in self._points.feed(data):
            self._wire.write_points[point] += 1
            if self._wire.trap is not None and self._wire.trap.meets(point):
                found = self._wire.trap
        return found


class Wires:
    """The thread in which all proxies of a deployment run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._wires: list[Wire] = []

    def open(self, port: int, upstreams: Sequence[int], *, reads_statements: bool = False) -> Wire:
        wire = Wire(port, upstreams, reads_statements=reads_statements)
        self._servers.append(self._run(asyncio.start_server, wire.serve, "127.0.0.1", port))
        self._wires.append(wire)
        return wire

    def cut(self, *wires: Wire) -> None:
        """Break every connection over these."""
        for wire in wires:
            self._loop.call_soon_threadsafe(wire.cut)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires:
            wire.silent = False
        self._run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for wire in self._wires:
            wire.cut()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=10)

    def _run(self, work, *arguments):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(work(*arguments), self._loop).result(20)
