"""The contract of `Ephemeral`, in one process and through Redis."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from segue_storage.ephemeral import Ephemeral, MemoryLost, open_ephemeral

pytestmark = pytest.mark.anyio

LONG = "k" * 10_000


class SetClock:
    def __init__(self) -> None:
        self.now = 1_800_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def ephemeral(ephemeral_url: str | None, clock: SetClock) -> AsyncIterator[Ephemeral]:
    ephemeral = open_ephemeral(ephemeral_url, clock)
    yield ephemeral
    await ephemeral.aclose()


@pytest.fixture
async def other_process(ephemeral: Ephemeral, ephemeral_url: str | None, clock: SetClock) -> AsyncIterator[Ephemeral]:
    """What another process of the same server has: with Redis a store of its own, in process there is none."""
    if ephemeral_url is None:
        yield ephemeral
        return
    other = open_ephemeral(ephemeral_url, clock)
    yield other
    await other.aclose()


@pytest.mark.requirement("XD-DPOP-04", "XD-RACE-10", "A6")
async def test_of_many_uses_at_once_in_two_processes_one_is_the_first(
    ephemeral: Ephemeral, other_process: Ephemeral
) -> None:
    incarnation = await ephemeral.incarnation()
    uses = (each.first_use("a", lifetime=60, incarnation=incarnation) for each in (ephemeral, other_process) * 25)
    assert sorted(await asyncio.gather(*uses)) == [False] * 49 + [True]


@pytest.mark.requirement("XD-DPOP-05")
@pytest.mark.parametrize(
    ("one", "other"), [("a", "b"), ("a", "a "), ("k" * 10_000 + "1", "k" * 10_000 + "2"), ("", "\0")]
)
async def test_uses_that_differ_at_all_are_different(ephemeral: Ephemeral, one: str, other: str) -> None:
    assert await _use(ephemeral, one)
    assert await _use(ephemeral, other)
    assert not await _use(ephemeral, one)


@pytest.mark.requirement("XD-DPOP-04")
async def test_a_use_is_remembered_for_its_lifetime_and_no_longer(ephemeral: Ephemeral, clock: SetClock) -> None:
    assert await _use(ephemeral, "a", lifetime=1)
    assert not await _use(ephemeral, "a", lifetime=1)
    await _pass(clock, seconds=1)
    assert await _use(ephemeral, "a", lifetime=1)


async def test_processes_agree_on_the_incarnation_while_nothing_is_lost(
    ephemeral: Ephemeral, other_process: Ephemeral, clock: SetClock
) -> None:
    before = await ephemeral.incarnation()
    clock.now += 3600
    assert await _use(ephemeral, "a")
    assert await ephemeral.incarnation() == await other_process.incarnation() == before


@pytest.mark.requirement("XD-DPOP-05", "XD-OPS-06")
async def test_a_use_under_another_incarnation_is_refused_and_not_remembered(ephemeral: Ephemeral) -> None:
    current = await ephemeral.incarnation()
    for stale in (b"", b"stale", current[:-1], current + b"0"):
        with pytest.raises(MemoryLost):
            await ephemeral.first_use("a", lifetime=60, incarnation=stale)
    assert await ephemeral.first_use("a", lifetime=60, incarnation=current)


@pytest.mark.requirement("XD-OPS-05")
async def test_a_clock_that_is_set_back_voids_what_was_remembered(ephemeral: Ephemeral, clock: SetClock) -> None:
    before = await ephemeral.incarnation()
    clock.now -= 5
    assert await ephemeral.incarnation() == before
    clock.now -= 1
    assert await ephemeral.incarnation() != before
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("a", lifetime=60, incarnation=before)


@pytest.mark.requirement("XD-OPS-05")
async def test_a_use_is_where_a_clock_that_was_set_back_is_noticed(ephemeral: Ephemeral, clock: SetClock) -> None:
    before = await ephemeral.incarnation()
    clock.now -= 6
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("a", lifetime=60, incarnation=before)


@pytest.mark.requirement("XD-RACE-08", "XD-RACE-10")
async def test_of_many_tries_at_once_in_two_processes_the_limit_is_allowed(
    ephemeral: Ephemeral, other_process: Ephemeral
) -> None:
    tries = (each.allow("a", limit=5, window=60) for each in (ephemeral, other_process) * 25)
    assert sum(await asyncio.gather(*tries)) == 5


@pytest.mark.requirement("XD-RACE-08")
async def test_the_limit_holds_in_every_window_not_just_in_aligned_ones(ephemeral: Ephemeral, clock: SetClock) -> None:
    allowed = []
    for _ in range(40):
        if await ephemeral.allow("a", limit=3, window=10):
            allowed.append(clock.now)
        clock.now += 1
    assert len(allowed) == 12
    assert all(later - earlier >= 10 for earlier, later in zip(allowed, allowed[3:], strict=False))


async def test_a_refused_try_does_not_count(ephemeral: Ephemeral, clock: SetClock) -> None:
    assert await ephemeral.allow("a", limit=1, window=10)
    for _ in range(9):
        clock.now += 1
        assert not await ephemeral.allow("a", limit=1, window=10)
    clock.now += 1
    assert await ephemeral.allow("a", limit=1, window=10)


async def test_each_key_has_a_limit_of_its_own(ephemeral: Ephemeral) -> None:
    assert [await ephemeral.allow(key, limit=1, window=60) for key in ("a", "b", "a", "b")] == [
        True,
        True,
        False,
        False,
    ]


async def test_a_limit_of_nothing_allows_nothing(ephemeral: Ephemeral) -> None:
    assert not await ephemeral.allow("a", limit=0, window=60)


@pytest.mark.requirement("T7")
async def test_a_wake_up_reaches_every_listener_of_its_topic_and_no_other(
    ephemeral: Ephemeral, other_process: Ephemeral
) -> None:
    async with (
        ephemeral.listen("task-1") as one,
        ephemeral.listen("task-1") as another,
        other_process.listen("task-1") as elsewhere,
        ephemeral.listen("task-2") as stranger,
    ):
        await other_process.wake("task-1")
        assert await asyncio.gather(*(each.wait(5) for each in (one, another, elsewhere))) == [True] * 3
        assert not await stranger.wait(0.05)


@pytest.mark.requirement("T7")
async def test_a_wake_up_between_entering_and_waiting_is_not_missed(
    ephemeral: Ephemeral, other_process: Ephemeral
) -> None:
    for number in range(20):
        async with ephemeral.listen(f"task-{number}") as listener:
            await other_process.wake(f"task-{number}")
            assert await listener.wait(5)


async def test_several_wake_ups_may_become_one_and_a_heard_one_is_over(ephemeral: Ephemeral) -> None:
    async with ephemeral.listen("task") as listener:
        for _ in range(3):
            await ephemeral.wake("task")
        assert await listener.wait(5)
        await asyncio.sleep(0.1)
        await listener.wait(0)
        assert not await listener.wait(0.05)


async def test_waiting_ends_when_the_time_is_over(ephemeral: Ephemeral) -> None:
    async with ephemeral.listen("task") as listener:
        began = time.monotonic()
        assert not await listener.wait(0.1)
        assert 0.05 < time.monotonic() - began < 2


async def test_a_listener_that_is_cancelled_is_forgotten(ephemeral: Ephemeral) -> None:
    entered = asyncio.Event()

    async def listen() -> None:
        async with ephemeral.listen("task") as listener:
            entered.set()
            await listener.wait(60)

    listening = asyncio.create_task(listen())
    await entered.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    async with ephemeral.listen("task") as next_one:
        await ephemeral.wake("task")
        assert await next_one.wait(5)


async def test_closing_twice_does_no_harm(ephemeral: Ephemeral) -> None:
    async with ephemeral.listen("task"):
        await ephemeral.aclose()
    await ephemeral.aclose()


@pytest.mark.parametrize("url", ["http://localhost", "redis", "", "sqlite:///secret"])
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="redis://") as refused:
        open_ephemeral(url)
    assert "secret" not in str(refused.value)


async def _use(ephemeral: Ephemeral, key: str, *, lifetime: int = 60) -> bool:
    return await ephemeral.first_use(key, lifetime=lifetime, incarnation=await ephemeral.incarnation())


async def _pass(clock: SetClock, *, seconds: int) -> None:
    """Let the time go by on our clock and on Redis's."""
    clock.now += seconds
    await asyncio.sleep(seconds + 0.05)
