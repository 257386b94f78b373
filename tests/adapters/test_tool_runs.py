"""A tool that runs once, whoever asks for it and however often, at running servers (E2, T9)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from adapters.downstream import Downstream
from journey import Journey
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.tool_runs import AwaitsApproval, Denied, Failed, InDoubt, Lost, Run, ToolRuns

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "T9")]

CALL: dict[str, Any] = {"tool": "compare_precedents", "arguments": {"clause": "7.2"}}
RESULT = {"found": 3}


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


@pytest.fixture
def downstream() -> Downstream:
    return Downstream()


def runs_of(journey: Journey, grant: Grant, *, lease: int = 30) -> ToolRuns:
    return ToolRuns(journey.task(grant), lease=lease)


def reaching(downstream: Downstream, seen: list[Run] | None = None) -> Callable[[Run], Awaitable[Any]]:
    async def do(run: Run) -> Any:
        if seen is not None:
            seen.append(run)
        return await downstream.execute(run.downstream_key, RESULT)

    return do


async def never(run: Run) -> Any:
    raise AssertionError("it was executed again")


async def test_a_call_that_has_ended_is_answered_and_not_executed_again(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    runs = runs_of(journey, grant)
    downstream.finish()
    assert await runs.run("c1", reaching(downstream), **CALL) == RESULT
    assert await runs.run("c1", never, **CALL) == RESULT
    assert await runs_of(journey, await journey.hand_over(grant)).run("c1", never, **CALL) == RESULT
    assert len(downstream.executed) == 1


async def test_who_asks_while_it_runs_waits_for_its_result(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    first = asyncio.create_task(runs_of(journey, grant).run("c1", reaching(downstream), **CALL))
    await downstream.running.wait()
    second = asyncio.create_task(runs_of(journey, grant).run("c1", never, **CALL))
    await asyncio.sleep(0.6)
    assert not second.done()
    downstream.finish()
    assert await first == await second == RESULT


@pytest.mark.requirement("R62")
async def test_a_call_in_flight_goes_on_at_the_next_device_and_has_its_effect_once(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    seen: list[Run] = []
    desktop = asyncio.create_task(runs_of(journey, grant, lease=3).run("c1", reaching(downstream, seen), **CALL))
    await downstream.running.wait()
    phone_grant = await journey.hand_over(grant)
    phone = asyncio.create_task(runs_of(journey, phone_grant).run("c1", reaching(downstream, seen), **CALL))
    with pytest.raises(Lost):
        await desktop
    downstream.finish()
    assert await phone == RESULT
    assert len(downstream.executed) == 1
    assert [run.attempt for run in seen] == [1, 2]
    assert len({run.downstream_key for run in seen}) == 1
    with pytest.raises(Lost):
        await runs_of(journey, grant).run("c2", never, **CALL)


async def test_a_call_longer_than_its_lease_stays_its_holders(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    holder = asyncio.create_task(runs_of(journey, grant, lease=2).run("c1", reaching(downstream), **CALL))
    await downstream.running.wait()
    await asyncio.sleep(3)
    waiting = asyncio.create_task(runs_of(journey, grant).run("c1", never, **CALL))
    await asyncio.sleep(0.2)
    downstream.finish()
    assert await holder == await waiting == RESULT


async def test_what_failed_has_failed_for_everybody(journey: Journey, grant: Grant) -> None:
    async def breaks(run: Run) -> Any:
        raise ValueError("no such clause")

    for each in (breaks, never):
        with pytest.raises(Failed, match="no such clause") as failed:
            await runs_of(journey, grant).run("c1", each, **CALL)
        assert failed.value.error == {"type": "ValueError", "message": "no such clause"}


async def test_an_irreversible_call_waits_for_the_person(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    runs = runs_of(journey, grant)
    downstream.finish()
    with pytest.raises(AwaitsApproval) as waits:
        await runs.run("c1", never, effect="irreversible", **CALL)
    await journey.task(grant).step(waits.value.call["call_id"], "approve")
    assert await runs.run("c1", reaching(downstream), effect="irreversible", **CALL) == RESULT


async def test_what_a_person_does_not_want_is_not_executed(journey: Journey, grant: Grant) -> None:
    runs = runs_of(journey, grant)
    with pytest.raises(AwaitsApproval) as waits:
        await runs.run("c1", never, effect="irreversible", **CALL)
    await journey.task(grant).step(waits.value.call["call_id"], "deny", reason="not now")
    with pytest.raises(Denied):
        await runs.run("c1", never, effect="irreversible", **CALL)


async def test_an_irreversible_call_whose_holder_is_lost_is_not_guessed_about(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    runs = runs_of(journey, grant, lease=3)
    with pytest.raises(AwaitsApproval) as waits:
        await runs.run("c1", never, effect="irreversible", **CALL)
    await journey.task(grant).step(waits.value.call["call_id"], "approve")
    desktop = asyncio.create_task(runs.run("c1", reaching(downstream), effect="irreversible", **CALL))
    await downstream.running.wait()
    phone = runs_of(journey, await journey.hand_over(grant))
    with pytest.raises(InDoubt) as doubt:
        await phone.run("c1", never, effect="irreversible", **CALL)
    assert doubt.value.waits_for == "person"
    with pytest.raises(Lost):
        await desktop


async def test_a_reference_that_asks_for_something_else_is_refused(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    runs = runs_of(journey, grant)
    downstream.finish()
    await runs.run("c1", reaching(downstream), **CALL)
    with pytest.raises(Refused) as refused:
        await runs.run("c1", never, tool="compare_precedents", arguments={"clause": "8"})
    assert refused.value.error == "reference-taken"


async def test_a_holder_that_is_stopped_stops_what_it_does_and_leaves_the_call_to_others(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    stopped = asyncio.create_task(runs_of(journey, grant, lease=1).run("c1", reaching(downstream), **CALL))
    await downstream.running.wait()
    stopped.cancel()
    with suppress(asyncio.CancelledError):
        await stopped
    downstream.finish()
    assert await runs_of(journey, grant).run("c1", reaching(downstream), **CALL) == RESULT
    assert len(downstream.executed) == 1


@pytest.mark.requirement("R62")
async def test_a_device_that_the_task_has_left_hears_so_also_with_a_token_that_only_reads(
    journey: Journey, grant: Grant, downstream: Downstream
) -> None:
    running = asyncio.create_task(runs_of(journey, grant, lease=3).run("c1", reaching(downstream), **CALL))
    await downstream.running.wait()
    await journey.hand_over(grant)
    await grant.refresh(journey.site.store)
    assert grant.left
    with pytest.raises(Lost):
        await running
    with pytest.raises(Lost):
        await runs_of(journey, grant).run("c2", never, **CALL)


async def test_a_grant_that_never_could_is_told_what_it_lacks(journey: Journey, grant: Grant) -> None:
    reading = await journey.hand_over(grant, mode="share")
    reading.details = {**reading.details, "actions": ["task:read"]}
    assert reading.left
    reader = Grant(reading.device, refresh_token=reading.refresh_token, details=reading.details)
    assert not reader.left
