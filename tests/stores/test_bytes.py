"""What a task takes on the disk, with all indexes, beside the JSON that was sent: G3 of the goals (specs/evidence).

Turns are committed one by one, three events each, as an agent sends them. What they say is put together from the texts
of the benchmark, so that it shrinks as prose does, and from results of tools, whose ids and figures hardly do.
"""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from postgresql_server import PostgreSQLServer, running_postgresql
from resource_world import OWNER, TASK, StoreWorld, open_store_world
from resume_worth.corpus import tasks
from rounds import rounds
from scrubbing import keeper_of
from segue_resource.domain.actor import Caller
from segue_resource.domain.event import NewEvent
from segue_resource.endpoints.task_request import answer
from segue_resource.stores import events
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T7")]

TURNS = rounds(bounded=100, full=5000)
MOST = {1000: (1.0, 1.4), 2000: (0.9, 1.2)}
"""Per mean size of a body: bytes on the disk and bytes of the write-ahead log, each per byte of JSON, at most. Of few
turns, half-empty pages and the first touch of each page count too."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    """Its own, so that nobody else writes to its log, and with the images of pages that others leave out."""
    with running_postgresql(durable=True) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def store(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    url = f"sqlite:///{tmp_path}/resource.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("server").create_database()
    async with open_store_world(tmp_path, database_url=url, ephemeral_url=None) as world:
        await world.begin()
        yield world


def bodies(mean: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, role and body of event after event: the person asks, the agent answers, a tool has told it something."""
    dice = random.Random(7)
    said = [text for task in tasks() for session in task.sessions for _, text in session.turns]
    while True:
        yield "message", "customer", {"text": _prose(dice, said, mean // 2)}
        yield "message", "agent", {"text": _prose(dice, said, mean)}
        yield "tool_result", "agent", {"tool": "search_documents", "result": _result(dice, said, mean * 3 // 2)}


def _prose(dice: random.Random, said: list[str], mean: int) -> str:
    """About as long as asked for, from half to twice; nothing in it is said twice."""
    length, text = dice.triangular(mean / 2, mean * 3 / 2), ""
    for part in dice.sample(said, len(said)):
        text = f"{text} {part}".strip()
        if len(text) >= length:
            break
    return text[: int(length)]


def _result(dice: random.Random, said: list[str], mean: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(msgspec.json.encode(found)) < mean - 150:
        score, page = round(dice.random(), 4), dice.randrange(400)
        about = {"document_id": dice.randbytes(12).hex(), "score": score, "page": page, "at": dice.randrange(10**9)}
        found.append({**about, "excerpt": _prose(dice, said, 160)})
    return found


@pytest.mark.parametrize("mean", [1000, 2000])
async def test_a_task_takes_little_more_room_than_what_was_said(store: StoreWorld, mean: int) -> None:
    before, wal, payload = await room(store), await written(store), await write(store, mean)
    taken, wal = await room(store) - before, await written(store) - wal
    dialect, each = store.database.dialect, payload / TURNS / 3
    figure = (
        f"{dialect}: {TURNS} turns, {each:.0f} bytes a body: {taken / 1e6:.1f} MB, {taken / payload:.2f} of the JSON"
    )
    print(figure, f"; write-ahead log {wal / payload:.2f}" if wal else "")
    assert abs(each / mean - 1) < 0.15
    assert taken / payload <= MOST[mean][0]
    assert wal / payload <= MOST[mean][1]


async def write(store: StoreWorld, mean: int) -> int:
    """All turns; the bytes of their bodies as JSON."""
    keeper = keeper_of(store)
    writer = TaskStore(store.database, store.ephemeral, keeper=keeper, clock=store.clock)
    caller = Caller(OWNER, "desktop-agent", "dev_0123456789abcdef", TASK, 1, None, frozenset({"events:append"}))
    drawn, payload = bodies(mean), 0
    for _ in range(TURNS):
        turn = [NewEvent(*next(drawn)) for _ in range(3)]
        payload += sum(len(msgspec.json.encode(event.body)) for event in turn)

        def work(writing: Writing, turn: list[NewEvent] = turn) -> Answer:
            events.append(writing, turn, session_id=None)
            return answer(201, {})

        await writer.write(caller, work, expected=3)
    return payload


async def room(store: StoreWorld) -> int:
    """Bytes of all tables and indexes, once what SQLite has in its log is in its place."""
    if store.database.dialect == "sqlite":
        pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        return await _asked(store, pages)
    return await _asked(store, "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables")


async def written(store: StoreWorld) -> int:
    """Bytes of write-ahead log so far; SQLite writes over its own again and again."""
    if store.database.dialect == "sqlite":
        return 0
    return await _asked(store, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")


async def _asked(store: StoreWorld, text: str) -> int:
    return await store.database.read(lambda connection: int(connection.execute(sa.text(text)).scalar_one()))
