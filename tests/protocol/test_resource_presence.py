"""Nothing is spent while nobody is there, where the budget of a task says so (T15, T21)."""

from typing import Any

import pytest
from participating import join
from resource_world import Device, StoreWorld
from segue_resource.stores.presence import LIFETIME
from segue_storage.ephemeral import MemoryUnavailable

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R60", "T21")]

ATTENDED = {"unit": "tokens", "limit": 200_000, "while_present": True}
PROBLEM = "urn:segue:problem:nobody-present"


async def spend_only_while_present(store: StoreWorld) -> Device:
    device = store.device()
    answer = await device.send("PATCH", "", json={"budget": ATTENDED}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["budget"]) == (200, ATTENDED)
    return device


async def appear(device: Device, state: str = "here") -> str:
    """The session that says it is there."""
    joined = (await device.post("/sessions", {"name": "Phone", "transport": "web"})).json()["session_id"]
    await stay(device, joined, state)
    return str(joined)


async def stay(device: Device, session_id: str, state: str) -> None:
    told = await device.send("PUT", "/presence", json={"state": state, "session_id": session_id})
    assert told.status_code == 204


async def beginnings(device: Device, *, ready: str, claimed: tuple[str, str]) -> list[Any]:
    """One request for everything that spends."""
    return [
        await device.step(ready, "claim"),
        await device.step(claimed[0], "start", fence=claimed[1]),
        await device.post("/drafts", {"role": "agent"}),
    ]


async def test_what_spends_waits_for_a_person_and_what_runs_goes_on(store: StoreWorld) -> None:
    device = await spend_only_while_present(store)
    joined = await appear(device)
    ready, taken = await device.propose(), await device.propose()
    claimed = taken, (await device.step(taken, "claim")).json()["fence"]
    running, fence = await device.running()
    await stay(device, joined, "away")
    before = await device.log()
    for answer in await beginnings(device, ready=ready, claimed=claimed):
        problem = answer.json()
        assert (answer.status_code, problem["type"], problem["known"]) == (409, PROBLEM, True)
    assert await device.log() == before
    assert (await device.say("words cost nothing")).status_code == 201
    assert (await device.step(running, "heartbeat", fence=fence)).status_code == 200
    assert (await device.step(running, "complete", fence=fence, result=1)).status_code == 200
    await stay(device, joined, "typing")
    answers = await beginnings(device, ready=ready, claimed=claimed)
    assert [answer.status_code for answer in answers] == [200, 200, 201]


async def test_a_person_who_does_not_say_so_again_is_gone(store: StoreWorld) -> None:
    device = await spend_only_while_present(store)
    await appear(device)
    call_id = await device.propose()
    await store.later(LIFETIME)
    assert (await device.step(call_id, "claim")).json()["type"] == PROBLEM


async def test_an_agent_attends_to_nothing_and_any_person_does(store: StoreWorld) -> None:
    device = await spend_only_while_present(store)
    call_id = await device.propose()
    await appear(await join(store, "agent", sub="usr_agent"))
    assert (await device.read("/presence"))["somebody"] is False
    assert (await device.step(call_id, "claim")).status_code == 409
    await appear(await join(store, "supervisor", sub="usr_supervisor"))
    assert (await device.read("/presence"))["somebody"] is True
    assert (await device.step(call_id, "claim")).status_code == 200


async def test_while_nobody_can_know_who_is_there_nothing_is_spent(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await spend_only_while_present(store)
    await appear(device)
    call_id = await device.propose()

    async def away(*_: Any) -> Any:
        raise MemoryUnavailable

    monkeypatch.setattr(store.ephemeral, "notes", away)
    refused = (await device.step(call_id, "claim")).json()
    assert (refused["type"], refused["known"]) == (PROBLEM, False)


async def test_without_that_word_in_its_budget_a_task_works_while_nobody_is_there(store: StoreWorld) -> None:
    device = store.device()
    for budget in (None, {**ATTENDED, "while_present": False}):
        version = (await device.read())["version"]
        changed = await device.send("PATCH", "", json={"budget": budget}, headers={"If-Match": f'"{version}"'})
        assert changed.status_code == 200
        assert (await device.step(await device.propose(), "claim")).status_code == 200
