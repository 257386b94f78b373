"""Traces and metrics behind one port; either may be off."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from segue_storage.database import Database, DatabaseUnavailable, Work
from segue_storage.ephemeral import Ephemeral
from segue_storage.in_process import InProcessEphemeral
from segue_storage.seen import Seen
from segue_storage.tally import Tally
from segue_storage.telemetry.cause import cause_of
from segue_storage.telemetry.metrics import Metrics
from segue_storage.telemetry.traces import NoSpan, RequestSpan, Traces

T = TypeVar("T")
Look = Callable[[], Awaitable[Mapping[str, float]]]

_log = logging.getLogger(__name__)


class Telemetry:
    """Of one server process."""

    def __init__(self, *, metrics: Metrics | None, traces: Traces | None) -> None:
        self._metrics = metrics
        self._traces = traces
        self._looks: list[tuple[Look, float]] = []
        self.tally = Tally() if metrics is None else metrics.tally

    @contextmanager
    def request(self, scope: Mapping[str, Any], seen: Seen) -> Iterator[RequestSpan | NoSpan]:
        if self._traces is None:
            yield NoSpan()
            return
        with self._traces.request(scope, seen) as span:
            yield span

    def answered(self, seen: Seen, *, seconds: float) -> None:
        if self._metrics is not None:
            self._metrics.answered(seen, seconds=seconds)

    def ended(self, seen: Seen) -> None:
        if self._metrics is not None:
            self._metrics.ended(seen)

    def chore(self, what: str, do: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        """The same chore, counted."""
        if self._metrics is not None:
            self._metrics.chore_there(what)

        async def counted() -> int:
            try:
                done = await do()
            except Exception:
                self._chore(what, "failed")
                raise
            self._chore(what, "done")
            return done

        return counted

    def database(self, database: Database) -> Database:
        """The same database, watched."""
        return _Watched(database, self._metrics, self._traces)

    def ephemeral(self, ephemeral: Ephemeral) -> Ephemeral:
        """The same memory, watched: how often it could not be had, and what a request waited for it."""
        if self._metrics is not None:
            self._metrics.outages_of(ephemeral)
        if self._traces is None or isinstance(ephemeral, InProcessEphemeral):
            return ephemeral
        return cast(Ephemeral, _Remembering(ephemeral, self._traces))

    def gauge(self, name: str, read: Callable[[], float | None]) -> None:
        if self._metrics is not None:
            self._metrics.gauge(name, read)

    def look(self, look: Look, *, every: float = 30.0) -> None:
        self._looks.append((look, every))

    def carried(self) -> dict[str, str]:
        return {} if self._traces is None else self._traces.carried()

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """Raises `OSError` where no address for the metrics is free."""
        watching: list[asyncio.Task[None]] = []
        try:
            if self._metrics is not None:
                self._metrics.serve()
                watching = [asyncio.create_task(self._metrics.watch_loop())]
                watching += [asyncio.create_task(self._look(self._metrics, *each)) for each in self._looks]
            yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            if self._metrics is not None:
                await self._metrics.aclose()
            if self._traces is not None:
                await self._traces.aclose()

    async def _look(self, metrics: Metrics, look: Look, every: float) -> None:
        while True:
            try:
                metrics.looked_up(await look())
            except DatabaseUnavailable as away:
                _log.warning("what is waiting cannot be counted: %s", away)
            except Exception:  # a bug must not end the numbers of a server that runs for months
                _log.exception("what is waiting could not be counted")
            await asyncio.sleep(every)

    def _chore(self, what: str, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.chore(what, outcome)


class _Remembering:
    """An `Ephemeral` in Redis whose decisions, of which a request has one or two, are spans of it."""

    def __init__(self, ephemeral: Ephemeral, traces: Traces) -> None:
        self._ephemeral = ephemeral
        self._traces = traces

    async def incarnation(self) -> bytes:
        with self._traces.redis("incarnation"):
            return await self._ephemeral.incarnation()

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        with self._traces.redis("first_use"):
            return await self._ephemeral.first_use(key, lifetime=lifetime, incarnation=incarnation)

    async def allow(self, key: str, *, limit: int, window: int) -> bool:
        with self._traces.redis("allow"):
            return await self._ephemeral.allow(key, limit=limit, window=window)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ephemeral, name)


class _Watched:
    """A `Database` whose transactions are timed, and spans of the request they belong to."""

    def __init__(self, database: Database, metrics: Metrics | None, traces: Traces | None) -> None:
        self._database = database
        self._metrics = metrics
        self._traces = traces

    @property
    def dialect(self) -> str:
        return self._database.dialect

    async def write(self, work: Work[T], *, together: str | None = None) -> T:
        with self._watched("write", work) as watched:
            return await self._database.write(watched, together=together)

    async def read(self, work: Work[T]) -> T:
        with self._watched("read", work) as watched:
            return await self._database.read(watched)

    async def aclose(self) -> None:
        await self._database.aclose()

    @contextmanager
    def _watched(self, what: str, work: Work[T]) -> Iterator[Work[T]]:
        with self._span(what), self._timed(what, work) as timed:
            yield timed

    @contextmanager
    def _span(self, what: str) -> Iterator[None]:
        if self._traces is None:
            yield
            return
        with self._traces.transaction(what, dialect=self.dialect):
            yield

    @contextmanager
    def _timed(self, what: str, work: Work[T]) -> Iterator[Work[T]]:
        if self._metrics is None:
            yield work
            return
        with self._metrics.transaction(what) as begins:

            def begun(connection: Connection) -> T:
                begins()
                return work(connection)

            try:
                yield begun
            except DatabaseUnavailable as failure:
                self._metrics.database_failure(cause_of(failure))
                raise
