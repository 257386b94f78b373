"""Flows and crews of CrewAI at work in a task: their states, their tools, and the way to another device.

The framework is the real one, each device a process of its own with it, the model scripted.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from adapters.crewai_device import CrewDevice, Stopped
from adapters.crewai_environment import crewai_python
from adapters.downstream import Downstream
from journey import Journey
from segue_client import push_transfer
from segue_client.grant import Grant

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]
FLOW = "the review for Acme"


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrewDevice]:
    device = CrewDevice(crewai_python(), tmp_path_factory.mktemp("desktop"))
    yield device
    device.stop()


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrewDevice]:
    device = CrewDevice(crewai_python(), tmp_path_factory.mktemp("phone"))
    yield device
    device.stop()


@pytest.fixture
def downstream(desktop: CrewDevice) -> Downstream:
    made = Downstream()
    reach(desktop, made)
    return made


def reach(device: CrewDevice, downstream: Downstream) -> None:
    async def does(key: str, clause: str) -> Any:
        return await downstream.execute(key, f"{clause} caps at 12 months")

    device.downstream = does


@pytest.fixture
async def task(journey: Journey, desktop: CrewDevice) -> str:
    """A task at the desktop's process, under the name by which it is told there what to do."""
    grant = await journey.begin()
    return desktop.connect(journey, grant, name=grant.task_id)


async def hand_over(journey: Journey, device: CrewDevice, task: str) -> Grant:
    """The whole push transfer, which the desktop's process begins: what the phone holds then."""
    transfer_uri, confirmation_uri = await device.do("offer", task)
    code = push_transfer.scanned_code(transfer_uri, issuer=journey.site.issuer)
    phone = journey.phone()
    claim = await push_transfer.claim(phone, transfer_code=code, device_name="Phone")
    await journey.browser.confirm(confirmation_uri, check_value=claim.check_value)
    return await push_transfer.redeem(phone, claim)


@pytest.mark.parametrize("native", [True, False])
async def test_a_flow_goes_on_elsewhere_and_its_tool_which_was_running_runs_once(
    journey: Journey, desktop: CrewDevice, phone: CrewDevice, downstream: Downstream, task: str, native: bool
) -> None:
    reach(phone, downstream)
    begun = asyncio.create_task(desktop.do("kickoff", task, flow_id=FLOW, inputs={"native": native}))
    await asyncio.wait_for(downstream.running.wait(), 20)

    grant = await hand_over(journey, desktop, task)
    there = phone.connect(journey, grant, name=f"{task} on the phone")
    downstream.running.clear()
    resumed = asyncio.create_task(phone.do("kickoff", there, flow_id=FLOW))
    await asyncio.wait_for(downstream.running.wait(), 20)
    downstream.finish()
    result = await resumed

    assert result["state"]["findings"] == ["7.2 caps at 12 months"]
    assert result["result"] == "Our lawyer says: 7.2 caps at 12 months"
    assert len(downstream.executed) == 1
    with pytest.raises(Stopped) as fenced:
        await begun
    assert fenced.value.causes[0].startswith("HookAborted"), "its agent is told no more"
    assert any(cause.startswith("Lost") for cause in fenced.value.causes)
    with pytest.raises(Stopped, match="stale-epoch"):
        await desktop.do("save", task, flow_id=FLOW, states=[{"id": FLOW}])
    with pytest.raises(Stopped, match="Lost"):
        await desktop.do("tool", task, name="again")


async def test_the_newest_state_of_a_flow_is_loaded_and_of_no_other(desktop: CrewDevice, task: str) -> None:
    assert await desktop.do("load", task, flow_id=FLOW) is None
    states = [{"id": FLOW, "n": n, "nested": {"of": [n], "same": True}} for n in (1, 1.0, True)]
    await desktop.do("save", task, flow_id=FLOW, states=[*states, {"id": FLOW, "text": "Zürich"}])
    await desktop.do("save", task, flow_id="another", states=[{"id": "another"}])
    assert await desktop.do("load", task, flow_id=FLOW) == {"id": FLOW, "text": "Zürich"}


async def test_another_device_reads_the_state_that_changes_make(
    journey: Journey, desktop: CrewDevice, phone: CrewDevice, task: str
) -> None:
    said = [f"message {n}, which somebody wrote" for n in range(150)]
    states: list[Any] = [{"id": FLOW, "said": said[:n], "about": {"turn": n, "kept": "x" * 40}} for n in range(1, 151)]
    states += [{"id": FLOW, "said": said[:20], "about": {"turn": turn}} for turn in (1, True)]
    await desktop.do("save", task, flow_id=FLOW, states=states)
    there = phone.connect(journey, await hand_over(journey, desktop, task), name=f"{task} there")
    loaded = await phone.do("load", there, flow_id=FLOW)
    assert loaded == {"id": FLOW, "said": said[:20], "about": {"turn": True}}
    assert loaded["about"]["turn"] is True
    await phone.do("save", there, flow_id=FLOW, states=[{"id": FLOW, "said": said}])
    assert await phone.do("load", there, flow_id=FLOW) == {"id": FLOW, "said": said}


async def test_a_turn_costs_what_it_changed(desktop: CrewDevice, task: str) -> None:
    said = [f"message {n}, which somebody wrote" for n in range(120)]
    await desktop.do("save", task, flow_id=FLOW, states=[{"id": FLOW, "said": said[:n]} for n in range(1, 121)])
    kept = await desktop.do("request", task, method="GET", path="/state?prefix=crewai/&limit=100&order=desc")
    whole = [entry for entry in kept["entries"] if "whole" in entry["value"]]
    assert len(whole) <= 2, "a whole state is kept whenever as much has changed, and seldom"
    changes = [len(str(entry["value"]["change"])) for entry in kept["entries"] if "change" in entry["value"]]
    assert max(changes) < 80
    assert "Acme" not in str([entry["key"] for entry in kept["entries"]]), "keys can be read in the database"


async def test_of_two_devices_that_keep_a_state_at_once_none_overwrites_the_other(
    journey: Journey, desktop: CrewDevice
) -> None:
    grant = await journey.begin()
    one = desktop.connect(journey, grant, name=grant.task_id)
    await desktop.do("save", one, flow_id=FLOW, states=[{"id": FLOW, "by": ["one"]}])
    offered = await desktop.do("twin", one, name=f"{one} twin")
    await desktop.do("load", offered, flow_id=FLOW)
    await desktop.do("save", one, flow_id=FLOW, states=[{"id": FLOW, "by": ["one", "one"], "more": 1}])
    await desktop.do("save", offered, flow_id=FLOW, states=[{"id": FLOW, "by": ["one", "other"]}])
    assert await desktop.do("load", one, flow_id=FLOW) == {"id": FLOW, "by": ["one", "other"]}
    kept = await desktop.do("request", one, method="GET", path="/state?prefix=crewai/")
    assert [entry["key"][-2:] for entry in kept["entries"]] == ["01", "02", "03"]


async def test_a_flow_that_is_forked_leaves_the_first_as_it_was(
    desktop: CrewDevice, task: str, downstream: Downstream
) -> None:
    downstream.finish()
    first = await desktop.do("kickoff", task, flow_id=FLOW)
    fork = await desktop.do("fork", task, flow_id=FLOW)
    assert fork["id"] != FLOW
    assert (fork["rounds"], len(downstream.executed)) == (2, 2), "its tool call is another"
    assert await desktop.do("load", task, flow_id=FLOW) == first["state"]


async def test_a_person_answers_a_flow_that_waits_on_another_device(
    journey: Journey, desktop: CrewDevice, phone: CrewDevice, task: str
) -> None:
    assert await desktop.do("ask", task, flow_id=FLOW) == "HumanFeedbackPending"
    there = phone.connect(journey, await hand_over(journey, desktop, task), name=f"{task} answered")
    assert await phone.do("answer", there, flow_id=FLOW, said="do") == "sent, for they said: do"
    assert (await phone.do("load", there, flow_id=FLOW))["plan"] == "a draft"
    with pytest.raises(Stopped, match="No pending feedback"):
        await phone.do("answer", there, flow_id=FLOW, said="twice")


async def test_the_next_turn_of_a_flow_runs_its_tool_anew(
    desktop: CrewDevice, task: str, downstream: Downstream
) -> None:
    downstream.finish()
    for turn in (1, 2):
        state = (await desktop.do("kickoff", task, flow_id=FLOW))["state"]
        assert (len(state["findings"]), state["rounds"], len(downstream.executed)) == (turn, turn, turn)


async def test_an_agent_hears_that_its_tool_failed_and_a_later_run_tries_again(
    desktop: CrewDevice, task: str, downstream: Downstream
) -> None:
    async def fails(key: str, clause: str) -> Any:
        raise RuntimeError("the archive is closed")

    desktop.downstream = fails
    with pytest.raises(Stopped, match="the archive is closed"):
        await desktop.do("tool", task, name="report")
    reach(desktop, downstream)
    downstream.finish()
    assert await desktop.do("tool", task, name="report") == ["7.2 caps at 12 months"]
    desktop.downstream = fails
    state = (await desktop.do("kickoff", task, flow_id=FLOW))["state"]
    assert "the archive is closed" in state["findings"][0]


async def test_a_call_that_a_person_has_to_approve_ends_the_run_until_they_have(
    journey: Journey, desktop: CrewDevice, downstream: Downstream
) -> None:
    downstream.finish()
    grant = await journey.begin()
    task = desktop.connect(journey, grant, name=grant.task_id, effects={"compare_precedents": "irreversible"})
    with pytest.raises(Stopped, match="AwaitsApproval") as waits:
        await desktop.do("kickoff", task, flow_id=FLOW)
    assert waits.value.causes[0].startswith("HookAborted")
    assert downstream.executed == []
    (call,) = (await desktop.do("request", task, method="GET", path="/tool-calls"))["tool_calls"]
    await desktop.do("request", task, method="POST", path=f"/tool-calls/{call['call_id']}/approve")
    state = (await desktop.do("kickoff", task, flow_id=FLOW))["state"]
    assert (state["findings"], len(downstream.executed)) == (["7.2 caps at 12 months"], 1)


async def test_what_is_named_once_is_done_once_however_often_it_is_asked_for(
    desktop: CrewDevice, task: str, downstream: Downstream
) -> None:
    downstream.finish()
    for _ in range(2):
        assert len(await desktop.do("tool", task, name="weekly report 47", times=2)) == 2
    assert len(downstream.executed) == 2, "equal calls of one step are calls of their own"
    await desktop.do("tool", task, name="weekly report 48")
    assert len(downstream.executed) == 3


async def test_a_tool_runs_only_where_it_can_be_told_which_call_it_is(
    desktop: CrewDevice, task: str, downstream: Downstream
) -> None:
    with pytest.raises(Stopped, match=r"NoStep.*has no @persist"):
        await desktop.do("unkept", task)
    with pytest.raises(Stopped, match=r"NoStep.*outside a flow"):
        await desktop.do("tool", task, name=None)
    assert downstream.asked == []
