"""Calls that are gathered: together where some wait, each with an answer of its own."""

import asyncio

import pytest
from segue_storage.database import DatabaseUnavailable, WriteInDoubt
from segue_storage.gathered import AT_ONCE, CROWD, Gathered

pytestmark = pytest.mark.anyio


class Store:
    """Doubles numbers once its gate is open. Of some it says what is wrong with them."""

    def __init__(self, failures: dict[int, Exception] | None = None) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self._failures = failures or {}

    async def double(self, numbers: list[int]) -> list[int]:
        self.groups.append(numbers)
        await self.gate.wait()
        for number in numbers:
            if number in self._failures:
                raise self._failures[number]
        return [2 * number for number in numbers]


async def _asked(gathered: Gathered[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    """The calls, each of which had its turn."""
    tasks = [asyncio.create_task(gathered.ask(number)) for number in numbers]
    for _ in range(4):
        await asyncio.sleep(0)
    return tasks


@pytest.mark.requirement("T7")
async def test_who_waits_for_others_goes_together_and_each_gets_its_own_answer() -> None:
    store = Store()
    gathered = Gathered(store.double)
    tasks = [*await _asked(gathered, 1), *await _asked(gathered, 10, 11, 12)]
    assert store.groups == [[1]]  # nobody is answered by what began before they asked
    store.gate.set()
    assert await asyncio.gather(*tasks) == [2, 20, 22, 24]
    assert store.groups == [[1], [10, 11, 12]]


@pytest.mark.requirement("T7")
async def test_a_crowd_does_not_wait_for_a_group_that_hangs() -> None:
    store = Store()
    gathered = Gathered(store.double)
    tasks = await _asked(gathered, 1)
    for group in range(AT_ONCE + 1):
        tasks += await _asked(gathered, *range(group * CROWD, (group + 1) * CROWD))
    assert [len(group) for group in store.groups] == [1] + [CROWD] * (AT_ONCE - 1)
    store.gate.set()
    await asyncio.gather(*tasks)


async def test_a_group_has_a_most() -> None:
    store = Store()
    store.gate.set()
    gathered = Gathered(store.double, most=2)
    assert await asyncio.gather(*(gathered.ask(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert max(map(len, store.groups)) == 2


async def test_what_is_wrong_with_one_is_told_to_that_one_alone() -> None:
    store = Store({2: ValueError("two")})
    store.gate.set()
    gathered = Gathered(store.double)
    told = await asyncio.gather(*(gathered.ask(number) for number in (1, 2, 3)), return_exceptions=True)
    assert (told[0], told[2]) == (2, 6)
    assert isinstance(told[1], ValueError)


async def test_an_outage_is_told_to_each_and_nothing_is_tried_again() -> None:
    store = Store({2: WriteInDoubt("the connection broke")})
    store.gate.set()
    gathered = Gathered(store.double)
    told = await asyncio.gather(*(gathered.ask(number) for number in (1, 2, 3)), return_exceptions=True)
    assert [type(each) for each in told] == [WriteInDoubt] * 3
    assert len({id(each) for each in told}) == 3
    assert store.groups == [[1, 2, 3]]


async def test_who_has_left_is_not_asked_for() -> None:
    store = Store()
    gathered = Gathered(store.double)
    first = await _asked(gathered, 1)
    leaving, staying = await _asked(gathered, 10, 11)
    leaving.cancel()
    await asyncio.sleep(0)
    store.gate.set()
    assert await staying == 22
    await asyncio.gather(*first)
    assert store.groups == [[1], [11]]


async def test_after_everybody_was_answered_the_next_is_too() -> None:
    store = Store({1: DatabaseUnavailable("away")})
    store.gate.set()
    gathered = Gathered(store.double)
    for number in range(6):
        if number == 1:
            with pytest.raises(DatabaseUnavailable):
                await gathered.ask(number)
        else:
            assert await gathered.ask(number) == 2 * number


def test_every_event_loop_has_its_own_line() -> None:
    store = Store()
    gathered = Gathered(store.double)

    async def left_behind() -> None:
        await _asked(gathered, 1)

    async def asked() -> int:
        store.gate = asyncio.Event()
        store.gate.set()
        return await gathered.ask(2)

    asyncio.run(left_behind())
    assert asyncio.run(asked()) == 4
