"""Corrections and rollbacks over HTTP: ordinary readers are spared what was corrected, the audit is not (T12)."""

from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, TASK, Device, StoreWorld, event, item, texts
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T12", "R35")]

PROBLEM = "urn:segue:problem:"


async def seen(device: Device, *, full: bool = False) -> list[dict[str, Any]]:
    """The log as a reader sees it from the beginning."""
    events: list[dict[str, Any]] = []
    after, view = 0, "&view=full" if full else ""
    while True:
        page = await device.read(f"/events?after={after}&limit=1000{view}")
        events += page["events"]
        after = page["next_after"]
        if after == page["head"]:
            return events


async def correct(device: Device, seq: int, text: str | None, **members: Any) -> Any:
    instead: dict[str, Any] = {"withdraw": True} if text is None else {"body": {"text": text}}
    return await device.post("/corrections", {"seq": seq, **instead, **members})


async def revert(device: Device, to: int, **members: Any) -> Any:
    head = int((await device.get()).headers["Task-Head"])
    return await device.post("/rollbacks", {"to": to, "head": head, **members})


async def join(store: StoreWorld, sub: str, role: str) -> Device:
    row = {"task_id": TASK, "sub": sub, "from_seq": 1, "role": role, "granted_by": OWNER}
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.participants), row).rowcount)
    return store.device(sub=sub)


async def test_a_correction_stands_for_the_original_which_the_audit_still_reads(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/events", {"events": [event("The cap is 10"), event("Noted")]})
    answer = await correct(device, 2, "The cap is 12", reason="misheard")
    assert (answer.status_code, answer.json()) == (201, {"seq": 4})
    found = await seen(device)
    assert texts(found) == ["Noted"]
    assert (found[-1]["kind"], found[-1]["role"]) == ("log.corrected", "agent")
    body = {"seq": 2, "kind": "message", "reason": "misheard", "body": {"text": "The cap is 12"}}
    assert found[-1]["body"] == body
    whole = await seen(device, full=True)
    assert (texts(whole), whole[1]["elided_by"]) == (["The cap is 10", "Noted"], 4)
    assert "The cap is 10" not in str(await device.read("/resume"))
    entries = (await device.read("/audit"))["entries"]
    assert [(one["about"], one["seq"]) for one in entries if one["kind"] == "log.corrected"] == [
        ({"seq": 2, "withdrawn": False}, 4)
    ]
    narrow = store.device(actions={"events:read"})
    assert (await narrow.get("/events?view=full")).status_code == 403


async def test_an_event_can_be_withdrawn_and_a_correction_corrected(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/events", {"events": [event("one"), {**event("a fact"), "kind": "fact.stated"}]})
    assert (await correct(device, 3, None)).json() == {"seq": 4}
    assert (await correct(device, 2, "two")).json() == {"seq": 5}
    assert (await correct(device, 5, "three")).json() == {"seq": 6}
    found = await seen(device)
    assert [one["seq"] for one in found] == [1, 4, 6]
    assert (found[1]["body"]["body"], found[2]["body"]["seq"]) == (None, 5)
    assert [one.get("elided_by") for one in await seen(device, full=True)] == [None, 5, 4, None, 6, None]
    late = await correct(device, 2, "four")
    assert (late.status_code, late.json()["type"], late.json()["current"]) == (412, f"{PROBLEM}conflict", {"seq": 5})


async def test_what_the_store_wrote_and_what_is_not_there_cannot_be_corrected(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    await device.say("one")
    await revert(device, 2)
    for seq in (1, 2, 4):
        refused = await correct(device, seq, "x")
        assert (refused.status_code, refused.json()["type"]) == (422, f"{PROBLEM}not-correctable")
    assert (await correct(device, 5, "x")).json()["type"] == f"{PROBLEM}cursor-ahead"
    taken_back = await correct(device, 3, "x")
    assert (taken_back.status_code, taken_back.json()["current"]) == (412, {"seq": 4})
    for wrong in ({"seq": 3}, {"seq": 3, "body": {}, "withdraw": True}, {"seq": 0, "body": {}}, {"seq": 3, "body": 1}):
        assert (await device.post("/corrections", wrong)).status_code == 400


async def test_the_author_corrects_their_own_words_and_the_customer_all(store: StoreWorld) -> None:
    owner, agent = store.device(), await join(store, "usr_agent", "agent")
    await agent.say("theirs")
    await owner.post("/events", {"events": [event("mine", role="customer")]})
    not_theirs = await correct(agent, 3, "not mine")
    assert (not_theirs.status_code, not_theirs.json()["type"]) == (403, f"{PROBLEM}not-yours")
    narrow = store.device(actions={"events:read", "events:append"})
    assert (await correct(narrow, 2, "no")).status_code == 403
    assert (await correct(narrow, 3, "mine, indeed")).status_code == 201
    assert (await correct(agent, 2, "theirs, indeed")).status_code == 201
    assert (await correct(owner, 5, "overruled")).status_code == 201
    roles = [(one["role"], one["body"]["body"]["text"]) for one in (await seen(owner)) if "corrected" in one["kind"]]
    assert roles == [("customer", "mine, indeed"), ("customer", "overruled")]
    supervisor = await join(store, "usr_watches", "supervisor")
    assert (await correct(supervisor, 3, "x")).status_code == 403
    await owner.post("/status", {"to": "paused"})
    assert (await correct(agent, 2, "x")).status_code in (412, 423)
    await owner.post("/status", {"to": "closed"})
    assert (await correct(owner, 4, "x")).status_code == 423


async def test_a_rollback_takes_the_task_back_and_keeps_what_was_for_the_audit(store: StoreWorld) -> None:
    device = store.device()
    await device.put("kept", item("kept"))
    await device.put("changed", item("changed 1"))
    await device.put("deleted", item("deleted 1"))
    await device.say("before")
    then = await device.read("/working-set?as_of=5")
    await device.put("changed", item("changed 2"), version=1)
    await device.send("DELETE", "/working-set/deleted", headers={"If-Match": '"1"'})
    await device.put("new", item("new"))
    await device.say("after")
    version = (await device.get("/working-set")).headers["ETag"]
    answer = await revert(device, 5, reason="a wrong turn")
    assert answer.status_code == 201, answer.text
    done = answer.json()
    assert (done["seq"], done["to"], done["cancelled"], done["not_undone_count"]) == (10, 5, [], 0)
    assert done["working_set"] == [
        {"item_id": "changed", "version": 3, "deleted": False},
        {"item_id": "deleted", "version": 3, "deleted": False},
        {"item_id": "new", "version": 2, "deleted": True},
    ]
    now = (await device.get("/working-set")).json()["items"]
    assert (await device.get("/working-set")).headers["ETag"] != version
    plain = [{**found, "version": 0} for found in now]
    assert plain == [{**found, "version": 0} for found in then["items"]]
    assert {found["item_id"]: found["version"] for found in now} == {"kept": 1, "changed": 3, "deleted": 3}
    assert texts(await seen(device)) == ["before"]
    assert texts(await seen(device, full=True)) == ["before", "after"]
    assert (await seen(device))[-1]["kind"] == "task.reverted"
    assert texts((await device.read("/resume"))["events"]) == ["before"]
    told = {name: value for name, value in done.items() if name != "seq"}
    assert (await seen(device))[-1]["body"] == told
    versions = (await device.read("/working-set/changed/versions"))["versions"]
    assert [(one["version"], one["seq"], one["title"]) for one in versions] == [
        (3, 10, "changed 1"),
        (2, 6, "changed 2"),
        (1, 3, "changed 1"),
    ]
    assert (await device.read("/working-set?as_of=8"))["items"][0]["title"] == "changed 2"
    assert (await device.put("changed", item("changed 4"), version=3)).json()["version"] == 4
    assert (await device.put("new", item("new again"))).json()["version"] == 3
    entries = (await device.read("/audit"))["entries"]
    assert [one["about"] for one in entries if one["kind"] == "task.reverted"] == [{"to": 5}]


async def test_a_rollback_into_what_was_reverted_shows_the_log_as_it_was_then(store: StoreWorld) -> None:
    device = store.device()
    for number in range(2, 8):
        await device.put("draft", item(f"at {number}"), version=None if number == 2 else number - 2)
    await device.say("8")
    await correct(device, 8, "9")
    assert (await revert(device, 4)).json()["seq"] == 10
    assert (await device.read("/working-set/draft"))["title"] == "at 4"
    assert [one["seq"] for one in await seen(device) if "log." in one["kind"] or one["kind"] == "message"] == []
    assert (await revert(device, 8)).json()["seq"] == 11
    assert (await device.read("/working-set/draft"))["title"] == "at 7"
    assert texts(await seen(device)) == ["8"]
    assert (await revert(device, 9)).json()["seq"] == 12
    assert [one["seq"] for one in await seen(device) if one["kind"] == "log.corrected"] == [9]
    assert texts(await seen(device)) == []
    assert (await revert(device, 10)).json()["working_set"] == [{"item_id": "draft", "version": 9, "deleted": False}]
    assert (await device.read("/working-set/draft"))["title"] == "at 4"
    assert (await revert(device, 12)).json()["working_set"][0]["version"] == 10


async def test_nothing_is_taken_back_that_whoever_asks_has_not_seen(store: StoreWorld) -> None:
    device = store.device()
    await device.say("one")
    await device.say("two")
    stale = await device.post("/rollbacks", {"to": 1, "head": 2})
    assert (stale.status_code, stale.json()["type"], stale.json()["current"]) == (
        412,
        f"{PROBLEM}conflict",
        {"head": 3},
    )
    assert (await device.post("/rollbacks", {"to": 3, "head": 4})).status_code == 412
    for wrong in ({"to": 3, "head": 3}, {"to": 0, "head": 3}, {"to": 1}, {"head": 3}, {"to": 1, "head": 3, "x": 1}):
        assert (await device.post("/rollbacks", wrong)).status_code == 400
    assert texts(await seen(device)) == ["one", "two"]
    answers = [await device.post("/rollbacks", {"to": 2, "head": 3}, key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert texts(await seen(device)) == ["one"]


async def test_tool_calls_at_work_are_ended_first_and_those_not_begun_are_cancelled(store: StoreWorld) -> None:
    device = store.device()
    await device.say("one")
    call_id, fence = await device.running("irreversible")
    waits = await device.propose("irreversible")
    refused = await revert(device, 2)
    assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}at-work")
    assert [(one["call_id"], one["state"]) for one in refused.json()["tool_calls"]] == [(call_id, "running")]
    await device.step(call_id, "complete", fence=fence, result={"sent": True})
    pure, fence = await device.running("pure")
    await device.step(pure, "fail", fence=fence, error="no")
    ready = await device.propose("idempotent")
    done = (await revert(device, 2)).json()
    assert done["cancelled"] == [waits, ready]
    assert done["not_undone"] == [{"call_id": call_id, "effect": "irreversible", "state": "succeeded"}]
    assert [(await device.read(f"/tool-calls/{one}"))["state"] for one in (waits, ready)] == ["cancelled"] * 2
    assert (await device.read(f"/tool-calls/{call_id}"))["result"] == {"sent": True}
    assert (await device.step(waits, "approve")).status_code == 409


async def test_a_call_that_was_proposed_before_and_started_since_is_not_undone_either(store: StoreWorld) -> None:
    device = store.device()
    early = await device.propose("idempotent")
    approved = await device.propose("idempotent")
    await device.say("here")
    fence = (await device.step(early, "claim")).json()["fence"]
    await device.step(early, "start", fence=fence)
    assert (await revert(device, 4)).status_code == 409
    await device.step(early, "complete", fence=fence, result=1)
    done = (await revert(device, 4)).json()
    assert ([one["call_id"] for one in done["not_undone"]], done["cancelled"]) == ([early], [])
    assert (await device.read(f"/tool-calls/{approved}"))["state"] == "approved"
    forget = sa.update(tables.tool_calls).values(started_seq=None)
    await store.database.write(lambda connection: connection.execute(forget).rowcount)
    assert [one["call_id"] for one in (await revert(device, 1)).json()["not_undone"]] == [early]


async def test_who_wrote_the_words_that_come_back_is_still_their_author_and_can_be_forgotten(store: StoreWorld) -> None:
    owner, agent = store.device(), await join(store, "usr_agent", "agent")
    await agent.put("draft", item("the agent's"))
    await owner.put("draft", item("the owner's"), version=1)
    assert (await revert(owner, 2)).status_code == 201
    found = await owner.read("/working-set/draft")
    assert (found["title"], found["version"], found["updated_by"]["sub"]) == ("the agent's", 3, "usr_agent")
    destroy = sa.update(tables.data_keys).where(tables.data_keys.c.sub == "usr_agent")
    await store.database.write(
        lambda connection: connection.execute(destroy.values(wrapped=None, destroyed_at=1)).rowcount
    )
    assert (await owner.read("/working-set/draft"))["title"] == ""


async def test_the_customer_alone_takes_back_and_not_once_the_task_has_ended(store: StoreWorld) -> None:
    owner, human = store.device(), await join(store, "usr_human", "human_agent")
    await owner.say("one")
    assert (await revert(human, 1)).status_code == 403
    assert (await revert(store.device(actions={"task:read", "events:append"}), 1)).status_code == 403
    await owner.post("/status", {"to": "paused"})
    assert (await revert(owner, 1)).status_code == 201
    await owner.post("/status", {"to": "closed"})
    assert (await revert(owner, 1)).status_code == 423
    assert (await owner.read())["name"] == "Acme contract revision"


async def test_a_rollback_reaches_beyond_the_fork_and_leaves_the_original_alone(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("one"))
    await device.say("shared")
    call_id, fence = await device.running("reconcilable")
    await device.step(call_id, "complete", fence=fence, result=1)
    await device.put("draft", item("two"), version=1)
    head = int((await device.get()).headers["Task-Head"])
    task_id = (await device.post("/forks", {"name": "Otherwise"})).json()["task_id"]
    child = store.device(task_id=task_id)
    await child.say("own")
    done = (await revert(child, 2)).json()
    assert [one["call_id"] for one in done["not_undone"]] == [call_id]
    assert (texts(await seen(child)), (await child.read("/working-set/draft"))["title"]) == ([], "one")
    assert (await child.read("/working-set/draft"))["version"] == 3
    assert (texts(await seen(device)), (await device.read("/working-set/draft"))["title"]) == (["shared"], "two")
    assert (await revert(child, head)).status_code == 201
    assert (texts(await seen(child)), (await child.read("/working-set/draft"))["title"]) == (["shared"], "two")
    await device.say("before")
    assert (await revert(device, 2)).status_code == 201
    assert (texts(await seen(child)), texts(await seen(device))) == (["shared"], [])
    late = (await device.post("/forks", {"name": "After the rollback"})).json()["task_id"]
    assert texts(await seen(store.device(task_id=late))) == []
    earlier = (await device.post("/forks", {"name": "Before it", "at": head})).json()["task_id"]
    assert texts(await seen(store.device(task_id=earlier))) == ["shared"]
