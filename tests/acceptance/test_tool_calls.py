"""Tool calls: records that outlive whoever executes them, held by one device at a time."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest
from journey import CALL, LEASE, Journey, open_journey
from running_demo import RunningDemo
from segue_client.device import Refused
from segue_client.grant import Grant

pytestmark = pytest.mark.anyio
RESULT = {"summary": "31 of 40 precedents"}


async def kinds(journey: Journey, grant: Grant) -> Counter[str]:
    return Counter(event["kind"] for event in await journey.task(grant).events())


async def test_r14_a_call_in_flight_is_a_durable_record_and_its_holder_goes_on_with_it(own_demo: RunningDemo) -> None:
    async with open_journey(own_demo.site, own_demo.person) as journey:
        grant = await journey.begin()
        call = await journey.run_call(grant)
        own_demo.kill()
        own_demo.start()
        kept = await journey.task(grant).tool_call(call["call_id"])
        assert kept == call
        assert (kept["state"], kept["attempt"], kept["arguments"]) == ("running", 1, CALL["arguments"])
        listed = (await journey.task(await journey.begin(task=grant.task_id)).resume())["tool_calls"]
        assert [(seen["call_id"], seen["state"]) for seen in listed] == [(call["call_id"], "running")]
        done = await journey.task(grant).step(call["call_id"], "complete", fence=call["fence"], result=RESULT)
        assert (done["state"], done["result"]) == ("succeeded", RESULT)
        happened = await kinds(journey, grant)
        steps = ("proposed", "claimed", "started", "succeeded")
        assert [happened[f"tool_call.{step}"] for step in steps] == [1, 1, 1, 1]


async def test_r15_a_call_has_one_holder_under_a_lease_and_changes_hands_exactly_once(
    demo: RunningDemo, journey: Journey
) -> None:
    desktop = await journey.begin()
    call = await journey.run_call(desktop, lease=600)
    phone = await journey.hand_over(desktop)
    takers = await asyncio.gather(*(attempt(journey, phone, call["call_id"]) for _ in range(5)))
    won = [taken for taken in takers if not isinstance(taken, Refused)]
    assert len(won) == 1
    assert {refused.error for refused in takers if isinstance(refused, Refused)} == {"held"}
    assert won[0]["downstream_key"] == call["downstream_key"]
    assert won[0]["fence"] != call["fence"]
    with pytest.raises(Refused, match="stale-epoch"):
        await finish(journey, desktop, call)
    await journey.task(phone).step(call["call_id"], "start", fence=won[0]["fence"], lease=LEASE)
    await journey.run_job(phone, call["downstream_key"])
    assert (await finish(journey, phone, won[0]))["state"] == "succeeded"
    assert (await finish(journey, phone, won[0]))["result"] == RESULT
    happened = await kinds(journey, phone)
    assert (happened["tool_call.claimed"], happened["tool_call.refused"], happened["tool_call.succeeded"]) == (2, 1, 1)
    assert len([job for job in demo.jobs() if job["key"] == call["downstream_key"]]) == 1
    await a_lost_lease_passes_the_call_on(journey)


async def a_lost_lease_passes_the_call_on(journey: Journey) -> None:
    """Two devices that share: whoever has the lease keeps the others out, until it has run out."""
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")
    call = await journey.run_call(desktop, lease=2)
    with pytest.raises(Refused, match="held"):
        await journey.task(phone).step(call["call_id"], "claim", lease=LEASE)
    await asyncio.sleep(2.1)
    held = await journey.take_over(phone, call["call_id"])
    with pytest.raises(Refused, match="fenced"):
        await finish(journey, desktop, call)
    assert (await finish(journey, phone, held))["state"] == "succeeded"


async def attempt(journey: Journey, grant: Grant, call_id: str) -> Any:
    try:
        return await journey.task(grant).step(call_id, "claim", lease=LEASE)
    except Refused as refused:
        return refused


async def finish(journey: Journey, grant: Grant, call: dict[str, Any]) -> Any:
    return await journey.task(grant).step(call["call_id"], "complete", fence=call["fence"], result=RESULT)


async def test_r48_work_goes_on_at_another_host_when_the_one_that_did_it_is_gone(own_demo: RunningDemo) -> None:
    """The worker's host and the servers die in the middle of a call; another worker takes it over and ends it once."""
    async with open_journey(own_demo.site, own_demo.person) as journey:
        worker = await journey.begin()
        other = await journey.hand_over(worker, mode="share")
        call = await journey.run_call(worker, lease=2)
        own_demo.kill()
        own_demo.start()
        await asyncio.sleep(2)
        held = await journey.take_over(other, call["call_id"])
        assert (held["attempt"], held["downstream_key"]) == (2, call["downstream_key"])
        assert (await finish(journey, other, held))["state"] == "succeeded"
        assert len([job for job in own_demo.jobs() if job["key"] == call["downstream_key"]]) == 1
        seen = (await journey.task(worker).tool_call(call["call_id"]))["result"]
        assert seen == RESULT


async def test_r60_who_is_there_is_known_and_nothing_is_spent_while_nobody_is(journey: Journey) -> None:
    grant = await journey.begin()
    task, path = journey.task(grant), f"/tasks/{grant.task_id}"

    async def put(where: str, body: Any) -> httpx2.Response:
        return await journey.at_store(grant, "PUT", f"{path}{where}", json=body)

    view = (await task.resume())["task"]
    budget = {"unit": "tokens", "limit": 50_000, "while_present": True}
    condition = {"If-Match": f'"{view["version"]}"'}
    set_ = await journey.at_store(grant, "PATCH", path, json={"budget": budget}, headers=condition)
    assert set_.json()["budget"] == budget
    call = await task.propose(CALL)
    with pytest.raises(Refused) as refused:
        await task.step(call["call_id"], "claim")
    assert refused.value.body["type"] == "urn:segue:problem:nobody-present"
    session = await task.join(name="Phone", transport="http")
    assert (await put("/presence", {"state": "here", "session_id": session["session_id"]})).status_code == 204
    present = (await journey.at_store(grant, "GET", f"{path}/presence")).json()
    assert (present["somebody"], present["present"][0]["session_id"]) == (True, session["session_id"])
    assert (await task.step(call["call_id"], "claim"))["state"] == "claimed"
