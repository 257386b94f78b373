"""Of a call that may have taken effect nobody says it did not: it is probed, or the person is asked (T9)."""

import asyncio
from typing import Any

import pytest
from resource_world import Device, StoreWorld
from segue_resource.domain.tool_call import CLOCKS_DIFFER

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T9", "R14", "R15")]

PROBLEM = "urn:segue:problem:"
LEASE = 10


async def lost(store: StoreWorld, effect: str) -> tuple[Device, str, str]:
    """A call whose holder was lost while it ran: that holder, the call's id and the fence it had."""
    holder = store.device()
    call_id, fence = await holder.running(effect, lease=LEASE)
    await store.later(LEASE)
    refused = await store.device().step(call_id, "claim")
    assert refused.json()["type"] == f"{PROBLEM}outcome-unknown"
    return holder, call_id, fence


async def shown(store: StoreWorld, call_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await store.device().read(f"/tool-calls/{call_id}")
    return found


@pytest.mark.parametrize(("effect", "finder"), [("reconcilable", "probe"), ("irreversible", "person")])
async def test_the_refusal_the_call_and_the_resume_view_say_who_finds_out(
    store: StoreWorld, effect: str, finder: str
) -> None:
    _, call_id, _ = await lost(store, effect)
    assert (await store.device().step(call_id, "claim")).json()["waits_for"] == finder
    assert (await shown(store, call_id))["waits_for"] == finder
    view = await store.device().read("/resume")
    assert [(call["state"], call["waits_for"]) for call in view["tool_calls"]] == [("unknown", finder)]
    assert "nobody knows whether it took effect" in view["paragraph"]


async def test_each_state_says_who_has_to_do_something_next(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose("irreversible")
    assert (await shown(store, call_id))["waits_for"] == "person"
    for verb, waits_for in (("approve", "holder"), ("claim", "holder")):
        assert (await device.step(call_id, verb)).json()["waits_for"] == waits_for
    assert (await device.step(call_id, "start", fence="1.1")).json()["waits_for"] == "holder"
    assert (await device.step(call_id, "complete", fence="1.1", result=1)).json()["waits_for"] is None


async def test_a_probe_waits_until_the_lost_holder_cannot_be_at_it_by_any_clock(store: StoreWorld) -> None:
    _, call_id, _ = await lost(store, "reconcilable")
    early = await store.device().step(call_id, "probe")
    assert (early.status_code, early.json()["type"]) == (409, f"{PROBLEM}too-early")
    assert early.json()["retry_after"] == CLOCKS_DIFFER
    await store.later(CLOCKS_DIFFER - 1)
    assert (await store.device().step(call_id, "probe")).json()["retry_after"] == 1
    await store.later(1)
    assert (await store.device().step(call_id, "probe")).status_code == 200


async def test_of_many_that_probe_one_does_and_it_holds_nothing_it_could_execute(store: StoreWorld) -> None:
    _, call_id, _ = await lost(store, "reconcilable")
    await store.later(CLOCKS_DIFFER)
    devices = [store.device() for _ in range(5)]
    for device in devices:
        await device.get()
    answers = await asyncio.gather(*(device.step(call_id, "probe", lease=LEASE) for device in devices))
    (won,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert {answer.json().get("type") for answer in answers} == {None, f"{PROBLEM}held"}
    prober, probing = devices[won], answers[won].json()
    assert (probing["state"], probing["fence"]) == ("unknown", "1.2")
    assert probing["downstream_key"] == f"tsk_contract/{call_id}"
    for verb, content in (("start", {}), ("complete", {"result": 1}), ("fail", {"error": 1})):
        refused = await prober.step(call_id, verb, fence="1.2", **content)
        assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}wrong-state")
    assert "fence" not in await shown(store, call_id)
    await store.later(LEASE)
    assert (await store.device().step(call_id, "probe")).json()["attempt"] == 3


async def test_what_a_probe_finds_settles_the_call(store: StoreWorld) -> None:
    for outcome, state, waits_for in (
        ("happened", "succeeded", None),
        ("did_not_happen", "approved", "holder"),
        ("cannot_tell", "unknown", "person"),
    ):
        _, call_id, _ = await lost(store, "reconcilable")
        await store.later(CLOCKS_DIFFER)
        prober = store.device()
        fence = (await prober.step(call_id, "probe")).json()["fence"]
        stranger = await store.device().step(call_id, "reconcile", fence=fence, outcome=outcome, result="found")
        assert stranger.json()["type"] == f"{PROBLEM}fenced"
        found = await prober.step(call_id, "reconcile", fence=fence, outcome=outcome, result="found")
        assert (found.json()["state"], found.json()["waits_for"]) == (state, waits_for)
        assert found.json()["result"] == ("found" if outcome == "happened" else None)
        told = (await prober.log())[-1]
        assert (told["kind"], told["body"]["outcome"]) == ("tool_call.settled", outcome)
        again = await prober.step(call_id, "reconcile", fence=fence, outcome="did_not_happen")
        assert again.json()["type"] == f"{PROBLEM}fenced"
    assert (await store.device().step(call_id, "probe")).json()["waits_for"] == "person"


async def test_the_person_settles_what_nobody_knows(store: StoreWorld) -> None:
    for outcome, state in (("happened", "succeeded"), ("did_not_happen", "approved")):
        _, call_id, _ = await lost(store, "irreversible")
        await store.later(CLOCKS_DIFFER)
        settled = await store.device().step(call_id, "settle", attempt=1, outcome=outcome, result={"paid": True})
        assert (settled.status_code, settled.json()["state"]) == (200, state)
        told = (await store.device().log())[-1]
        assert (told["kind"], told["body"]["outcome"], told["body"]["state"]) == ("tool_call.settled", outcome, state)
        assert told["actor"]["sub"] == "usr_owner"
        again = await store.device().step(call_id, "settle", attempt=1, outcome=outcome)
        assert again.json()["type"] == f"{PROBLEM}wrong-state"
    heir = store.device()
    assert (await heir.step(call_id, "claim")).json()["fence"] == "1.2"


async def test_it_runs_again_only_once_its_former_holder_cannot_be_at_it(store: StoreWorld) -> None:
    _, call_id, _ = await lost(store, "irreversible")
    person = store.device()
    assert (await person.step(call_id, "settle", attempt=1, outcome="did_not_happen")).json()[
        "type"
    ] == f"{PROBLEM}too-early"
    assert (await person.step(call_id, "settle", attempt=1, outcome="happened")).json()["state"] == "succeeded"


async def test_who_looked_at_one_attempt_does_not_settle_the_next(store: StoreWorld) -> None:
    _, call_id, _ = await lost(store, "reconcilable")
    await store.later(CLOCKS_DIFFER)
    assert (await store.device().step(call_id, "probe")).json()["attempt"] == 2
    late = await store.device().step(call_id, "settle", attempt=1, outcome="did_not_happen")
    assert (late.status_code, late.json()["type"], late.json()["attempt"]) == (409, f"{PROBLEM}another-attempt", 2)
    assert (await store.device().step(call_id, "settle", outcome="happened")).status_code == 400
    settled = await store.device().step(call_id, "settle", attempt=2, outcome="happened")
    assert settled.json()["state"] == "succeeded"


async def test_nobody_is_believed_who_may_not_approve_and_no_outcome_that_nobody_knows(store: StoreWorld) -> None:
    _, call_id, _ = await lost(store, "irreversible")
    await store.later(CLOCKS_DIFFER)
    agent = store.device(actions={"tool_calls:claim", "tool_calls:propose", "tool_calls:read"})
    assert (await agent.step(call_id, "settle", attempt=1, outcome="happened")).status_code == 403
    for wrong in ({"outcome": "cannot_tell"}, {"outcome": "perhaps"}, {}, {"outcome": "happened", "fence": "1.1"}):
        assert (await store.device().step(call_id, "settle", attempt=1, **wrong)).status_code == 400
    running, _ = await store.device().running("irreversible")
    assert (await store.device().step(running, "settle", attempt=1, outcome="happened")).json()[
        "type"
    ] == f"{PROBLEM}wrong-state"


async def test_what_the_lost_holder_says_is_refused_and_can_be_read_by_who_settles(store: StoreWorld) -> None:
    holder, call_id, fence = await lost(store, "irreversible")
    late = await holder.step(call_id, "complete", fence=fence, result="paid")
    assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}fenced")
    told = (await holder.log())[-1]
    assert (told["kind"], told["body"]["said"]) == ("tool_call.refused", "succeeded")


@pytest.mark.requirement("R63")
async def test_what_the_person_denies_is_cancelled_with_the_reason_for_whoever_proposed_it(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose("irreversible")
    assert (await store.device(actions={"tool_calls:propose"}).step(call_id, "deny")).status_code == 403
    denied = await device.step(call_id, "deny", reason="Not before Monday")
    assert (denied.json()["state"], denied.json()["error"]) == ("cancelled", {"denied": "Not before Monday"})
    assert (await shown(store, call_id))["error"] == {"denied": "Not before Monday"}
    assert (await device.log())[-1]["kind"] == "tool_call.denied"
    for verb in ("deny", "approve"):
        assert (await device.step(call_id, verb)).json()["type"] == f"{PROBLEM}wrong-state"
    assert (await device.step(call_id, "claim")).json()["state"] == "cancelled"
    approved = await device.propose("pure")
    assert (await device.step(approved, "deny")).json()["type"] == f"{PROBLEM}wrong-state"
