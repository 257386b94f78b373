"""The highest epoch seen of a task is remembered for as long as a lower one could write, in bounded room."""

import threading

import pytest
from segue.blocking import run_now
from segue.epoch import KEPT, EpochsElsewhere, InProcessEpochs
from segue.replay import MemoryUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A9", "U2")]


class World:
    def __init__(self) -> None:
        self.now = 1_800_000_000
        self.epochs = InProcessEpochs(lambda: self.now, capacity=3)


async def test_the_highest_epoch_is_answered_whatever_comes_later() -> None:
    epochs = World().epochs
    assert [await epochs.raise_to("tsk_1", epoch) for epoch in (1, 1, 3, 2, 1, 4)] == [1, 1, 3, 3, 3, 4]
    assert await epochs.raise_to("tsk_2", 1) == 1


@pytest.mark.requirement("XD-DOS-06", "PROFILE-fail-closed")
async def test_a_full_memory_refuses_while_a_lower_epoch_could_still_write() -> None:
    world = World()
    for number in range(3):
        await world.epochs.raise_to(f"tsk_{number}", 2)
        world.now += 1
    world.now += KEPT - 3
    with pytest.raises(MemoryUnavailable):
        await world.epochs.raise_to("tsk_9", 1)
    assert await world.epochs.raise_to("tsk_0", 3) == 3
    assert await world.epochs.raise_to("tsk_0", 1) == 3
    world.now += 2
    assert await world.epochs.raise_to("tsk_9", 1) == 1
    assert [await world.epochs.raise_to(f"tsk_{number}", 1) for number in (0, 2)] == [3, 2]


@pytest.mark.requirement("XD-OPS-05")
async def test_a_clock_set_back_forgets_nothing() -> None:
    world = World()
    for number in range(3):
        await world.epochs.raise_to(f"tsk_{number}", 2)
    world.now -= 10_000
    with pytest.raises(MemoryUnavailable):
        await world.epochs.raise_to("tsk_9", 1)


def test_threads_that_raise_at_once_never_lower_it() -> None:
    epochs = InProcessEpochs(lambda: 0, capacity=100)
    seen: list[int] = []
    start = threading.Barrier(8)

    def raise_all(first: int) -> None:
        start.wait()
        for epoch in range(first, 800, 8):
            seen.append(run_now(epochs.raise_to("tsk_1", epoch)) - epoch)

    threads = [threading.Thread(target=raise_all, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(seen) >= 0
    assert run_now(epochs.raise_to("tsk_1", 0)) == 799


async def test_a_server_that_keeps_epochs_itself_is_told_the_tokens() -> None:
    epochs = EpochsElsewhere()
    assert [await epochs.raise_to("tsk_1", epoch) for epoch in (2, 1)] == [2, 1]
