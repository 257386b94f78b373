"""Appends to a task by many writers at once, committed together or each by itself, and how long they take."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from resource_world import OWNER, StoreWorld
from segue_resource.domain.actor import Caller
from segue_resource.domain.event import NewEvent
from segue_resource.endpoints.task_request import answer
from segue_resource.key_files import load_master_key
from segue_resource.stores import events
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.task_store import Answered, TaskStore
from segue_resource.stores.unit import Writing
from segue_storage.database import Database, Work

Append = Callable[[int, int], Awaitable[Answered]]
"""One turn of three events, by a writer's and a turn's number, which are its idempotency key too."""


class Apart:
    """A database that commits each write by itself: combining switched off."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect

    async def read(self, work: Work[Any]) -> Any:
        return await self._database.read(work)

    async def write(self, work: Work[Any], *, together: str | None = None) -> Any:
        return await self._database.write(work)

    async def aclose(self) -> None:
        await self._database.aclose()


def append_to(store: StoreWorld, database: Database, task_id: str) -> Append:
    """With `Apart` for a database each append has a transaction of its own."""
    dice = lambda size: b"r" * size  # noqa: E731
    keeper = Keeper(load_master_key(store.settings, random=dice), dice)
    shared = not isinstance(database, Apart)
    tasks = TaskStore(database, store.ephemeral, keeper=keeper, clock=store.clock)

    async def append(writer: int, turn: int) -> Answered:
        caller = Caller(OWNER, "c", f"dev_{writer}", task_id, 1, None, frozenset({"events:append"}))

        def work(writing: Writing) -> Answer:
            new = [NewEvent("message", "agent", {"text": f"{writer}:{turn}:{part}"}) for part in range(3)]
            first, last = events.append(writing, new, session_id=None)
            return answer(201, {"first": first, "last": last})

        return await tasks.write(caller, work, expected=3, attempt=Attempt(f"{writer}:{turn}", "d"), only_logs=shared)

    return append


async def write_all(append: Append, *, writers: int, turns: range) -> None:
    """Each writer its turns one after the other, all writers at once."""

    async def write(writer: int) -> None:
        for turn in turns:
            await append(writer, turn)

    await asyncio.gather(*(write(writer) for writer in range(writers)))


@dataclass
class Storm:
    """What was measured while many wrote to one task and one wrote to another; rates in turns/s, waits in seconds."""

    rates: list[float]
    waits: list[float]

    def __str__(self) -> str:
        rate, wait = statistics.median(self.rates), statistics.median(self.waits)
        return f"{rate:.0f} turns/s; the other task {wait * 1000:.0f} ms, at most {max(self.waits) * 1000:.0f} ms"


PACE = 0.05
"""Seconds that the writer of the other task rests, so that it takes equally little from those of the hot one."""


async def storm(hot: Append, quiet: Append, measured: Storm, *, writers: int, turns: range) -> int:
    """Adds to what was measured. How often the other task was written."""
    over, before = asyncio.Event(), len(measured.waits)

    async def write_quietly() -> None:
        while not over.is_set():
            began = time.perf_counter()
            await quiet(turns.start, len(measured.waits))
            measured.waits.append(time.perf_counter() - began)
            await asyncio.sleep(PACE)

    beside = asyncio.create_task(write_quietly())
    began = time.perf_counter()
    await write_all(hot, writers=writers, turns=turns)
    measured.rates.append(writers * len(turns) / (time.perf_counter() - began))
    over.set()
    await beside
    return len(measured.waits) - before
