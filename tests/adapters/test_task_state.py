"""What adapters stand on, at running servers: the state in a task as a device's library has it (E2)."""

import asyncio
from typing import Any

import pytest
from journey import Journey
from segue_client import task_state
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2")]


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


def state_of(journey: Journey, grant: Grant) -> TaskState:
    return TaskState(grant, store=journey.site.store)


async def scanned(state: TaskState, prefix: str = "", **how: Any) -> dict[str, Any]:
    return {entry.key: entry.value async for entry in state.scan(prefix, **how)}


VALUES = {
    "plain": {"text": "ü", "list": [1, 2.5, None, True], "empty": {}},
    "large": {"text": "x" * 300_000, "more": ["y" * 1000] * 200},
    "deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["bottom"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],
    "wide numbers": 2**70,
    "not a number": "as text",
    "our own marks": {"$text": "no", "$pieces": ["no"]},
    "only our mark": {"$pieces": ["no"]},
    "surrogate": "\ud800",
    "line\u2028separator": "\u2028\x00",
}


@pytest.mark.parametrize("name", VALUES)
async def test_any_json_value_comes_back_as_it_was(journey: Journey, grant: Grant, name: str) -> None:
    state = state_of(journey, grant)
    await state.keep({"value": VALUES[name]})
    entry = await state_of(journey, grant).get("value")
    assert entry is not None
    assert entry.value == VALUES[name]


async def test_numbers_that_are_no_json_come_back_too(journey: Journey, grant: Grant) -> None:
    state = state_of(journey, grant)
    await state.keep({"inf": float("inf"), "nan": [float("nan")]})
    found = await scanned(state)
    assert found["inf"] == float("inf")
    assert found["nan"][0] != found["nan"][0]


async def test_more_than_fits_one_request_is_kept_in_order_and_compared_last(journey: Journey, grant: Grant) -> None:
    state = state_of(journey, grant)
    many = {f"k/{number:04}": {"number": number, "text": "z" * 900} for number in range(450)}
    await state.keep({"head": 1})
    with pytest.raises(Refused) as refused:
        await state.keep({**many, "head": 2}, expect={"head": 0})
    assert refused.value.status == 412
    assert (await state.get("head")).value == 1  # type: ignore[union-attr]
    await state.keep({**many, "head": 2}, drop=["k/0000"])
    assert await scanned(state, "k/", page=70) == {name: value for name, value in many.items() if name != "k/0000"}
    backwards = [entry.key async for entry in state.scan("k/", newest_first=True, after="k/0010")]
    assert backwards == [f"k/{number:04}" for number in range(9, 0, -1)]


async def test_a_large_value_that_is_kept_again_is_sent_once(journey: Journey, grant: Grant) -> None:
    state = state_of(journey, grant)
    large = "".join(chr(65 + number % 26) for number in range(task_state.LARGE * 3))
    before = await state.keep({"a": large})
    after = await state.keep({"b": large})
    assert after == before + 1
    assert await scanned(state_of(journey, grant), "b") == {"b": large}


async def test_a_task_that_has_moved_takes_its_state_along_and_leaves_no_writer_behind(
    journey: Journey, grant: Grant
) -> None:
    desktop = state_of(journey, grant)
    point = await desktop.keep({"turn/1": "asked", "turn/2": "answered"})
    phone = state_of(journey, await journey.hand_over(grant))
    assert await scanned(phone, "turn/") == {"turn/1": "asked", "turn/2": "answered"}
    with pytest.raises(Refused) as refused:
        await desktop.keep({"turn/3": "from the past"})
    assert refused.value.error == "stale-epoch"
    await phone.keep({"turn/3": "goes on"}, drop=["turn/1"])
    assert await scanned(phone, "turn/") == {"turn/2": "answered", "turn/3": "goes on"}
    assert await scanned(phone, "turn/", as_of=point) == {"turn/1": "asked", "turn/2": "answered"}


async def test_of_two_writers_the_one_that_has_not_seen_the_other_is_refused(journey: Journey, grant: Grant) -> None:
    one, other = state_of(journey, grant), state_of(journey, grant)
    answers = await asyncio.gather(
        *(state.keep({"turn/1": name}, expect={"turn/1": 0}) for state, name in ((one, "one"), (other, "other"))),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert [answer.status for answer in refused] == [412]
