"""Forks over HTTP: one past, shared and not copied; two futures that know nothing of each other (T13)."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, TASK, Device, StoreWorld, event, item, texts
from segue_resource.stores import tables
from segue_resource.stores.history import lineage

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T13", "R40")]

PROBLEM = "urn:segue:problem:"


async def fork(device: Device, at: int | None = None, *, name: str = "Without the cap", **token: Any) -> Device:
    """A fork, and a device of the person with a token for it, as the authorization server would mint it."""
    body = {"name": name} | ({} if at is None else {"at": at})
    answer = await device.post("/forks", body)
    assert answer.status_code == 201, answer.text
    return device.world.device(**{"sub": device.claims["sub"], "task_id": answer.json()["task_id"], **token})


async def test_a_fork_goes_on_from_a_point_of_the_past_and_the_original_is_intact(store: StoreWorld) -> None:
    device = store.device()
    await device.say("one")
    await device.put("draft", item("first"))
    await device.say("two")
    before = await device.log()
    answer = await device.post("/forks", {"at": 3, "name": "Without the cap"})
    assert answer.status_code == 201
    task_id = answer.json()["task_id"]
    origin = {"task_id": TASK, "seq": 3}
    made = {"task_id": task_id, "name": "Without the cap", "status": "open", "epoch": 1, "head": 4}
    assert answer.json() == {**made, "forked_from": origin}
    forked = store.device(task_id=task_id)
    task = await forked.read()
    assert {name: task[name] for name in answer.json()} == answer.json()
    assert (task["owner"], task["name_source"], task["access"]) == (OWNER, "person", "write")
    await forked.say("three, otherwise")
    await forked.put("draft", item("second, otherwise"), version=1)
    await device.say("three")
    log = await forked.log()
    assert [found["seq"] for found in log] == [1, 2, 3, 4, 5, 6]
    assert log[:3] == before[:3]
    assert texts(log) == ["one", "three, otherwise"]
    assert log[3]["kind"] == "task.forked"
    assert log[3]["body"] == {
        "parent_task_id": TASK,
        "parent_seq": 3,
        "task_id": task_id,
        "owner": OWNER,
        "name": "Without the cap",
        "name_source": "person",
        "status": "open",
        "epoch": 1,
        "sensitivity": "normal",
        "budget": None,
    }
    original = await device.log()
    assert original[:4] == before
    assert texts(original) == ["one", "two", "three"]
    assert original[4]["body"] == {"task_id": task_id, "parent_task_id": TASK, "parent_seq": 3}
    assert (await device.read("/working-set/draft"))["title"] == "first"
    assert (await device.read())["forked_from"] is None


async def test_reads_cross_the_place_where_a_task_was_forked(store: StoreWorld) -> None:
    device = store.device()
    for number in range(4):
        await device.say(f"parent {number}")
    child = await fork(device, 3)
    for number in range(3):
        await child.say(f"child {number}")
    grandchild = await fork(child, 6)
    await grandchild.say("grandchild")
    expected = ["parent 0", "parent 1", "child 0", "child 1", "grandchild"]
    assert texts(await grandchild.log()) == expected
    for after in range(8):
        page = await grandchild.read(f"/events?after={after}&limit=3")
        assert [found["seq"] for found in page["events"]] == list(range(after + 1, min(after + 3, 8) + 1))
    resume = await grandchild.read("/resume")
    assert texts(resume["events"]) == expected
    assert (resume["cursor"], resume["task"]["forked_from"]["seq"]) == (8, 6)
    async with grandchild.follow(query="after=0") as stream:
        assert (await stream.start())[0] == 200
        assert texts(await stream.events(8)) == expected
    ahead = await grandchild.get("/events?after=9")
    assert (ahead.status_code, ahead.json()["head"]) == (409, 8)


async def test_a_fork_of_a_shared_point_is_a_fork_of_the_task_that_holds_it(store: StoreWorld) -> None:
    device = store.device()
    for number in range(4):
        await device.say(f"parent {number}")
    child = await fork(device, 4)
    sibling = await fork(child, 2)
    assert (await sibling.read())["forked_from"] == {"task_id": TASK, "seq": 2}
    assert texts(await sibling.log()) == ["parent 0"]
    assert [found["body"]["task_id"] for found in await child.log() if found["kind"] == "task.forked"] == [
        child.claims["task_id"],
        sibling.claims["task_id"],
    ]
    shared = await store.database.read(lambda connection: lineage.living_forks(connection, TASK))
    none = await store.database.read(lambda connection: lineage.living_forks(connection, child.claims["task_id"]))
    assert (shared, none) == (4, None)


async def test_the_working_set_of_a_fork_is_what_it_was_and_goes_its_own_way(store: StoreWorld) -> None:
    device = store.device()
    await device.put("kept", item("kept"))
    await device.put("changed", item("changed 1"))
    await device.put("deleted", item("deleted 1"))
    await device.send("DELETE", "/working-set/deleted", headers={"If-Match": '"1"'})
    await device.put("changed", item("changed 2"), version=1)
    then = await device.read("/working-set?as_of=5")
    await device.put("changed", item("changed 3"), version=2)
    await device.put("later", item("later"))
    child = await fork(device, 5)
    assert (await child.read("/working-set"))["items"] == then["items"]
    assert (await child.read("/resume"))["working_set"] == then["items"]
    assert await child.read("/working-set/changed") == then["items"][0]
    for seq in range(6):
        assert await child.read(f"/working-set?as_of={seq}") == await device.read(f"/working-set?as_of={seq}")
    assert (await child.put("changed", item("stale"), version=2)).status_code == 412
    assert (await child.put("changed", item("changed otherwise"), version=1)).json()["version"] == 2
    again = await child.put("deleted", item("deleted otherwise"))
    assert again.json()["version"] == 3
    versions = (await child.read("/working-set/changed/versions"))["versions"]
    assert [(found["version"], found["title"]) for found in versions] == [(2, "changed otherwise"), (1, "changed 1")]
    deleted = (await child.read("/working-set/deleted/versions"))["versions"]
    assert [(found["version"], found["deleted"]) for found in deleted] == [(3, False), (2, True), (1, False)]
    grandchild = await fork(child)
    assert (await grandchild.read("/working-set"))["items"] == (await child.read("/working-set"))["items"]
    assert (await child.send("DELETE", "/working-set/kept", headers={"If-Match": '"1"'})).status_code == 204
    assert (await grandchild.read("/working-set/kept"))["title"] == "kept"
    assert [found["title"] for found in (await device.read("/working-set"))["items"]] == ["changed 3", "kept", "later"]


async def test_an_items_versions_are_told_in_pages_across_the_fork(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("1"))
    for version in range(1, 8):
        await device.put("draft", item(str(version + 1)), version=version)
    child = await fork(device, 7)
    for version in range(6, 14):
        await child.put("draft", item(str(version + 1)), version=version)
    page = await child.read("/working-set/draft/versions")
    rest = await child.read(f"/working-set/draft/versions?before={page['next_before']}")
    told = [found["title"] for found in page["versions"] + rest["versions"]]
    assert (told, rest["next_before"]) == ([str(version) for version in range(14, 0, -1)], None)


async def test_the_words_of_a_person_whose_key_is_destroyed_are_gone_in_every_fork(store: StoreWorld) -> None:
    device = store.device()
    await device.say("the words")
    await device.put("draft", item("the title"))
    child = await fork(device)
    grandchild = await fork(child)
    await child.say("later words")
    assert "the words" in texts(await grandchild.log())
    destroy = sa.update(tables.data_keys).where(tables.data_keys.c.task_id == TASK).values(wrapped=None, destroyed_at=1)
    await store.database.write(lambda connection: connection.execute(destroy).rowcount)
    for forked in (child, grandchild):
        log = await forked.log()
        assert [found["body"] for found in log[:3]] == [{}, {}, {}]
        assert [found["title"] for found in (await forked.read("/working-set"))["items"]] == [""]
        assert (await forked.read("/working-set/draft/versions"))["versions"][0]["title"] == ""
    assert texts((await child.log())[4:]) == ["later words"]


@pytest.mark.requirement("XD-TASK-08")
async def test_no_authority_and_no_work_in_flight_goes_along(store: StoreWorld) -> None:
    device = store.device()
    call_id, fence = await device.running("irreversible")
    child = await fork(device)
    for path in ("", "/events", "/resume", "/working-set"):
        address = f"/tasks/{child.claims['task_id']}{path}"
        assert (await device.get(address)).status_code == 404
        assert (await child.get(f"{device.task}{path}")).status_code == 404
    assert (await child.read("/tool-calls"))["tool_calls"] == []
    assert (await child.read("/resume"))["tool_calls"] == []
    assert (await child.get(f"/tool-calls/{call_id}")).status_code == 404
    for verb, body in (("claim", {"lease": 30}), ("cancel", {}), ("complete", {"fence": fence, "result": 1})):
        assert (await child.step(call_id, verb, **body)).status_code == 404
    assert "tool_call.started" in [found["kind"] for found in await child.log()]
    done = await device.step(call_id, "complete", fence=fence, result={"once": True})
    assert done.status_code == 200


@pytest.mark.requirement("XD-TASK-08")
async def test_the_customer_alone_forks_and_alone_takes_part(store: StoreWorld) -> None:
    owner = store.device()
    joined = store.device(sub="usr_agent")
    row = {"task_id": TASK, "sub": "usr_agent", "from_seq": 1, "role": "human_agent", "granted_by": OWNER}
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.participants), row).rowcount)
    refused = await joined.post("/forks", {"name": "Mine"})
    assert (refused.status_code, refused.json()["type"]) == (403, f"{PROBLEM}not-your-role")
    reader = store.device(actions={"task:read", "events:read"})
    assert (await reader.post("/forks", {"name": "Mine"})).status_code == 403
    child = await fork(owner)
    people = (await child.read("/participants"))["participants"]
    assert [(found["sub"], found["role"], found["from_seq"]) for found in people] == [(OWNER, "customer", 2)]
    stranger = store.device(sub="usr_agent", task_id=child.claims["task_id"])
    assert (await stranger.get()).status_code == 404


async def test_one_idempotency_key_is_one_fork(store: StoreWorld) -> None:
    device = store.device()
    answers = [await device.post("/forks", {"name": "Once"}, key="k") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    other = await device.post("/forks", {"name": "Twice"}, key="k")
    assert other.status_code == 422
    raced = await asyncio.gather(*(device.post("/forks", {"name": "Raced"}, key="r") for _ in range(4)))
    assert len({answer.json()["task_id"] for answer in raced}) == 1
    assert [found["kind"] for found in await device.log()].count("task.forked") == 2


async def test_a_fork_is_a_task_of_the_person_with_a_budget_and_an_audit_of_its_own(store: StoreWorld) -> None:
    device = store.device()
    budget = {"unit": "tokens", "limit": 5, "while_present": True}
    await device.send("PATCH", "", json={"budget": budget}, headers={"If-Match": '"1"'})
    child = await fork(device, name="Without the cap")
    assert (await child.read())["budget"] == budget
    cards = (await store.cards("GET")).json()["cards"]
    assert {card["task_id"]: card["name"] for card in cards}[child.claims["task_id"]] == "Without the cap"
    told = {"task_id": child.claims["task_id"], "parent_task_id": TASK, "parent_seq": 2}
    for forked, about in ((device, told), (child, {**told, "owner": OWNER, "epoch": 1})):
        entries = (await forked.read("/audit"))["entries"]
        assert [entry["about"] for entry in entries if entry["kind"] == "task.forked"] == [about]


async def test_what_becomes_of_one_does_not_matter_to_the_other(store: StoreWorld) -> None:
    device = store.device()
    await device.say("shared")
    child = await fork(device)
    for to in ("paused", "closed"):
        assert (await device.post("/status", {"to": to})).status_code == 200
    assert (await child.say("goes on")).status_code == 201
    moved = device.after_move(2)
    assert (await moved.get()).status_code == 200
    assert (await device.say("late")).status_code == 409
    assert (await child.say("goes on")).status_code == 201
    assert (await child.after_move(2).get()).status_code == 200
    assert (await moved.read())["epoch"] == 2
    late = await fork(moved, 2)
    assert (await late.say("also from what was closed")).status_code == 201


async def test_a_fork_of_nothing_is_refused(store: StoreWorld) -> None:
    device = store.device()
    ahead = await device.post("/forks", {"name": "x", "at": 2})
    assert (ahead.status_code, ahead.json()["type"], ahead.json()["head"]) == (409, f"{PROBLEM}cursor-ahead", 1)
    for wrong in ({}, {"name": ""}, {"name": "x", "at": 0}, {"name": "x", "at": "1"}, {"name": "x", "to": 1}):
        assert (await device.post("/forks", wrong)).status_code == 400
    assert (await device.post("/forks", {"name": "two\nlines"})).status_code == 400
    assert (await device.after_move(2).get()).status_code == 200
    assert (await device.post("/forks", {"name": "x"})).status_code == 409


async def test_there_is_a_bound_to_forks_and_to_forks_of_forks(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue_resource.stores.history.forks.MOST", 2)
    monkeypatch.setattr("segue_resource.stores.history.forks.DEEPEST", 2)
    device = store.device()
    children = [await fork(device) for _ in range(2)]
    third = await device.post("/forks", {"name": "x"})
    assert (third.status_code, third.json()["limits"]) == (422, {"forks": 2, "depth": 2})
    grandchild = await fork(children[0])
    assert (await grandchild.post("/forks", {"name": "x"})).status_code == 422
    assert (await children[1].post("/forks", {"name": "x"})).status_code == 201


async def test_an_item_of_a_former_release_goes_along_with_its_size(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("Überschrift", body="zwei"))
    forget = sa.update(tables.working_set_versions).values(size=None)
    await store.database.write(lambda connection: connection.execute(forget).rowcount)
    child = await fork(device)
    sizes = sa.select(tables.working_set_items.c.size).where(
        tables.working_set_items.c.task_id == child.claims["task_id"]
    )
    found = await store.database.read(lambda connection: connection.execute(sizes).scalar_one())
    assert found == len("Überschrift".encode()) + 4


async def test_a_page_of_a_fork_is_bounded_on_both_sides_of_the_fork(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/events", {"events": [event("x" * 200_000)]})
    for _ in range(3):
        await device.post("/events", {"events": [event("x" * 200_000)]})
    child = await fork(device)
    for _ in range(3):
        await child.post("/events", {"events": [event("x" * 200_000)]})
    page = await child.read("/events?limit=1000")
    assert [found["seq"] for found in page["events"]] == [1, 2, 3, 4, 5, 6]
    rest = await child.read(f"/events?after={page['next_after']}&limit=1000")
    assert [found["seq"] for found in rest["events"]] == [7, 8, 9]
