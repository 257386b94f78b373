"""64 writers on one task: nothing lost, nothing twice, and how much combining what waits gains (G9, G10)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from resource_world import OWNER, TASK, StoreWorld
from rounds import rounds
from segue_resource.domain.actor import Caller
from segue_resource.domain.event import NewEvent
from segue_resource.endpoints.task_request import answer
from segue_resource.key_files import load_master_key
from segue_resource.stores import events
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.task_keys import Keeper
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing
from segue_storage.database import Database, Work, open_database

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

WRITERS = 64
CONNECTIONS = 16
TURNS = rounds(bounded=3, full=60)


class Apart:
    """A database that commits each write by itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect

    async def read(self, work: Work[Any]) -> Any:
        return await self._database.read(work)

    async def write(self, work: Work[Any], *, together: str | None = None) -> Any:
        return await self._database.write(work)

    async def aclose(self) -> None:
        return None


def append_to(store: StoreWorld, database: Database) -> Callable[[int, int], Awaitable[Any]]:
    dice = lambda size: b"r" * size  # noqa: E731
    keeper = Keeper(load_master_key(store.settings, random=dice), dice)
    tasks = TaskStore(database, store.ephemeral, keeper=keeper, clock=store.clock)

    async def append(writer: int, turn: int) -> Any:
        caller = Caller(OWNER, "c", f"dev_{writer}", TASK, 1, None, frozenset({"events:append"}))

        def work(writing: Writing) -> Answer:
            new = [NewEvent("message", "agent", {"text": f"{writer}:{turn}:{part}"}) for part in range(3)]
            first, last = events.append(writing, new, session_id=None)
            return answer(201, {"first": first, "last": last})

        return await tasks.write(caller, work, expected=3, attempt=Attempt(f"{writer}:{turn}", "d"))

    return append


async def turns_per_second(append: Callable[[int, int], Awaitable[Any]], *, begin: int) -> float:
    async def write(writer: int) -> None:
        for turn in range(begin, begin + TURNS):
            await append(writer, turn)

    started = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    return WRITERS * TURNS / (time.perf_counter() - started)


@pytest.mark.requirement("T7", "T11", "R34", "R59")
async def test_64_writers_of_one_task_make_one_order_and_waiting_ones_share_a_commit(store: StoreWorld) -> None:
    database = open_database(store.settings.database, threads=CONNECTIONS)
    apart = await turns_per_second(append_to(store, Apart(database)), begin=0)
    append = append_to(store, database)
    combined = await turns_per_second(append, begin=TURNS)
    repeated = await asyncio.gather(*(append(writer, turn) for writer in range(WRITERS) for turn in (0, TURNS)))
    assert all(answered.replayed for answered in repeated)
    print(f"{store.database.dialect}: {apart:.0f} turns/s apart, {combined:.0f} combined: {combined / apart:.1f} times")
    await database.aclose()
    log = await store.device().log()
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    said = [event["body"]["text"] for event in log[1:]]
    assert len(said) == len(set(said)) == WRITERS * TURNS * 2 * 3
    for writer in range(WRITERS):
        own = [text for text in said if text.startswith(f"{writer}:")]
        assert own == [f"{writer}:{turn}:{part}" for turn in range(TURNS * 2) for part in range(3)]
