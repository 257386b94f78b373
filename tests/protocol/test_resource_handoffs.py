"""Who answers the customer passes on, warm or cold, and back by the same mechanism; each step is on record (T16)."""

import asyncio
from random import Random
from typing import Any

import pytest
from participating import answered, audit, handed_over, invite, join, offer
from resource_world import OWNER, Device, StoreWorld, event, texts
from rounds import rounds

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T16")]


def spoken(text: str, role: str) -> dict[str, Any]:
    return {"events": [event(text, role=role)]}


def slug(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@pytest.mark.requirement("R41", "R55", "R56", "R58")
async def test_a_warm_hand_off_lets_both_go_on_and_is_handed_back(store: StoreWorld) -> None:
    owner, human = store.device(), await join(store)
    handoff_id = await handed_over(store, "warm", owner, human)
    resumed = await human.read("/resume")
    assert (resumed["lead"], [living["state"] for living in resumed["handoffs"]]) == ("human_agent", ["accepted"])
    assert resumed["handoffs"][0]["reason"] == "The customer asks for a person."
    assert (await owner.post("/events", spoken("I stay with you.", "agent"))).status_code == 201
    assert (await human.post("/events", spoken("Hello, I am here.", "human_agent"))).status_code == 201
    returned = await human.post(f"/handoffs/{handoff_id}/return")
    assert (returned.status_code, returned.json()["state"]) == (200, "returned")
    assert (await owner.read("/resume"))["lead"] == "agent"
    told = [found for found in await owner.log() if found["kind"].startswith("handoff.")]
    assert [(found["kind"], found["actor"]["sub"]) for found in told] == [
        ("handoff.offered", OWNER),
        ("handoff.accepted", "usr_other"),
        ("handoff.returned", "usr_other"),
    ]
    found = (await owner.read("/handoffs"))["handoffs"][0]
    assert [found[f"{step}_seq"] for step in ("offered", "accepted", "ended")] == [step["seq"] for step in told]
    entries = [entry for entry in await audit(owner) if entry["kind"].startswith("handoff.")]
    assert [(entry["kind"], entry["sub"], entry["role"]) for entry in entries] == [
        ("handoff.offered", OWNER, "customer"),
        ("handoff.accepted", "usr_other", "human_agent"),
        ("handoff.returned", "usr_other", "human_agent"),
    ]
    assert all(entry["at"] == store.now for entry in entries)
    assert "asks for a person" not in str(entries)


@pytest.mark.requirement("R41", "R55", "R56")
async def test_after_a_cold_hand_off_the_agent_begins_nothing_until_it_is_handed_back(store: StoreWorld) -> None:
    owner, human, agent = store.device(), await join(store), await join(store, "agent", sub="usr_agent")
    running, fence = await agent.running()
    waiting = await agent.propose()
    handoff_id = await handed_over(store, "cold", agent, human)
    for device in (agent, owner):
        assert slug(await device.post("/events", spoken("One more thing", "agent"))) == (409, "handed-over")
        call = {"tool": "t", "title": "T", "arguments": {}, "effect": "pure"}
        assert slug(await device.post("/tool-calls", call)) == (409, "handed-over")
        assert slug(await device.step(waiting, "claim")) == (409, "handed-over")
    assert (await agent.step(running, "complete", fence=fence, result=7)).status_code == 200
    assert (await owner.post("/events", spoken("Thank you", "customer"))).status_code == 201
    assert (await human.post("/events", spoken("I take it from here.", "human_agent"))).status_code == 201
    assert (await human.step(waiting, "claim")).status_code == 200
    assert (await human.post(f"/handoffs/{handoff_id}/return")).status_code == 200
    assert (await agent.post("/events", spoken("I am back.", "agent"))).status_code == 201
    assert texts(await owner.log()) == ["Thank you", "I take it from here.", "I am back."]


@pytest.mark.requirement("R56")
async def test_a_person_may_hand_on_by_an_offer_too_which_ends_the_one_before(store: StoreWorld) -> None:
    owner, human, agent = store.device(), await join(store), await join(store, "agent", sub="usr_agent")
    first = await handed_over(store, "cold", agent, human)
    second = (await human.post("/handoffs", offer("cold", "agent", to_sub="usr_agent"))).json()["handoff_id"]
    assert slug(await owner.post(f"/handoffs/{second}/accept")) == (403, "not-yours")
    assert (await agent.post(f"/handoffs/{second}/accept")).status_code == 200
    assert (await owner.read(f"/handoffs/{first}"))["state"] == "returned"
    assert (await agent.post("/events", spoken("Mine again.", "agent"))).status_code == 201
    assert slug(await human.post("/events", spoken("And I?", "human_agent"))) == (409, "handed-over")


async def test_each_step_is_its_own_persons_and_happens_once(store: StoreWorld) -> None:
    owner, human, second = store.device(), await join(store), await join(store, sub="usr_second")
    watching = await join(store, "supervisor", sub="usr_watching")
    assert (await watching.post("/handoffs", offer())).status_code == 403
    assert slug(await owner.post("/handoffs", offer(to_role="agent"))) == (409, "already-leads")
    assert (await owner.post("/handoffs", offer(to_sub="usr_nobody"))).status_code == 404
    made = (await owner.post("/handoffs", offer())).json()
    assert slug(await owner.post("/handoffs", offer())) == (409, "handoff-open")
    one = f"/handoffs/{made['handoff_id']}"
    assert slug(await owner.post(f"{one}/accept")) == (403, "not-yours")
    assert slug(await human.post(f"{one}/cancel")) == (403, "not-yours")
    answers = await asyncio.gather(*(device.post(f"{one}/accept") for device in (human, second) * 3))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert slug(await human.post(f"{one}/decline")) == (409, "wrong-state")
    assert (await owner.post(f"{one}/return")).status_code == 200
    assert slug(await owner.post(f"{one}/return")) == (409, "wrong-state")
    for verb, device in (("decline", human), ("cancel", owner)):
        one = f"/handoffs/{(await owner.post('/handoffs', offer())).json()['handoff_id']}"
        assert (await device.post(f"{one}/{verb}")).status_code == 200
        assert slug(await human.post(f"{one}/accept")) == (409, "wrong-state")
    assert (await owner.read("/resume"))["lead"] == "agent"


@pytest.mark.requirement("R63")
async def test_an_escalation_at_a_limit_is_recorded_with_the_limit_that_was_met(store: StoreWorld) -> None:
    owner, agent = store.device(), await join(store, "agent", sub="usr_agent")
    call_id = await agent.propose("irreversible", title="Refund 900 euros")
    missing = {"name": "refund_over_500_eur", "call_id": "call_none"}
    assert (await agent.post("/handoffs", offer(limit=missing))).status_code == 404
    limit = {"name": "refund_over_500_eur", "call_id": call_id}
    made = (await agent.post("/handoffs", offer(limit=limit))).json()
    assert made["limit"] == limit
    told = next(found for found in await owner.log() if found["kind"] == "handoff.escalated")
    assert (told["body"]["limit"], told["actor"]["sub"]) == (limit, "usr_agent")
    assert [entry["sub"] for entry in await audit(owner) if entry["kind"] == "handoff.escalated"] == ["usr_agent"]
    human = await join(store)
    assert (await human.post(f"/handoffs/{made['handoff_id']}/accept")).status_code == 200
    assert (await human.step(call_id, "approve")).status_code == 200


@pytest.mark.requirement("R50", "R54", "T7")
async def test_a_newcomer_sees_everything_from_the_first_moment_without_a_gap_or_a_repeat(store: StoreWorld) -> None:
    """G18: joins at random moments of a conversation that does not stop for them."""
    dice, owner = Random(18), store.device()
    stop = asyncio.Event()

    async def talk() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            sent = await owner.post("/events", {"events": [event(f"{number}")] * dice.randint(1, 3)})
            assert sent.status_code == 201
            await asyncio.sleep(0)

    talking = asyncio.create_task(talk())
    for number in range(rounds(bounded=12, full=10_000)):
        await asyncio.sleep(dice.random() / 20)
        code = (await invite(owner))["code"]
        assert (await answered(store, f"usr_{number}", "accept", code)).status_code == 200
        newcomer = store.device(sub=f"usr_{number}")
        first, seen = await _seen(newcomer, dice)
        assert [found["seq"] for found in seen] == list(range(first + 1, first + len(seen) + 1))
        assert seen == (await newcomer.read(f"/events?after={first}&limit={len(seen)}"))["events"]
        assert (await owner.send("DELETE", f"/participants/usr_{number}")).status_code == 204
    stop.set()
    await talking


async def _seen(newcomer: Device, dice: Random) -> tuple[int, list[dict[str, Any]]]:
    """From where, and what: the past from some offset on, what the resume shows, and then what comes live behind it."""
    resumed = await newcomer.read("/resume")
    cursor = resumed["cursor"]
    first = dice.randint(max(0, cursor - 200), cursor)
    past = (await newcomer.read(f"/events?after={first}&limit=1000"))["events"][: cursor - first]
    shared = min(len(past), len(resumed["events"]))
    assert past[len(past) - shared :] == resumed["events"][len(resumed["events"]) - shared :]
    async with newcomer.follow(last_event_id=cursor) as stream:
        assert (await stream.start())[0] == 200
        return first, past + await stream.events(5)
