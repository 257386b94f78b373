"""What forks and rollbacks cost: G11 and G12 of the goals, in time and in bytes (specs/evidence)."""

import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from aged_task import age
from resource_world import TASK, Device, StoreWorld, event, item
from rounds import FULL, rounds

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

TURNS = rounds(bounded=200, full=5000)
FORKS = rounds(bounded=100, full=1000)
BYTES = {"sqlite": 3000, "postgresql": 6000}
"""Of one fork, with the indexes and what the database adds to a row. Of few forks half-empty pages count too."""
PAST = 100_000 if FULL else 10_000
TIMES = rounds(bounded=5, full=100)


async def size_of(store: StoreWorld, folder: Path) -> int:
    """Bytes of the database, with all that was written in its place."""
    if store.database.dialect == "sqlite":
        await store.database.write(lambda connection: connection.exec_driver_sql("SELECT 1").rowcount)
        pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        return await store.database.read(lambda connection: int(connection.exec_driver_sql(pages).scalar_one()))
    whole = "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables"
    return await store.database.read(lambda connection: int(connection.exec_driver_sql(whole).scalar_one()))


async def timed(times: int, ask: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds of each."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        found.append((time.perf_counter() - began) * 1000)
    return found


def told(took: list[float]) -> str:
    return f"median {statistics.median(took):.1f} ms, at most {max(took):.1f} ms"


@pytest.mark.requirement("T13", "R40")
async def test_forks_of_a_long_task_take_little_room_and_time(store: StoreWorld, tmp_path: Path) -> None:
    device = store.device()
    for number in range(8):
        await device.put(f"item-{number}", item(str(number), body="x" * 1000))
    for _ in range(0, TURNS * 3, 99):
        await device.post("/events", {"events": [event("x" * 200)] * 99})
    before = await size_of(store, tmp_path)

    async def fork() -> None:
        answer = await device.post("/forks", {"name": "Otherwise"})
        assert answer.status_code == 201, answer.text

    took = await timed(FORKS, fork)
    each = (await size_of(store, tmp_path) - before) / FORKS
    print(f"{store.database.dialect}: {FORKS} forks after {TURNS} turns, {each:.0f} bytes each, {told(took)}")
    assert each <= BYTES[store.database.dialect] * (1 if FULL else 2)


@pytest.mark.requirement("T12", "R35")
async def test_a_long_past_is_taken_back_and_looked_at_by_index(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("first"))
    await age(store, first=3, last=PAST)
    version = PAST

    async def rollback() -> None:
        nonlocal version
        head = (await device.read())["head"]
        await device.put("draft", item("other"), version=version)
        began = time.perf_counter()
        done = await device.post("/rollbacks", {"to": head, "head": head + 1})
        took.append((time.perf_counter() - began) * 1000)
        version = done.json()["working_set"][0]["version"]

    took: list[float] = []
    await device.put("draft", item("standing"), version=version)
    version += 1
    await timed(TIMES, rollback)
    looked = await timed(TIMES, lambda: device.read(f"/working-set?as_of={PAST + 1}"))
    assert (await device.read("/working-set/draft"))["title"] == "standing"
    assert [found["title"] for found in (await device.read("/working-set?as_of=2"))["items"]] == ["first"]
    print(f"{store.database.dialect}: after {PAST} events, rollback {told(took)}; set as of an event {told(looked)}")
    assert statistics.median(took) < 2000
    assert statistics.median(looked) < 2000


async def test_a_fork_costs_no_more_at_the_end_of_a_long_past(store: StoreWorld) -> None:
    device: Device = store.device()
    await device.put("draft", item("first"))
    await age(store, first=3, last=PAST)
    await device.put("draft", item("standing"), version=PAST)
    took = await timed(TIMES, lambda: device.post("/forks", {"name": "Otherwise"}))
    forks = sa.select(sa.func.count()).where(sa.column("parent_task_id") == TASK).select_from(sa.table("task_heads"))
    assert await store.database.read(lambda connection: connection.execute(forks).scalar_one()) == TIMES
    print(f"{store.database.dialect}: fork after {PAST} events, {told(took)}")
    assert statistics.median(took) < 2000
