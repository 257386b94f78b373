"""Traces and metrics behind one port; either may be off."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from segue_storage.database import Database, DatabaseUnavailable, Work
from segue_storage.ephemeral import Ephemeral
from starlette.applications import Starlette
from starlette.types import Scope

from segue_resource.stores.unit import Happened
from segue_resource.telemetry.metrics import Metrics
from segue_resource.telemetry.seen import Seen
from segue_resource.telemetry.traces import NoSpan, RequestSpan, Traces

T = TypeVar("T")


class Telemetry:
    """Of one server process."""

    def __init__(self, *, metrics: Metrics | None, traces: Traces | None) -> None:
        self._metrics = metrics
        self._traces = traces

    @contextmanager
    def request(self, scope: Scope, seen: Seen) -> Iterator[RequestSpan | NoSpan]:
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

    def happened(self, happened: Happened) -> None:
        """It is committed."""
        if self._metrics is not None:
            self._metrics.happened(happened)

    def chore(self, what: str, do: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        """The same chore, counted."""

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

    def ephemeral(self, ephemeral: Ephemeral) -> None:
        """Tell how often it could not be had."""
        if self._metrics is not None:
            self._metrics.outages_of(ephemeral)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Raises `OSError` where no address for the metrics is free."""
        try:
            if self._metrics is not None:
                self._metrics.serve()
            yield
        finally:
            if self._metrics is not None:
                await self._metrics.aclose()
            if self._traces is not None:
                await self._traces.aclose()

    def _chore(self, what: str, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.chore(what, outcome)


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
        with self._watched("write"):
            return await self._database.write(work, together=together)

    async def read(self, work: Work[T]) -> T:
        with self._watched("read"):
            return await self._database.read(work)

    async def aclose(self) -> None:
        await self._database.aclose()

    @contextmanager
    def _watched(self, what: str) -> Iterator[None]:
        with self._span(what), self._timed(what):
            yield

    @contextmanager
    def _span(self, what: str) -> Iterator[None]:
        if self._traces is None:
            yield
            return
        with self._traces.transaction(what, dialect=self.dialect):
            yield

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        if self._metrics is None:
            yield
            return
        with self._metrics.transaction(what):
            try:
                yield
            except DatabaseUnavailable:
                self._metrics.outage("database")
                raise
