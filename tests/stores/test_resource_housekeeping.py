"""Answers kept for repeated requests are dropped after a week, in batches, by the server itself."""

import asyncio

import pytest
import sqlalchemy as sa
from resource_world import StoreWorld, texts
from segue_resource import housekeeping
from segue_resource.housekeeping import drop_old_answers
from segue_resource.stores import idempotency, tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T11", "R47")]

WEEK = 7 * 24 * 3600


async def kept(store: StoreWorld) -> set[str]:
    keys = sa.select(tables.idempotency_keys.c.idempotency_key)
    return set(await store.database.read(lambda connection: list(connection.execute(keys).scalars())))


async def test_an_answer_is_kept_for_a_week_and_dropped_after_it(store: StoreWorld) -> None:
    device = store.device()
    await device.say("old", key="old")
    await store.later(1)
    await device.say("young", key="young")
    await store.later(WEEK - 1)
    assert await drop_old_answers(store.database, store.clock) == 0
    assert await kept(store) == {"old", "young"}
    await store.later(1)
    assert await drop_old_answers(store.database, store.clock) == 1
    assert await kept(store) == {"young"}
    assert texts(await store.device().log()) == ["old", "young"]


async def test_however_many_there_are_each_transaction_drops_a_few(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "BATCH", 3)
    device = store.device()
    for number in range(8):
        await device.say(str(number), key=f"k{number}")
    await store.later(WEEK + 1)
    counted = await store.database.write(lambda connection: idempotency.drop_old(connection, now=store.now))
    assert counted == 3
    assert len(await kept(store)) == 5
    both = await asyncio.gather(*(drop_old_answers(store.database, store.clock) for _ in range(2)))
    assert (sum(both), await kept(store)) == (5, set())
    assert len(texts(await store.device().log())) == 8


async def test_the_server_does_it_by_itself_and_stops_with_it(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.device().say("old", key="old")
    monkeypatch.setattr(housekeeping, "FIRST", 0.0)
    await store.later(WEEK + 1)
    for _ in range(500):
        if not await kept(store):
            break
        await asyncio.sleep(0.01)
    assert await kept(store) == set()
    await store.restart()
