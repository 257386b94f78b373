"""Replay and live at once, for many: no gap and no repeat over disconnects, a bounded wait, bounded memory (G7, G8)."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from combining import append_to
from redis_server import RedisServer
from resource_world import TASK, Device, StoreWorld, Stream, event, open_store_world, texts
from rounds import rounds

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

FOLLOWERS = rounds(bounded=24, full=1000)
MEASURED = 16
"""Of them in memory, which takes long."""
SAID = rounds(bounded=3, full=20)
DISCONNECTS = rounds(bounded=25, full=10_000)
REPLAYED = rounds(bounded=1_000, full=50_000)
IDLE = 100_000
"""Bytes that an idle stream may cost, with the test's own end of it."""


async def followed(stack: AsyncExitStack, store: StoreWorld, count: int) -> list[Stream]:
    """Streams that have heard everything so far, from devices that have met the server."""
    first = store.device()
    head = (await first.read())["head"]
    streams = []
    for _ in range(count):
        device = store.device()
        device.nonce = first.nonce
        streams.append(await stack.enter_async_context(device.follow(last_event_id=head)))
        await streams[-1].start()
        assert (await streams[-1].block())["retry"]
    return streams


@pytest.mark.requirement("T7", "T11", "R16")
async def test_every_one_of_many_hears_each_event_once_and_an_idle_stream_costs_little(store: StoreWorld) -> None:
    writer, waits = store.device(), []
    async with AsyncExitStack() as stack:
        await followed(stack, store, 4)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        streams = await followed(stack, store, MEASURED)
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) // MEASURED
        tracemalloc.stop()
        streams += await followed(stack, store, FOLLOWERS - MEASURED)
        for number in range(SAID):
            assert (await writer.say(f"{number}")).status_code == 201
            began = time.perf_counter()
            heard = await asyncio.gather(*(stream.events(1) for stream in streams))
            waits.append(time.perf_counter() - began)
            assert {tuple(texts(found)) for found in heard} == {(f"{number}",)}
    waits.sort()
    print(
        f"{store.database.dialect}: {FOLLOWERS} followers, the last hears after {waits[len(waits) // 2] * 1000:.0f} ms,"
        f" at most {waits[-1] * 1000:.0f} ms; {each} bytes for an idle stream"
    )
    assert each < IDLE


@pytest.mark.requirement("T7", "T8", "R61")
async def test_a_log_is_replayed_whole_over_any_disconnects(store: StoreWorld) -> None:
    dice, writer, reader = Random(7), store.device(), store.device()
    for begin in range(0, REPLAYED, 100):
        content = {"events": [event(f"{number}") for number in range(begin, begin + 100)]}
        assert (await writer.post("/events", content)).status_code == 201
    began = time.perf_counter()
    whole = await reader.log()
    rate = len(whole) / (time.perf_counter() - began)
    print(f"{store.database.dialect}: {REPLAYED} events replayed in pages of 1,000, {rate:.0f} events/s")
    assert [found["seq"] for found in whole] == list(range(1, REPLAYED + 2))
    assert texts(whole) == [f"{number}" for number in range(REPLAYED)]
    seen = 0
    for _ in range(DISCONNECTS):
        count = dice.randint(1, max(1, 2 * REPLAYED // DISCONNECTS))
        if seen + count > len(whole):
            seen = 0
        async with reader.follow(last_event_id=seen) as stream:
            await stream.start()
            assert await stream.events(count) == whole[seen : seen + count]
            seen += count


@pytest.fixture
async def forgetful(tmp_path: Path, own_redis: RedisServer) -> AsyncIterator[StoreWorld]:
    database = f"sqlite:///{tmp_path}/resource.db"
    async with open_store_world(tmp_path, database_url=database, ephemeral_url=own_redis.url) as world:
        await world.begin()
        yield world


@pytest.mark.redis
@pytest.mark.requirement("T7", "T8", "R52", "R61")
async def test_redis_killed_while_many_follow_loses_no_event(forgetful: StoreWorld, own_redis: RedisServer) -> None:
    append = append_to(forgetful, forgetful.database, TASK)
    async with AsyncExitStack() as stack:
        streams = await followed(stack, forgetful, 8)
        await append(1, 0)
        own_redis.stop()
        began = time.perf_counter()
        await append(1, 1)  # what was committed as Redis died: nobody is woken for it
        heard = await asyncio.gather(*(stream.events(6) for stream in streams))
        print(f"without Redis everybody has heard after {time.perf_counter() - began:.1f} s")
        own_redis.start()
    expected = [f"1:{turn}:{part}" for turn in range(2) for part in range(3)]
    assert [texts(found) for found in heard] == [expected] * 8


@pytest.mark.requirement("T7", "T15", "R50")
async def test_who_joins_late_and_who_was_there_have_the_same_log(store: StoreWorld) -> None:
    writer: Device = store.device()
    async with AsyncExitStack() as stack:
        early = (await followed(stack, store, 1))[0]
        for number in range(5):
            await writer.say(f"{number}")
        late = await stack.enter_async_context(store.device().follow(last_event_id=1))
        await late.start()
        await writer.say("live")
        assert await early.events(6) == await late.events(6) == (await writer.log())[1:]
