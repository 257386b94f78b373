"""A workflow of Temporal that outlives the device: its activities are tool calls of the task, under whose grant it is.

The SDK runs workflow, sandbox, activities and interceptor; Temporal's server, which does not come with it, is missing.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from adapters.downstream import Downstream
from adapters.temporal_history import History, Worker
from adapters.temporal_review import ReviewWorkflow, compare_precedents, write_letter
from journey import Journey
from segue_adapters.temporal.activities import TaskActivities, continue_here, holder
from segue_adapters.temporal.moving import Holder
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.tool_runs import ToolRuns

from adapters import temporal_review

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]
FOUND = "7.2 is in 40 precedents"


@pytest.fixture
async def downstream() -> AsyncIterator[Downstream]:
    made = Downstream()
    temporal_review.DOWNSTREAM[:] = [made]
    yield made
    made.finish()


def worker(journey: Journey, grant: Grant, **how: Any) -> dict[str, Worker]:
    """The worker of one device, by its queue."""
    activities = TaskActivities(ToolRuns(journey.task(grant)), ask_again=timedelta(milliseconds=50), **how)
    return {holder(grant).queue: Worker(activities, compare_precedents, write_letter)}


def begun(grant: Grant, workers: dict[str, Worker]) -> History:
    return History(ReviewWorkflow, holder(grant), workflow_id=f"review of {grant.task_id}", workers=workers)


class Signals:
    """A handle of a workflow, as a client of Temporal's server has it."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def signal(self, name: str, argument: Any) -> None:
        self._history.signal(name, argument)


async def continued(history: History, grant: Grant) -> None:
    await continue_here(Signals(history), grant)  # type: ignore[arg-type]  # all that it uses of a handle


async def test_a_workflow_goes_on_at_the_next_device_and_its_tool_which_was_running_runs_once(
    journey: Journey, downstream: Downstream
) -> None:
    desktop = await journey.begin()
    workers = worker(journey, desktop)
    history = begun(desktop, workers)
    await asyncio.wait_for(downstream.running.wait(), 10)

    phone = await journey.hand_over(desktop)
    workers |= worker(journey, phone)
    downstream.running.clear()
    await continued(history, phone)
    await asyncio.wait_for(downstream.running.wait(), 10)
    downstream.finish()

    assert await history.result == f"Dear Acme: {FOUND}"
    (asked_first, asked_again, letter) = (*downstream.asked, downstream.executed[-1])
    assert asked_first == asked_again != letter
    assert len(downstream.executed) == 2, "one comparison, one letter"
    assert workers[holder(desktop).queue].started == ["call-1@1"]
    assert workers[holder(phone).queue].started == ["call-1@2", "call-2@1"]


async def test_a_device_that_lost_the_task_is_refused_and_the_workflow_waits_for_the_next(
    journey: Journey, downstream: Downstream
) -> None:
    downstream.finish()
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop)
    workers = worker(journey, desktop) | worker(journey, phone)
    history = begun(desktop, workers)
    await history.heard("segue.Lost")
    assert not history.result.done()
    assert downstream.executed == []
    await continued(history, phone)
    assert await history.result == f"Dear Acme: {FOUND}"
    with pytest.raises(Refused, match="stale-epoch"):
        await journey.task(desktop).propose({"tool": "x", "title": "x", "arguments": {}, "effect": "pure"})


async def test_a_device_that_lost_the_task_cannot_call_the_workflow_back(
    journey: Journey, downstream: Downstream
) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop)
    workers = worker(journey, phone)
    history = begun(phone, workers)
    await asyncio.wait_for(downstream.running.wait(), 10)
    await continued(history, desktop)
    history.signal("continue_on", Holder("another-task", 99))
    downstream.finish()
    assert await history.result == f"Dear Acme: {FOUND}"
    assert workers[holder(phone).queue].started == ["call-1@1", "call-2@1"]


async def test_a_workflows_history_has_no_token_and_no_key(journey: Journey, downstream: Downstream) -> None:
    downstream.finish()
    desktop = await journey.begin()
    history = begun(desktop, worker(journey, desktop))
    await history.result
    kept = "".join(history.kept)
    assert desktop.task_id in kept
    tokens = [token for token, _ in desktop._tokens.values()]
    assert tokens
    for secret in (desktop.refresh_token, *tokens, *downstream.asked):
        assert secret not in kept


async def test_an_activity_that_fails_is_tried_again_as_temporal_wants(
    journey: Journey, downstream: Downstream
) -> None:
    downstream.finish()
    temporal_review.FAILS[:] = ["no paper", "no ink"]
    desktop = await journey.begin()
    assert await begun(desktop, worker(journey, desktop)).result == f"Dear Acme: {FOUND}"
    assert len(downstream.executed) == 2
    calls = (await journey.at_store(desktop, "GET", f"/tasks/{desktop.task_id}/tool-calls")).json()["tool_calls"]
    assert [(call["tool"], call["state"]) for call in calls] == [
        ("write_letter", "succeeded"),
        ("write_letter", "failed"),
        ("write_letter", "failed"),
        ("compare_precedents", "succeeded"),
    ]


async def test_a_workflow_hears_what_its_activity_raised_at_last(journey: Journey, downstream: Downstream) -> None:
    downstream.finish()
    temporal_review.FAILS[:] = ["no paper"] * 3
    desktop = await journey.begin()
    with pytest.raises(Exception, match="activity failed") as heard:
        await begun(desktop, worker(journey, desktop)).result
    assert "RuntimeError: no paper" in str(heard.value.__cause__)


async def test_an_activity_that_a_person_has_to_approve_runs_once_they_have(
    journey: Journey, downstream: Downstream
) -> None:
    downstream.finish()
    desktop = await journey.begin()
    history = begun(desktop, worker(journey, desktop, effects={"write_letter": "irreversible"}))
    path, waiting = f"/tasks/{desktop.task_id}/tool-calls", []
    while not waiting:
        await asyncio.sleep(0.05)
        calls = (await journey.at_store(desktop, "GET", path)).json()["tool_calls"]
        waiting = [call["call_id"] for call in calls if call["state"] == "proposed"]
    assert len(downstream.executed) == 1
    await journey.at_store(desktop, "POST", f"{path}/{waiting[0]}/approve")
    assert await asyncio.wait_for(history.result, 10) == f"Dear Acme: {FOUND}"
    assert len(downstream.executed) == 2


async def test_an_activity_that_a_person_denied_is_not_tried_again(journey: Journey, downstream: Downstream) -> None:
    downstream.finish()
    desktop = await journey.begin()
    history = begun(desktop, worker(journey, desktop, effects={"compare_precedents": "irreversible"}))
    path, calls = f"/tasks/{desktop.task_id}/tool-calls", []
    while not calls:
        await asyncio.sleep(0.05)
        calls = (await journey.at_store(desktop, "GET", path)).json()["tool_calls"]
    await journey.at_store(desktop, "POST", f"{path}/{calls[0]['call_id']}/deny", json={"reason": "not this one"})
    with pytest.raises(Exception, match="activity failed") as heard:
        await asyncio.wait_for(history.result, 10)
    assert "segue.Denied" in str(heard.value.__cause__)
    assert downstream.executed == []


async def test_two_workflows_of_one_task_have_calls_of_their_own(journey: Journey, downstream: Downstream) -> None:
    downstream.finish()
    desktop = await journey.begin()
    workers = worker(journey, desktop)
    await begun(desktop, workers).result
    await begun(desktop, workers).result
    assert len(downstream.executed) == 2, "the same workflow, as its server replays it"
    await History(ReviewWorkflow, holder(desktop), workflow_id="another", workers=workers).result
    assert len(downstream.executed) == 4
