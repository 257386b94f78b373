"""Many writers on one task: nothing lost, nothing twice, one order, and no convoy behind its lock (G9, G10).

specs/evidence/append-combining.md has the figures, and how to get them again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from combining import Apart, Append, Storm, append_to, storm, write_all
from postgresql_server import PostgreSQLServer, running_postgresql
from psycopg import sql
from resource_world import TASK, StoreWorld, open_store_world
from rounds import FULL, rounds
from segue_resource.stores import tables
from segue_storage.database import Database
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.postgresql import PostgreSQLDatabase

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

OTHER = "tsk_other"
CONNECTIONS = 8
WRITERS = 32
TURNS = rounds(bounded=2, full=8)
STORMS = rounds(bounded=1, full=3)
DISKS = ["nothing", "disk", "replica"] if FULL else ["nothing"]
"""What a commit waits for: also the machine's disk; also 20 ms, as for a synchronous replica some way off."""


@pytest.mark.requirement("T7", "T11", "R34", "R59")
async def test_64_writers_of_one_task_make_one_order_and_repeats_change_nothing(store: StoreWorld) -> None:
    append, turns = append_to(store, store.database, TASK), range(2)
    await write_all(append, writers=64, turns=turns)
    repeated = await asyncio.gather(*(append(writer, turn) for writer in range(64) for turn in turns))
    assert all(answered.replayed for answered in repeated)
    log = await store.device().log()
    assert [event["seq"] for event in log] == list(range(1, 1 + len(log)))
    said = [event["body"]["text"] for event in log[1:]]
    assert len(said) == len(set(said)) == 64 * len(turns) * 3
    for writer in range(64):
        own = [text for text in said if text.startswith(f"{writer}:")]
        assert own == [f"{writer}:{turn}:{part}" for turn in turns for part in range(3)]


@pytest.fixture(params=DISKS)
def server(request: pytest.FixtureRequest) -> Iterator[PostgreSQLServer]:
    if request.param == "nothing":
        yield request.getfixturevalue("postgresql_server")
        return
    with running_postgresql(durable=True) as server:
        if request.param == "replica":
            for name, value in (("commit_delay", "20000"), ("commit_siblings", "0")):
                server.administer(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
            server.administer(sql.SQL("SELECT pg_reload_conf()").format())
        yield server


class Commits:
    """Counts those of an engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self.count = 0
        sa.event.listen(engine, "connect", self._watch)

    def _watch(self, driver: Any, _: Any) -> None:
        commit = driver.commit

        def counted() -> None:
            self.count += 1
            commit()

        driver.commit = counted


@asynccontextmanager
async def two_tasks(folder: Path, server: PostgreSQLServer) -> AsyncIterator[tuple[StoreWorld, Database, Commits]]:
    """The store on PostgreSQL, with a database of eight connections beside its own."""
    url = server.create_database()
    async with open_store_world(folder, database_url=url, ephemeral_url=None) as store:
        await store.begin()
        await store.begin(OTHER)
        engine = open_engine(parse_database_url(url))
        database = PostgreSQLDatabase(engine, threads=CONNECTIONS)
        yield store, database, Commits(engine)
        await database.aclose()
    server.drop_database(url)


@pytest.mark.postgresql
@pytest.mark.requirement("T7", "R59")
async def test_what_waits_for_one_task_shares_its_commits(
    tmp_path: Path, server: PostgreSQLServer, request: pytest.FixtureRequest
) -> None:
    async with two_tasks(tmp_path, server) as (store, database, commits):
        hot = {"apart": append_to(store, Apart(database), TASK), "combined": append_to(store, database, TASK)}
        quiet = append_to(store, database, OTHER)
        measured = {name: Storm([], []) for name in hot}
        counted = dict.fromkeys(hot, 0)
        for number in range(STORMS):
            for place, (name, append) in enumerate(hot.items()):
                begin, before = (2 * number + place) * TURNS, commits.count
                turns = range(begin, begin + TURNS)
                others = await storm(append, quiet, measured[name], writers=WRITERS, turns=turns)
                counted[name] += commits.count - before - others
    every = WRITERS * TURNS * STORMS
    for name, found in measured.items():
        print(f"{request.node.callspec.id}, {name}: {counted[name]} commits for {every} turns, {found}")
    assert counted["apart"] == every
    assert counted["combined"] < every / 4


async def waiting_for_locks(url: str) -> int:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (count,) = await found.fetchone() or (0,)
        return int(count)


async def lock_waits(store: StoreWorld, hot: Append, quiet: Append, *, expected: int) -> bool:
    """How a quiet task fares while the hot one is locked and its writers wait: whether it was written meanwhile."""
    url = store.settings.database
    async with await psycopg.AsyncConnection.connect(url) as locking, asyncio.timeout(30):
        heads = sql.Identifier(tables.task_heads.name)
        await locking.execute(sql.SQL("SELECT 1 FROM {} WHERE task_id = %s FOR UPDATE").format(heads), (TASK,))
        waiting = [asyncio.create_task(hot(writer, 0)) for writer in range(2 * CONNECTIONS)]
        while await waiting_for_locks(url) < expected:  # noqa: ASYNC110 - the database does not tell
            await asyncio.sleep(0.01)
        other = asyncio.create_task(quiet(0, 0))
        done, _ = await asyncio.wait({other}, timeout=None if expected < CONNECTIONS else 0.5)
        held = await waiting_for_locks(url)
        await locking.rollback()
        await asyncio.gather(other, *waiting)
    assert held == expected
    return bool(done)


@pytest.mark.postgresql
@pytest.mark.requirement("T11", "R39")
async def test_who_waits_for_one_task_takes_one_connection_and_other_tasks_go_on(
    tmp_path: Path, postgresql_server: PostgreSQLServer
) -> None:
    async with two_tasks(tmp_path, postgresql_server) as (store, database, _):
        hot, quiet = append_to(store, database, TASK), append_to(store, database, OTHER)
        assert await lock_waits(store, hot, quiet, expected=1)


@pytest.mark.postgresql
@pytest.mark.requirement("T11", "R39")
async def test_without_combining_they_take_every_connection_and_other_tasks_wait_too(
    tmp_path: Path, postgresql_server: PostgreSQLServer
) -> None:
    async with two_tasks(tmp_path, postgresql_server) as (store, database, _):
        hot, quiet = append_to(store, Apart(database), TASK), append_to(store, Apart(database), OTHER)
        assert not await lock_waits(store, hot, quiet, expected=CONNECTIONS)
