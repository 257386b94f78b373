"""PostgreSQL: threads that each hold one connection and do one job in one transaction, or some that belong together."""

import asyncio
from typing import TypeVar

from sqlalchemy import Engine

from .held import HeldConnection
from .jobs import Job, JobQueue, deliver
from .postgresql_batch import transact_together
from .postgresql_engine import read_only_by_default
from .threads import Threads
from .work import Work, guard

T = TypeVar("T")

BATCH = 32
"""The most jobs of one key that are committed together: as long as that the first waits for the last."""


class PostgreSQLDatabase:
    """A `Database` for any number of processes on any number of machines."""

    dialect = "postgresql"

    def __init__(self, engine: Engine, *, threads: int, deadline: float = 30.0) -> None:
        """Hold at most `threads` connections; answer within `deadline` seconds, whatever happens."""
        guard(engine)
        read_only_by_default(engine)
        self._engine = engine
        self._deadline = deadline
        self._jobs = JobQueue(deadline=deadline)
        self._threads = Threads("segue-postgresql", self._do_all, count=threads)

    async def write(self, work: Work[T], *, together: str | None = None) -> T:
        return await self._jobs.run(work, writes=True, together=together)

    async def read(self, work: Work[T]) -> T:
        return await self._jobs.run(work, writes=False)

    async def aclose(self) -> None:
        self._jobs.close(threads=self._threads.count)
        await asyncio.to_thread(self._threads.join, self._deadline)

    def _do_all(self) -> None:
        with HeldConnection(self._engine) as held:
            while taken := self._jobs.take(1):
                first: Job | None = taken[0]
                while first is not None:
                    batch = [first, *self._jobs.following(first, BATCH - 1)]
                    deliver(transact_together(held, [job for job in batch if job.start()]))
                    first = self._jobs.done(first)
