"""What only a Redis cluster can do: lose a master, have a replica take over, move a part of the keys, lose everything.

The contract of `Ephemeral` on a cluster is in test_ephemeral.py and test_ephemeral_texts.py, as on every other store.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
from redis_cluster import MASTERS, SLOTS, RedisCluster, running_redis_cluster
from segue_storage.ephemeral import Ephemeral, MemoryLost, MemoryUnavailable, open_ephemeral
from segue_storage.redis_memory import part
from segue_storage.redis_shards import TAGGED, open_shards, placed, tag_of

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

PATIENCE = 4.0
"""Seconds in which every answer has come, or the outage is known."""
FAILOVER = 30.0
"""Seconds in which a replica has taken over, on a machine that does much else."""


def _of_master(number: int, slot_of: Callable[[str], int], *, beyond: int = 0) -> str:
    """A key whose slot that master has."""
    return next(key for key in map(str, range(beyond, 1000)) if slot_of(key) * MASTERS // SLOTS == number)


def _slot_of_use(key: str) -> int:
    return placed("use", key)[0].slot


FIRST, SECOND = (_of_master(number, _slot_of_use) for number in (0, 1))
"""Uses that the first master remembers, and the second."""
FRESH = _of_master(0, _slot_of_use, beyond=int(FIRST) + 1)
FIRST_TOPIC, SECOND_TOPIC = (_of_master(number, lambda key: tag_of(key).slot) for number in (0, 1))


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    """A cluster for one test, whose first master has a replica."""
    with running_redis_cluster(replicas=1) as cluster:
        yield cluster


@pytest.fixture
async def ephemeral(cluster: RedisCluster) -> AsyncIterator[Ephemeral]:
    ephemeral = open_ephemeral(cluster.url)
    yield ephemeral
    await ephemeral.aclose()


@pytest.mark.requirement("XD-OPS-06", "XD-DPOP-05", "XD-RACE-10")
async def test_a_dead_master_refuses_its_uses_until_a_replica_takes_over_which_accepts_none_of_them_again(
    cluster: RedisCluster, ephemeral: Ephemeral
) -> None:
    before = await ephemeral.incarnation()
    assert await _use(ephemeral, FIRST, before)
    assert await _use(ephemeral, SECOND, before)
    cluster.masters[0].stop()
    async with asyncio.timeout(FAILOVER):
        refused = await _until(MemoryLost, lambda: _use(ephemeral, FIRST, before), meanwhile=MemoryUnavailable)
    assert refused > 0
    after = await ephemeral.incarnation()
    lost = [tag.slot * MASTERS // SLOTS for tag in TAGGED if part(before, tag) != part(after, tag)]
    assert set(lost) == {0}
    assert await _use(ephemeral, FRESH, after)
    assert not await _use(ephemeral, SECOND, before)


@pytest.mark.requirement("XD-OPS-06", "XD-DOS-06")
async def test_what_the_other_masters_remember_is_decided_while_one_is_away(
    cluster: RedisCluster, ephemeral: Ephemeral
) -> None:
    before = await ephemeral.incarnation()
    cluster.masters[0].suspend()
    began = time.monotonic()
    first, second = await asyncio.gather(
        _use(ephemeral, FIRST, before), _use(ephemeral, SECOND, before), return_exceptions=True
    )
    assert (type(first), second) == (MemoryUnavailable, True)
    during = await ephemeral.incarnation()
    assert time.monotonic() - began < 2 * PATIENCE
    assert {part(during, tag) == part(before, tag) for tag in TAGGED if tag.slot * MASTERS // SLOTS} == {True}


@pytest.mark.requirement("XD-OPS-06", "XD-DPOP-05")
async def test_a_master_that_hung_and_comes_back_as_a_replica_is_not_believed(cluster: RedisCluster) -> None:
    idle = open_ephemeral(cluster.url)  # whose connections last, for nothing is asked over them
    before = await idle.incarnation()
    assert await _use(idle, FIRST, before)
    cluster.masters[0].suspend()
    async with asyncio.timeout(FAILOVER):
        while b"master" not in cluster.replicas[0].ask("ROLE"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    cluster.masters[0].resume()
    async with asyncio.timeout(FAILOVER):
        while b"slave" not in cluster.masters[0].ask("ROLE"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    with pytest.raises(MemoryLost):
        await _use(idle, FIRST, before)
    await idle.aclose()


@pytest.mark.requirement("T7", "T8")
async def test_wake_ups_go_on_where_a_master_lives_and_come_again_where_a_replica_took_over(
    cluster: RedisCluster, ephemeral: Ephemeral
) -> None:
    async with ephemeral.listen(FIRST_TOPIC) as first, ephemeral.listen(SECOND_TOPIC) as second:
        cluster.masters[0].stop()
        await ephemeral.wake(SECOND_TOPIC)
        assert await second.wait(PATIENCE)
        assert await first.wait(FAILOVER)  # the subscription is a new one: something may have been missed
        await ephemeral.wake(FIRST_TOPIC)
        assert await first.wait(PATIENCE)


@pytest.mark.requirement("XD-DPOP-05", "T7")
async def test_a_part_that_moves_to_another_master_is_followed_there_as_one_that_was_lost(
    cluster: RedisCluster, ephemeral: Ephemeral
) -> None:
    before = await ephemeral.incarnation()
    assert await _use(ephemeral, FIRST, before)
    async with ephemeral.listen(FIRST_TOPIC) as listener:
        for slot in {_slot_of_use(FIRST), tag_of(FIRST_TOPIC).slot}:
            cluster.move(slot, cluster.masters[0], cluster.masters[1])
        with pytest.raises(MemoryLost):
            await _use(ephemeral, FIRST, before)
        assert await listener.wait(PATIENCE)
        await ephemeral.wake(FIRST_TOPIC)
        assert await listener.wait(PATIENCE)
    assert not await _use(ephemeral, FIRST, await ephemeral.incarnation())  # it moved along


@pytest.mark.requirement("XD-OPS-06")
async def test_without_any_master_every_decision_is_refused_in_bounded_time(
    cluster: RedisCluster, ephemeral: Ephemeral
) -> None:
    incarnation = await ephemeral.incarnation()
    for member in cluster.members:
        member.stop()
    began = time.monotonic()
    refused = await asyncio.gather(
        ephemeral.incarnation(),
        *(_use(ephemeral, key, incarnation) for key in (FIRST, SECOND)),
        ephemeral.allow("a", limit=1, window=60),
        return_exceptions=True,
    )
    assert {type(each) for each in refused} == {MemoryUnavailable}
    assert time.monotonic() - began < PATIENCE


async def test_a_redis_that_is_in_no_cluster_is_not_taken_for_one(redis_url: str) -> None:
    ephemeral = open_ephemeral(redis_url.replace("redis://", "redis+cluster://"))
    with pytest.raises(MemoryUnavailable):
        await ephemeral.incarnation()
    await ephemeral.aclose()


def test_a_cluster_has_no_numbered_databases() -> None:
    with pytest.raises(ValueError, match="numbered databases"):
        open_shards("redis+cluster://127.0.0.1:7000/1")


def test_masters_with_equally_many_slots_have_equally_many_parts() -> None:
    for masters in (2, 4, 16, 64):
        counts = [0] * masters
        for tag in TAGGED:
            counts[tag.slot * masters // SLOTS] += 1
        assert set(counts) == {len(TAGGED) // masters}


async def _use(ephemeral: Ephemeral, key: str, incarnation: bytes) -> bool:
    return await ephemeral.first_use(key, lifetime=60, incarnation=incarnation)


async def _until(
    raised: type[Exception], decision: Callable[[], Coroutine[Any, Any, bool]], *, meanwhile: type[Exception]
) -> int:
    """How often `meanwhile` was raised until `raised` was. The decision must never be answered."""
    refused = 0
    while True:
        try:
            pytest.fail(f"a use was answered {await decision()} while its memory was away")
        except raised:
            return refused
        except meanwhile:
            refused += 1
            await asyncio.sleep(0.1)
