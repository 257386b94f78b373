"""SQLite: one writer thread that commits waiting jobs together, and reader threads, each holding its connection.

A batch is one transaction and one flush to disk; each job in it has a savepoint, so that a job that fails undoes
just itself. Callers are answered after the commit, never before.
"""

import asyncio
from typing import TypeVar

from sqlalchemy import Engine

from .held import HeldConnection
from .jobs import JobQueue, deliver
from .sqlite_batch import commit_together, read_snapshot
from .threads import Threads
from .work import Work, guard

T = TypeVar("T")

BATCH = 256
"""The most jobs committed together: beyond this the flush is no longer what a job costs."""


class SQLiteDatabase:
    """A `Database` in one file, for one machine."""

    dialect = "sqlite"

    def __init__(self, engine: Engine, *, readers: int, deadline: float = 30.0) -> None:
        """Answer within `deadline` seconds, whatever happens."""
        guard(engine)
        self._engine = engine
        self._deadline = deadline
        self._writes = JobQueue(deadline=deadline)
        self._reads = JobQueue(deadline=deadline)
        self._writer = Threads("segue-sqlite-writer", self._write_all, count=1)
        self._readers = Threads("segue-sqlite-reader", self._read_all, count=readers)

    async def write(self, work: Work[T], *, together: str | None = None) -> T:  # noqa: ARG002 - all are, anyway
        return await self._writes.run(work, writes=True)

    async def read(self, work: Work[T]) -> T:
        return await self._reads.run(work, writes=False)

    async def aclose(self) -> None:
        self._writes.close(threads=self._writer.count)
        self._reads.close(threads=self._readers.count)
        await asyncio.to_thread(self._writer.join, self._deadline)
        await asyncio.to_thread(self._readers.join, self._deadline)

    def _write_all(self) -> None:
        with HeldConnection(self._engine) as held:
            while batch := self._writes.take(BATCH):
                deliver(commit_together(held, [job for job in batch if job.start()]))

    def _read_all(self) -> None:
        with HeldConnection(self._engine) as held:
            while batch := self._reads.take(1):
                deliver((job, read_snapshot(held, job)) for job in batch if job.start())
