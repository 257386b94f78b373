"""Others take part in the task: who they are, what they see, and how the customer is passed on and back."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from journey import CALL, Journey, item, open_journey, said, texts
from running_demo import RunningDemo
from segue_client.grant import Grant
from segue_demo.enrolled import Person

pytestmark = pytest.mark.anyio


@dataclass
class Part:
    """Somebody with a device at the task."""

    journey: Journey
    grant: Grant

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a request to the task that must work."""
        answer = await self.raw(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def raw(self, method: str, path: str, body: Any = None) -> Any:
        sent = {} if body is None else {"json": body}
        return await self.journey.at_store(self.grant, method, f"/tasks/{self.grant.task_id}{path}", **sent)

    async def says(self, text: str, role: str) -> Any:
        return await self.raw("POST", "/events", {"events": [said(text, role=role)]})

    async def log(self) -> Any:
        return await self.journey.task(self.grant).events()


@pytest.fixture(scope="session")
def colleague(demo: RunningDemo) -> Person:
    return demo.enrol("colleague")


@pytest.fixture
async def customer(journey: Journey) -> Part:
    return Part(journey, await journey.begin())


@pytest.fixture
async def human(demo: RunningDemo, stranger: Person, customer: Part) -> AsyncIterator[Part]:
    """A human agent who was invited."""
    async with open_journey(demo.site, stranger) as opened:
        yield await joined(customer, opened, "human_agent")


async def joined(customer: Part, guest: Journey, role: str) -> Part:
    """Invited by the customer, accepted on the page, and then at the task with a device of their own."""
    invitation = await customer.ask("POST", "/invitations", {"role": role})
    page = await guest.browser.answer_invitation(invitation["invitation_uri"])
    assert "You take part" in page.text
    return Part(guest, await guest.begin(task=customer.grant.task_id))


async def handed_over(mode: str, giver: Part, taker: Part, **members: Any) -> str:
    body = {"mode": mode, "to_role": "human_agent", "reason": "The customer asks for a person.", **members}
    offered = await giver.ask("POST", "/handoffs", body)
    await taker.ask("POST", f"/handoffs/{offered['handoff_id']}/accept", {})
    return str(offered["handoff_id"])


async def test_r36_several_agents_work_on_one_task_at_once_and_lose_nothing(
    demo: RunningDemo, stranger: Person, colleague: Person, customer: Part
) -> None:
    async with open_journey(demo.site, stranger) as one, open_journey(demo.site, colleague) as two:
        agents = [await joined(customer, guest, "agent") for guest in (one, two)]
        phone = Part(customer.journey, await customer.journey.hand_over(customer.grant, mode="share"))
        parts = [customer, phone, *agents]
        start = len(await customer.log())

        async def work(number: int) -> None:
            for turn in range(5):
                assert (await parts[number].says(f"{number}:{turn}", "agent")).status_code == 201
                await (
                    parts[number]
                    .journey.task(parts[number].grant)
                    .create_item(f"part-{number}-{turn}", item("output", f"Part {number}.{turn}"))
                )

        await asyncio.gather(*(work(number) for number in range(4)))
        call = await agents[0].ask("POST", "/tool-calls", CALL)
        claims = await asyncio.gather(*(part.raw("POST", f"/tool-calls/{call['call_id']}/claim", {}) for part in parts))
        assert sorted(claim.status_code for claim in claims) == [200, 409, 409, 409]
        log = (await agents[1].log())[start:]
        assert [event["seq"] for event in log] == list(range(start + 1, start + len(log) + 1))
        for number in range(4):
            own = [text for text in texts(log) if text.startswith(f"{number}:")]
            assert own == [f"{number}:{turn}" for turn in range(5)]
        assert len({event["actor"]["device_id"] for event in log if event["kind"] == "message"}) == 4
        assert len((await agents[1].ask("GET", "/working-set"))["items"]) == 20


async def test_r41_the_agent_hands_to_a_human_and_gets_the_task_back(customer: Part, human: Part) -> None:
    await customer.says("I cannot decide this alone.", "agent")
    handoff_id = await handed_over("cold", customer, human)
    assert (await human.says("I have read everything. We accept the cap.", "human_agent")).status_code == 201
    assert (await customer.says("Still me?", "agent")).status_code == 409
    await human.ask("POST", f"/handoffs/{handoff_id}/return", {})
    assert (await customer.says("Then I go on.", "agent")).status_code == 201
    assert [event["role"] for event in await customer.log() if event["kind"] == "message"] == [
        "agent",
        "human_agent",
        "agent",
    ]


async def test_r50_any_authorised_participant_joins_and_replays_from_an_offset(
    demo: RunningDemo, stranger: Person, customer: Part
) -> None:
    for number in range(12):
        await customer.says(f"{number}", "agent")
    whole = await customer.log()
    async with open_journey(demo.site, stranger) as opened:
        refused = await opened.begin(name="Something else")
        foreign = await opened.at_store(refused, "GET", f"/tasks/{customer.grant.task_id}/events")
        assert foreign.status_code == 404
        watching = await joined(customer, opened, "supervisor")
        for offset in (0, 5, len(whole) - 1):
            page = await watching.ask("GET", f"/events?after={offset}")
            assert page["events"][: len(whole) - offset] == whole[offset:]
        live = opened.task(watching.grant).live_events(after=3)
        assert [(await anext(live))["seq"] for _ in range(5)] == [4, 5, 6, 7, 8]
        await customer.ask("DELETE", f"/participants/{_sub(await watching.ask('GET', '/participants'))}")
        assert (await watching.raw("GET", "/events")).status_code == 404


def _sub(listed: Any) -> str:
    """Who joined last."""
    return str(listed["participants"][0]["sub"])


async def test_r53_customer_agent_human_agent_and_supervisor_are_told_apart_and_may_do_their_part(
    demo: RunningDemo, stranger: Person, colleague: Person, customer: Part
) -> None:
    async with open_journey(demo.site, stranger) as one, open_journey(demo.site, colleague) as two:
        human = await joined(customer, one, "human_agent")
        watching = await joined(customer, two, "supervisor")
        assert (await customer.says("What is our cap?", "customer")).status_code == 201
        assert (await customer.says("One year's fees.", "agent")).status_code == 201
        assert (await human.says("I agree.", "human_agent")).status_code == 201
        assert (await human.says("I am the customer", "customer")).status_code == 403
        assert (await watching.says("I only watch", "human_agent")).status_code == 403
        assert (await human.raw("POST", "/invitations", {"role": "agent"})).status_code == 403
        spoken = [event for event in await watching.log() if event["kind"] == "message"]
        assert [event["role"] for event in spoken] == ["customer", "agent", "human_agent"]
        assert len({event["actor"]["sub"] for event in spoken}) == 2
        people = (await watching.ask("GET", "/resume"))["participants"]
        assert [person["role"] for person in people] == ["supervisor", "human_agent", "customer"]


async def test_r54_who_joins_sees_the_living_session_at_once_without_a_gap(
    demo: RunningDemo, stranger: Person, customer: Part
) -> None:
    await customer.journey.task(customer.grant).create_item("cap", item("decision", "The cap is one year's fees"))
    talking = asyncio.create_task(_talk(customer, 40))
    async with open_journey(demo.site, stranger) as opened:
        newcomer = await joined(customer, opened, "human_agent")
        began = time.monotonic()
        resumed = await newcomer.ask("GET", "/resume")
        assert time.monotonic() - began < 5
        assert resumed["working_set"][0]["title"] == "The cap is one year's fees"
        seen = list(resumed["events"])
        live = opened.task(newcomer.grant).live_events(after=resumed["cursor"])
        await talking
        await customer.says("That was all.", "agent")
        async with asyncio.timeout(20):
            while not texts(seen) or texts(seen)[-1] != "That was all.":
                seen.append(await anext(live))
        first = seen[0]["seq"]
        assert [event["seq"] for event in seen] == list(range(first, first + len(seen)))
        assert seen == (await newcomer.log())[first - 1 : first - 1 + len(seen)]


async def _talk(part: Part, turns: int) -> None:
    for number in range(turns):
        assert (await part.says(f"turn {number}", "agent")).status_code == 201


async def test_r55_warm_and_cold_transfer_are_primitives(customer: Part, human: Part) -> None:
    warm = await handed_over("warm", customer, human)
    assert (await customer.says("My colleague is here; I stay.", "agent")).status_code == 201
    assert (await human.ask("GET", "/resume"))["lead"] == "human_agent"
    await human.ask("POST", f"/handoffs/{warm}/return", {})
    running = await customer.journey.run_call(customer.grant)
    await handed_over("cold", customer, human)
    refused = await customer.says("One more thing.", "agent")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:segue:problem:handed-over")
    assert (await customer.raw("POST", "/tool-calls", CALL)).status_code == 409
    step = {"fence": running["fence"], "result": {"cap": 1}}
    await customer.ask("POST", f"/tool-calls/{running['call_id']}/complete", step)
    assert (await human.says("I have it now, with the result.", "human_agent")).status_code == 201


async def test_r56_a_human_hands_back_to_the_agent_by_the_same_mechanism(customer: Part, human: Part) -> None:
    first = await handed_over("cold", customer, human)
    await handed_over("warm", human, customer, to_role="agent", reason="The rest is routine.")
    assert (await customer.ask("GET", f"/handoffs/{first}"))["state"] == "returned"
    assert (await customer.ask("GET", "/resume"))["lead"] == "agent"
    assert (await customer.says("Thank you, I go on.", "agent")).status_code == 201
    kinds = [event["kind"] for event in await customer.log() if event["kind"].startswith("handoff.")]
    steps = ["offered", "accepted", "offered", "returned", "accepted"]
    assert kinds == [f"handoff.{step}" for step in steps]


async def test_r58_every_participant_transition_has_time_and_identity(customer: Part, human: Part) -> None:
    handoff_id = await handed_over("warm", customer, human)
    await human.ask("POST", f"/handoffs/{handoff_id}/return", {})
    people = (await customer.ask("GET", "/participants"))["participants"]
    guest, owner = people[0]["sub"], people[1]["sub"]
    assert people[0]["granted_by"] == owner
    await human.ask("POST", "/participants/leave", {})
    entries = (await customer.ask("GET", "/audit"))["entries"]
    told = [(entry["kind"], entry["sub"]) for entry in entries if entry["kind"].startswith(("parti", "hand", "inv"))]
    assert told == [
        ("invitation.created", owner),
        ("participant.joined", guest),
        ("handoff.offered", owner),
        ("handoff.accepted", guest),
        ("handoff.returned", guest),
        ("participant.left", guest),
    ]
    assert all(abs(entry["at"] - time.time()) < 300 for entry in entries)
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))


async def test_r63_an_escalation_at_an_authorisation_limit_is_a_recorded_event(customer: Part, human: Part) -> None:
    call = await customer.ask("POST", "/tool-calls", {**CALL, "effect": "irreversible", "title": "Refund 900 euros"})
    limit = {"name": "refund_over_500_eur", "call_id": call["call_id"]}
    handoff_id = await handed_over("warm", customer, human, limit=limit, reason="More than I may refund.")
    told = next(event for event in await human.log() if event["kind"] == "handoff.escalated")
    assert told["body"]["limit"] == limit
    assert (told["body"]["reason"], told["body"]["handoff_id"]) == ("More than I may refund.", handoff_id)
    assert told["at"] > 0
    approved = await human.ask("POST", f"/tool-calls/{call['call_id']}/approve", {})
    assert approved["state"] == "approved"
    kinds = [entry["kind"] for entry in (await customer.ask("GET", "/audit"))["entries"]]
    assert kinds.index("handoff.escalated") < kinds.index("handoff.accepted") < kinds.index("tool_call.approved")
