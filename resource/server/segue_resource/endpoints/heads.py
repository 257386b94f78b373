"""Lost wake-ups: one query a second and a thousand tasks tells the streams of this process whose log has gone on.

A wake-up is a hint and may be lost, with Redis as a whole. Without streams nothing is asked, and a stream
costs a number in a list, not a query of its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database, DatabaseUnavailable
from segue_storage.ephemeral import Wakeups

from segue_resource.stores import tables

EVERY = 1.0
"""Seconds between two looks."""
AT_ONCE = 1000
"""Tasks asked for in one query."""

_heads = tables.task_heads
_HEADS = sa.select(_heads.c.task_id, _heads.c.head).where(
    _heads.c.task_id.in_(sa.bindparam("the_tasks", expanding=True))
)
_log = logging.getLogger(__name__)


class Watch:
    """One stream that is told when the log of its task has gone beyond its `cursor`."""

    def __init__(self) -> None:
        self.cursor = 0
        self._wakeups: Wakeups | None = None
        self._topic = ""

    def follow(self, wakeups: Wakeups, topic: str) -> None:
        self._wakeups, self._topic = wakeups, topic

    def tell(self, head: int) -> None:
        if self._wakeups is not None and head > self.cursor:
            self._wakeups.wake(self._topic)


class Heads:
    """The streams of this process, by task."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[str, set[Watch]] = {}

    @contextmanager
    def watching(self, task_id: str) -> Iterator[Watch]:
        watch = Watch()
        self._watches.setdefault(task_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[task_id].discard(watch)
            if not self._watches[task_id]:
                del self._watches[task_id]

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """Looks as long as the server runs."""
        looking = asyncio.create_task(self._look_always(), name="segue-heads")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look_always(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._look()
            except DatabaseUnavailable as outage:
                _log.warning("the heads of tasks could not be read: %s", outage)

    async def _look(self) -> None:
        for task_ids in _chunks(sorted(self._watches)):
            for task_id, head in await self._database.read(partial(_read, task_ids)):
                for watch in self._watches.get(task_id, ()):
                    watch.tell(head)


def _chunks(task_ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(task_ids), AT_ONCE):
        yield list(task_ids[first : first + AT_ONCE])


def _read(task_ids: list[str], connection: sa.Connection) -> list[tuple[str, int]]:
    return [(row.task_id, row.head) for row in connection.execute(_HEADS, {"the_tasks": task_ids})]
