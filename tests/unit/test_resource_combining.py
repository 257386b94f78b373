"""What waits for one task is done together, in the order of asking, and without a crowd nobody waits for anybody."""

import asyncio
from collections.abc import Sequence

import pytest
from segue_resource.stores.combining import MOST, Combining

pytestmark = pytest.mark.anyio
BREAKS = 66


class Deeds:
    """Does what it is asked, one after the other, and waits before each until it may go on."""

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.may_go_on = asyncio.Event()
        self.combining = Combining(self.alone, self.together)

    async def alone(self, asked: int) -> int:
        return (await self._do([asked]))[0]

    async def together(self, asked: Sequence[int]) -> list[int | Exception]:
        return [ValueError("odd") if answer % 2 else answer for answer in await self._do(asked)]

    async def _do(self, asked: Sequence[int]) -> list[int]:
        self.done.append(list(asked))
        if BREAKS in asked:
            raise RuntimeError("broken")
        await self.may_go_on.wait()
        return list(asked)

    async def ask(self, *numbers: int, key: str = "task") -> list[asyncio.Task[int]]:
        """Each in its turn, as far as it comes."""
        asked = [asyncio.create_task(self.combining.ask(key, number)) for number in numbers]
        await asyncio.sleep(0)
        return asked


@pytest.mark.requirement("T7", "R59")
async def test_the_first_goes_at_once_and_those_behind_it_go_together_in_their_order() -> None:
    deeds = Deeds()
    asked = await deeds.ask(0, 2, 4, 6)
    assert deeds.done == [[0]]
    deeds.may_go_on.set()
    assert await asyncio.gather(*asked) == [0, 2, 4, 6]
    assert deeds.done == [[0], [2, 4, 6]]


async def test_who_waits_for_another_task_waits_for_nobody() -> None:
    deeds = Deeds()
    asked = [*await deeds.ask(0), *await deeds.ask(2, key="other")]
    assert deeds.done == [[0], [2]]
    deeds.may_go_on.set()
    await asyncio.gather(*asked)


async def test_each_hears_what_became_of_its_own() -> None:
    deeds = Deeds()
    asked = await deeds.ask(0, 2, 3, 4)
    deeds.may_go_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, ValueError, int]


async def test_what_breaks_them_all_is_told_to_each_and_the_next_go_on() -> None:
    deeds = Deeds()
    asked = await deeds.ask(0, 2, BREAKS, 4)
    deeds.may_go_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, *[RuntimeError] * 3]
    assert await asyncio.gather(*await deeds.ask(6, 8)) == [6, 8]


async def test_who_has_left_while_it_waited_is_not_served() -> None:
    deeds = Deeds()
    first, left, stays = await deeds.ask(0, 2, 4)
    left.cancel()
    deeds.may_go_on.set()
    assert await asyncio.gather(first, stays) == [0, 4]
    assert deeds.done == [[0], [4]]


async def test_where_the_first_leaves_those_behind_it_go_on() -> None:
    deeds = Deeds()
    first, second = await deeds.ask(0, 2)
    first.cancel()
    deeds.may_go_on.set()
    assert await second == 2


async def test_as_many_go_together_as_the_first_may_wait_for_and_once_over_the_next_goes_at_once() -> None:
    deeds = Deeds()
    asked = await deeds.ask(*range(1000, 1000 + 2 * MOST + 4, 2))
    deeds.may_go_on.set()
    await asyncio.gather(*asked)
    assert [len(batch) for batch in deeds.done] == [1, MOST, 1]
    await asyncio.gather(*await deeds.ask(8))
    assert deeds.done[-1] == [8]
