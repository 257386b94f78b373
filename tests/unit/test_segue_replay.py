"""The memory of uses forgets nothing that could still be used, and says so when it did."""

import os

import pytest
from segue.replay import InProcessReplayMemory, MemoryLost, MemoryUnavailable

pytestmark = pytest.mark.anyio


class SetClock:
    def __init__(self) -> None:
        self.now = 1_800_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def memory(clock: SetClock) -> InProcessReplayMemory:
    return InProcessReplayMemory(clock, os.urandom, capacity=3)


async def _use(memory: InProcessReplayMemory, key: str, *, lifetime: int = 60) -> bool:
    return await memory.first_use(key, lifetime=lifetime, incarnation=await memory.incarnation())


@pytest.mark.requirement("XD-DPOP-04")
async def test_only_the_first_use_is_the_first(memory: InProcessReplayMemory) -> None:
    assert [await _use(memory, key) for key in ("a", "a", "b", "a")] == [True, False, True, False]


@pytest.mark.requirement("XD-DPOP-04")
async def test_a_use_is_remembered_for_its_lifetime(memory: InProcessReplayMemory, clock: SetClock) -> None:
    await _use(memory, "a", lifetime=60)
    clock.now += 59
    assert not await _use(memory, "a")
    clock.now += 1
    assert await _use(memory, "a")


@pytest.mark.requirement("XD-DPOP-05")
async def test_a_full_memory_refuses_and_forgets_nothing(memory: InProcessReplayMemory, clock: SetClock) -> None:
    for key in ("a", "b", "c"):
        assert await _use(memory, key)
    with pytest.raises(MemoryUnavailable):
        await _use(memory, "d")
    assert not await _use(memory, "a")
    clock.now += 60
    assert await _use(memory, "d")


async def test_a_short_use_makes_room_behind_a_long_one(memory: InProcessReplayMemory, clock: SetClock) -> None:
    await _use(memory, "long", lifetime=100)
    await _use(memory, "short", lifetime=10)
    clock.now += 10
    assert await _use(memory, "short")
    assert not await _use(memory, "long")


async def test_another_incarnation_is_lost(memory: InProcessReplayMemory, clock: SetClock) -> None:
    other = InProcessReplayMemory(clock, os.urandom)
    with pytest.raises(MemoryLost):
        await memory.first_use("a", lifetime=60, incarnation=await other.incarnation())
    assert await _use(memory, "a")


@pytest.mark.requirement("XD-OPS-05")
async def test_a_clock_set_back_begins_a_new_incarnation(memory: InProcessReplayMemory, clock: SetClock) -> None:
    before = await memory.incarnation()
    clock.now += 3600
    assert await memory.incarnation() == before
    clock.now -= 6
    with pytest.raises(MemoryLost):
        await memory.first_use("a", lifetime=60, incarnation=before)


@pytest.mark.requirement("XD-OPS-05")
async def test_small_steps_back_add_up(memory: InProcessReplayMemory, clock: SetClock) -> None:
    before = await memory.incarnation()
    clock.now -= 4
    assert await memory.incarnation() == before
    clock.now -= 4
    assert await memory.incarnation() != before


async def test_a_clock_that_steps_back_a_little_loses_nothing(memory: InProcessReplayMemory, clock: SetClock) -> None:
    before = await memory.incarnation()
    clock.now -= 5
    assert await memory.incarnation() == before
