"""Tool calls over HTTP: executed by one holder at a time, under a lease and a fence, and never repeated silently."""

import asyncio
from typing import Any

import pytest
from resource_world import StoreWorld

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

PROBLEM = "urn:segue:problem:"


@pytest.mark.requirement("T9", "R14", "R44")
async def test_a_call_goes_from_proposal_to_result_and_the_log_tells_each_step(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose("irreversible")
    assert (await device.read(f"/tool-calls/{call_id}"))["state"] == "proposed"
    assert (await device.step(call_id, "approve")).json()["state"] == "approved"
    claimed = (await device.step(call_id, "claim", lease=30)).json()
    assert (claimed["state"], claimed["fence"], claimed["attempt"]) == ("claimed", "1.1", 1)
    assert claimed["downstream_key"] == f"tsk_contract/{call_id}"
    assert claimed["holder"] == {"device_id": device.device_id, "session_id": None, "lease_until": store.now + 30}
    await store.later(5)
    running = (await device.step(call_id, "start", fence="1.1", lease=40)).json()
    assert (running["state"], running["started_at"]) == ("running", store.now)
    assert running["holder"]["lease_until"] == store.now + 40
    beaten = (await device.step(call_id, "heartbeat", fence="1.1", lease=90)).json()
    assert beaten["holder"]["lease_until"] == store.now + 90
    done = await device.step(call_id, "complete", fence="1.1", result={"kept": 31})
    assert (done.status_code, done.json()["state"], done.json()["result"]) == (200, "succeeded", {"kept": 31})
    told = [found["kind"] for found in await device.log() if found["kind"].startswith("tool_call.")]
    assert told == [f"tool_call.{step}" for step in ("proposed", "approved", "claimed", "started", "succeeded")]


@pytest.mark.requirement("T9", "R15")
async def test_of_many_that_claim_a_call_one_holds_it(store: StoreWorld) -> None:
    devices = [store.device() for _ in range(6)]
    call_id = await devices[0].propose("pure")
    for device in devices:
        await device.get()
    answers = await asyncio.gather(*(device.step(call_id, "claim", lease=60) for device in devices))
    held = [answer.json() for answer in answers if answer.status_code == 409]
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(held) == 5
    assert {answer["type"] for answer in held} == {f"{PROBLEM}held"}
    assert all(answer["holder"]["device_id"] == won["holder"]["device_id"] for answer in held)
    assert [found["kind"] for found in await devices[0].log()].count("tool_call.claimed") == 1


@pytest.mark.requirement("T9", "R15")
async def test_the_holder_itself_cannot_claim_twice_but_may_ask_again_for_a_lost_answer(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose()
    first = await device.post(f"/tool-calls/{call_id}/claim", {"lease": 60}, key="k1")
    again = await device.post(f"/tool-calls/{call_id}/claim", {"lease": 60}, key="k1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await device.step(call_id, "claim", lease=60)).json()["type"] == f"{PROBLEM}held"


@pytest.mark.requirement("T9")
async def test_a_call_that_may_hurt_waits_for_the_person_and_one_that_cannot_does_not(store: StoreWorld) -> None:
    device = store.device()
    for effect in ("reconcilable", "irreversible"):
        refused = await device.step(await device.propose(effect), "claim", lease=60)
        assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}not-approved")
    for effect in ("pure", "idempotent"):
        assert (await device.step(await device.propose(effect), "claim", lease=60)).status_code == 200


@pytest.mark.requirement("T9", "R15", "R38")
@pytest.mark.parametrize("effect", ["pure", "idempotent"])
async def test_a_lost_call_that_may_be_repeated_is_taken_over(store: StoreWorld, effect: str) -> None:
    lost, heir = store.device(), store.device()
    call_id, fence = await lost.running(effect, lease=10)
    downstream_key = (await lost.read(f"/tool-calls/{call_id}"))["downstream_key"]
    assert (await heir.step(call_id, "claim", lease=60)).json()["type"] == f"{PROBLEM}held"
    await store.later(10)
    taken = (await heir.step(call_id, "claim", lease=60)).json()
    assert (taken["state"], taken["fence"], taken["attempt"]) == ("claimed", "1.2", 2)
    assert taken["downstream_key"] == downstream_key
    for verb, content in _LATE.items():
        late = await lost.step(call_id, verb, fence=fence, **content)
        assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}fenced"), verb
    refusals = [found for found in await heir.log() if found["kind"] == "tool_call.refused"]
    assert [found["actor"]["device_id"] for found in refusals] == [lost.device_id] * len(_LATE)
    await heir.step(call_id, "start", fence="1.2")
    assert (await heir.step(call_id, "complete", fence="1.2", result="mine")).json()["result"] == "mine"


@pytest.mark.requirement("T9", "R15", "R38")
@pytest.mark.parametrize("effect", ["reconcilable", "irreversible"])
async def test_a_lost_call_that_may_have_taken_effect_is_held_for_the_person(store: StoreWorld, effect: str) -> None:
    lost, heir = store.device(), store.device()
    call_id, fence = await lost.running(effect, lease=10)
    await store.later(10)
    for _ in range(2):
        refused = await heir.step(call_id, "claim", lease=60)
        assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}outcome-unknown")
        assert refused.headers["Content-Type"] == "application/problem+json"
    assert (await heir.read(f"/tool-calls/{call_id}"))["state"] == "unknown"
    late = await lost.step(call_id, "complete", fence=fence, result="late")
    assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}fenced")
    kinds = [found["kind"] for found in await heir.log()]
    assert (kinds.count("tool_call.unknown"), kinds.count("tool_call.refused")) == (1, 1)
    assert (await heir.step(call_id, "cancel")).json()["state"] == "cancelled"


@pytest.mark.requirement("T9")
@pytest.mark.parametrize("effect", ["pure", "irreversible"])
async def test_a_call_that_was_claimed_and_never_started_is_claimed_again(store: StoreWorld, effect: str) -> None:
    lost, heir = store.device(), store.device()
    call_id = await lost.propose(effect)
    await lost.step(call_id, "approve")
    await lost.step(call_id, "claim", lease=10)
    await store.later(10)
    assert (await heir.step(call_id, "claim", lease=60)).json()["fence"] == "1.2"


@pytest.mark.requirement("T9")
async def test_a_holder_whose_lease_ran_out_goes_on_while_nobody_else_wants_it(store: StoreWorld) -> None:
    device = store.device()
    call_id, fence = await device.running("irreversible", lease=10)
    await store.later(100)
    assert (await device.step(call_id, "heartbeat", fence=fence, lease=60)).status_code == 200
    assert (await store.device().step(call_id, "claim")).json()["type"] == f"{PROBLEM}held"
    await store.later(100)
    assert (await device.step(call_id, "complete", fence=fence, result=None)).json()["state"] == "succeeded"


@pytest.mark.requirement("T9", "A9", "R12", "R15")
async def test_after_a_move_the_new_device_takes_the_call_and_a_late_result_is_refused(
    store: StoreWorld,
) -> None:
    desktop = store.device()
    call_id, fence = await desktop.running("idempotent", lease=600)
    phone = desktop.after_move(2)
    taken = (await phone.step(call_id, "claim", lease=60)).json()
    assert taken["fence"] == "2.2"
    late = await desktop.step(call_id, "complete", fence=fence, result="late")
    assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}stale-epoch")
    await phone.step(call_id, "start", fence="2.2")
    assert (await phone.step(call_id, "complete", fence="2.2", result="once")).status_code == 200
    log = await phone.log()
    assert [found["kind"] for found in log if found["kind"].startswith("tool_call.")] == [
        *("tool_call.proposed", "tool_call.claimed", "tool_call.started", "tool_call.claimed"),
        *("tool_call.refused", "tool_call.started", "tool_call.succeeded"),
    ]
    assert (await phone.read(f"/tool-calls/{call_id}"))["result"] == "once"


@pytest.mark.requirement("T9", "A9")
async def test_after_a_move_a_running_call_that_cannot_be_repeated_is_unknown(store: StoreWorld) -> None:
    desktop = store.device()
    call_id, _ = await desktop.running("irreversible", lease=600)
    refused = await desktop.after_move(2).step(call_id, "claim", lease=60)
    assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}outcome-unknown")


@pytest.mark.requirement("T9")
async def test_the_fence_of_another_device_opens_nothing(store: StoreWorld) -> None:
    device, other = store.device(), store.device()
    call_id, fence = await device.running()
    guessed = await other.step(call_id, "complete", fence=fence, result="forged")
    assert (guessed.status_code, guessed.json()["type"]) == (409, f"{PROBLEM}fenced")
    assert (await device.read(f"/tool-calls/{call_id}"))["state"] == "running"


@pytest.mark.requirement("T9", "R15")
async def test_a_device_that_took_a_call_again_is_fenced_from_its_own_past(store: StoreWorld) -> None:
    device = store.device()
    call_id, first = await device.running(lease=10)
    store.now += 10
    second = (await device.step(call_id, "claim")).json()["fence"]  # another tab, or the process that came after
    late = await device.step(call_id, "heartbeat", fence=first)
    assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}fenced")
    assert (await device.step(call_id, "start", fence=second)).status_code == 200


@pytest.mark.requirement("T9")
async def test_fence_and_downstream_key_are_shown_to_the_holder_alone(store: StoreWorld) -> None:
    device, other = store.device(), store.device()
    call_id, fence = await device.running()
    for reader, shown in ((device, True), (other, False)):
        call = await reader.read(f"/tool-calls/{call_id}")
        (listed,) = (await reader.read("/tool-calls"))["tool_calls"]
        (resumed,) = (await reader.read("/resume"))["tool_calls"]
        for view in (call, listed, resumed):
            assert ("fence" in view, "downstream_key" in view) == (shown, shown)
    log = await other.log()
    assert not any("fence" in found["body"] for found in log)
    assert fence not in str([found["body"] for found in log])


@pytest.mark.requirement("T9", "T11")
async def test_a_repeated_result_is_answered_like_the_first_and_another_is_refused(store: StoreWorld) -> None:
    device = store.device()
    for verb, content, other in (
        ("complete", {"result": [1]}, {"result": [2]}),
        ("fail", {"error": "no"}, {"error": "x"}),
    ):
        call_id, fence = await device.running()
        first = await device.step(call_id, verb, fence=fence, **content)
        again = await device.step(call_id, verb, fence=fence, **content)
        assert (again.status_code, again.json()) == (200, first.json())
        differs = await device.step(call_id, verb, fence=fence, **other)
        assert (differs.status_code, differs.json()["type"]) == (409, f"{PROBLEM}wrong-state")
        assert differs.json()["state"] == first.json()["state"]


@pytest.mark.requirement("T9", "R38")
async def test_a_claim_of_a_finished_call_answers_with_its_result(store: StoreWorld) -> None:
    device = store.device()
    call_id, fence = await device.running()
    await device.step(call_id, "complete", fence=fence, result="done")
    answer = await store.device().step(call_id, "claim", lease=60)
    assert (answer.status_code, answer.json()["state"], answer.json()["result"]) == (200, "succeeded", "done")
    assert "fence" not in answer.json()


@pytest.mark.requirement("T9")
async def test_a_call_starts_once(store: StoreWorld) -> None:
    device = store.device()
    call_id, fence = await device.running()
    again = await device.step(call_id, "start", fence=fence)
    assert (again.status_code, again.json()["type"], again.json()["state"]) == (409, f"{PROBLEM}wrong-state", "running")


@pytest.mark.requirement("T9")
async def test_a_call_that_was_not_started_has_no_result(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose()
    fence = (await device.step(call_id, "claim")).json()["fence"]
    for verb, content in (("complete", {"result": 1}), ("fail", {"error": 1})):
        answer = await device.step(call_id, verb, fence=fence, **content)
        assert (answer.status_code, answer.json()["type"]) == (409, f"{PROBLEM}wrong-state")


@pytest.mark.requirement("T9")
async def test_any_unfinished_call_can_be_cancelled_and_its_holder_is_fenced_then(store: StoreWorld) -> None:
    device, person = store.device(), store.device()
    waiting, approved = await device.propose("irreversible"), await device.propose("pure")
    running, fence = await device.running("irreversible")
    wrong = await person.step(running, "cancel", fence="1.9")
    assert (wrong.status_code, wrong.json()["type"]) == (409, f"{PROBLEM}fenced")
    for call_id in (waiting, approved, running):
        for _ in range(2):
            answer = await person.step(call_id, "cancel")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    late = await device.step(running, "complete", fence=fence, result="late")
    assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}fenced")
    done, fence = await device.running()
    await device.step(done, "complete", fence=fence, result=1)
    assert (await person.step(done, "cancel")).json()["type"] == f"{PROBLEM}wrong-state"


@pytest.mark.requirement("T9")
async def test_an_approval_counts_once_and_only_before_the_claim(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose("irreversible")
    assert [(await device.step(call_id, "approve")).status_code for _ in range(2)] == [200, 200]
    await device.step(call_id, "claim")
    assert (await device.step(call_id, "approve")).json()["type"] == f"{PROBLEM}wrong-state"
    assert [found["kind"] for found in await device.log()].count("tool_call.approved") == 1


@pytest.mark.requirement("T9", "T2")
async def test_a_holder_may_name_its_session_and_no_other(store: StoreWorld) -> None:
    device, other = store.device(), store.device()
    session_id = (await device.post("/sessions", {"name": "Desktop", "transport": "web"})).json()["session_id"]
    call_id = await device.propose()
    assert (await other.step(call_id, "claim", session_id=session_id)).status_code == 403
    assert (await device.step(call_id, "claim", session_id=session_id)).json()["holder"]["session_id"] == session_id


@pytest.mark.requirement("T9")
async def test_tool_calls_of_another_shape_are_refused(store: StoreWorld) -> None:
    device = store.device()
    good = {"tool": "compare", "title": "Compare", "arguments": {}, "effect": "pure"}
    wrong: list[Any] = [{**good, "effect": "harmless"}, {**good, "arguments": []}, {**good, "title": ""}]
    wrong += [{**good, "tool": "a b"}, {**good, "tool": "x\x00"}, {**good, "state": "approved"}, {"tool": "x"}]
    for content in wrong:
        assert (await device.post("/tool-calls", content)).status_code == 400, content
    call_id = await device.propose()
    for verb, content in (
        ("approve", {"now": True}),
        ("claim", {"lease": 0}),
        ("claim", {"lease": 601}),
        ("claim", {"lease": 1.5}),
        ("claim", {"lease": True}),
        ("claim", {"lease": "60"}),
        ("start", {}),
        ("heartbeat", {"lease": 60}),
        ("complete", {"fence": "1.1"}),
        ("complete", {"fence": 1.1, "result": 1}),
        ("fail", {"fence": "1.1"}),
        ("cancel", {"fence": ""}),
    ):
        answer = await device.step(call_id, verb, **content)
        assert (answer.status_code, answer.json()["type"]) == (400, f"{PROBLEM}invalid-request"), (verb, content)
    for verb in ("approve", "claim", "cancel"):
        assert (await device.step("call_missing", verb)).status_code == 404
    assert (await device.read(f"/tool-calls/{call_id}"))["state"] == "approved"


@pytest.mark.requirement("T9")
async def test_unfinished_calls_are_bounded_and_all_calls_are_listed_in_pages(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    monkeypatch.setattr("segue_resource.stores.tool_calls.MAX_UNFINISHED", 3)
    made = [await device.propose() for _ in range(3)]
    content = {"tool": "compare", "title": "One more", "arguments": {}, "effect": "pure"}
    assert (await device.post("/tool-calls", content)).json()["type"] == f"{PROBLEM}too-much"
    monkeypatch.setattr("segue_resource.stores.tool_calls.PAGE_BYTES", 1)
    seen, before = [], 10**6
    while calls := (await device.read(f"/tool-calls?before={before}"))["tool_calls"]:
        assert len(calls) == 1
        seen += [call["call_id"] for call in calls]
        before = calls[-1]["proposed_seq"]
    assert seen == made[::-1]


@pytest.mark.requirement("A5")
async def test_each_step_needs_its_action(store: StoreWorld) -> None:
    call_id = await store.device().propose()
    reader = store.device(actions={"tool_calls:read"})
    assert (await reader.get("/tool-calls")).status_code == 200
    assert (await reader.step(call_id, "approve")).status_code == 403
    proposer = store.device(actions={"tool_calls:propose"})
    assert (await store.device(actions={"tool_calls:approve"}).step(call_id, "approve")).status_code == 200
    for verb in ("approve", "claim", "start", "heartbeat", "complete", "fail", "cancel"):
        assert (await proposer.step(call_id, verb)).status_code == 403
    assert (await proposer.get(f"/tool-calls/{call_id}")).status_code == 403


_LATE: dict[str, dict[str, Any]] = {
    "start": {},
    "heartbeat": {},
    "complete": {"result": "late"},
    "fail": {"error": "late"},
    "cancel": {},
}
