"""How a task begins, rests, goes on and ends: its opening record, its statuses, and what is kept of a closed one."""

import asyncio
from typing import Any

import pytest
from journey import CALL, Journey, item, said, texts
from segue_client.device import Refused
from segue_client.grant import Grant

pytestmark = pytest.mark.anyio

STATUSES = ("open", "active", "paused", "resumed", "closed", "archived")


async def change(journey: Journey, grant: Grant, to: str, reason: str = "as asked") -> Any:
    path = f"/tasks/{grant.task_id}/status"
    return await journey.at_store(grant, "POST", path, json={"to": to, "reason": reason})


async def test_r17_a_task_opens_with_its_identity_its_initial_state_and_its_budget(journey: Journey) -> None:
    grant = await journey.begin("Acme contract revision")
    opening = (await journey.task(grant).events())[0]
    task = (await journey.task(grant).resume())["task"]
    assert (opening["seq"], opening["kind"], opening["at"]) == (1, "task.created", task["created_at"])
    recorded = {name: opening["body"][name] for name in ("task_id", "owner", "name", "status", "epoch", "budget")}
    assert recorded == {name: task[name] for name in recorded}
    assert (task["task_id"], task["status"], task["budget"]) == (grant.task_id, "open", None)
    budget = {"unit": "tokens", "limit": 200_000, "while_present": False}
    path, condition = f"/tasks/{grant.task_id}", {"If-Match": f'"{task["version"]}"'}
    limited = await journey.at_store(grant, "PATCH", path, json={"budget": budget}, headers=condition)
    assert (limited.status_code, limited.json()["budget"]) == (200, budget)
    told = (await journey.task(grant).events())[-1]
    assert (told["kind"], told["body"]) == ("task.budget_changed", {"budget": budget, "before": None})
    late = await journey.at_store(grant, "PATCH", path, json={"budget": None}, headers=condition)
    assert (late.status_code, late.json()["current"]["budget"]) == (412, budget)


async def test_r22_a_task_is_resumed_or_closed_and_the_record_of_a_closed_one_is_kept(journey: Journey) -> None:
    grant = await journey.begin("A task that ends")
    task = journey.task(grant)
    await task.create_item("cap", item("decision", "Liability is capped", status="settled"))
    call = await task.propose(CALL)
    await task.append([said("the last word")])
    unsettled = await change(journey, grant, "closed")
    assert (unsettled.status_code, unsettled.json()["tool_calls"][0]["call_id"]) == (409, call["call_id"])
    await task.step(call["call_id"], "cancel")
    await change(journey, grant, "paused")
    assert (await change(journey, grant, "resumed")).json()["status"] == "resumed"
    assert (await change(journey, grant, "closed", "all agreed")).json()["status"] == "closed"
    before = await task.events()
    for to in ("active", "resumed", "open"):
        assert (await change(journey, grant, to)).json()["task_status"] == "closed"
    with pytest.raises(Refused) as refused:
        await task.append([said("after the end")])
    assert refused.value.status == 423
    assert await task.events() == before
    assert (before[-1]["body"]["reason"], before[-1]["body"]["to"]) == ("all agreed", "closed")
    auditor = await journey.hand_over(grant, mode="share")
    view = await journey.task(auditor).resume()
    assert [kept["title"] for kept in view["working_set"]] == ["Liability is capped"]
    assert texts(await journey.task(auditor).events()) == ["the last word"]


async def test_r26_the_life_of_a_task_is_modelled_and_illegal_changes_are_refused(journey: Journey) -> None:
    grant = await journey.begin("A task with a life")
    task = journey.task(grant)
    way = ("active", "paused", "resumed", "active", "paused", "active", "closed", "archived")
    status = "open"
    for to in way:
        illegal = await change(journey, grant, status)
        assert (illegal.status_code, illegal.json()["type"]) == (409, "urn:segue:problem:illegal-transition")
        assert (illegal.json()["task_status"], to in illegal.json()["allowed"]) == (status, True)
        answers = await asyncio.gather(*(change(journey, grant, to) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        status = to
        assert (await task.resume())["task"]["status"] == status
        if status == "paused":
            with pytest.raises(Refused) as refused:
                await task.append([said("work goes on")])
            assert (refused.value.status, refused.value.body["task_status"]) == (423, "paused")
            await task.append([said("a word of mine", role="customer")])
    told = [event for event in await task.events() if event["kind"] == "task.status_changed"]
    assert [(event["body"]["from"], event["body"]["to"]) for event in told] == list(
        zip(("open", *way), way, strict=False)
    )
    assert {event["actor"]["device_id"] for event in told} == {told[0]["actor"]["device_id"]}
    assert set(way) | {"open"} == set(STATUSES)
