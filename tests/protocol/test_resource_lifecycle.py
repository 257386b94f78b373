"""The life of a task over HTTP: what may follow on what, and what rests while the task does."""

import asyncio
from typing import Any

import pytest
from participating import join
from resource_world import TASK, Device, StoreWorld, event, item, texts

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T6", "R26")]

PROBLEM = "urn:segue:problem:"
WAY = {
    "open": [],
    "active": ["active"],
    "paused": ["active", "paused"],
    "resumed": ["active", "paused", "resumed"],
    "closed": ["active", "closed"],
    "archived": ["closed", "archived"],
}
LEGAL = {
    "open": {"active", "paused", "closed"},
    "active": {"paused", "closed"},
    "paused": {"active", "resumed", "closed"},
    "resumed": {"active", "paused", "closed"},
    "closed": {"archived"},
    "archived": set(),
}

CALL = "/tool-calls/{call_id}"
BEGINS = {
    ("POST", "/events"),
    *((method, "/working-set/{item_id}") for method in ("PUT", "PATCH", "DELETE")),
    ("POST", "/tool-calls"),
    *(("POST", f"{CALL}/{verb}") for verb in ("claim", "start")),
    ("POST", "/name-proposals"),
    ("POST", "/handoffs"),
    ("POST", "/handoffs/{handoff_id}/accept"),
    ("POST", "/drafts"),
    ("PATCH", "/drafts/{draft_id}"),
    *((method, "/artifacts/{path:path}") for method in ("PUT", "DELETE")),
    ("PATCH", "/uploads/{upload_id}"),
    ("POST", "/rollbacks"),
}
GOES_ON = {
    ("PATCH", ""),
    ("POST", "/status"),
    ("DELETE", "/name-proposals/{seq}"),
    ("POST", "/sessions"),
    ("DELETE", "/sessions/{session_id}"),
    *(("POST", f"{CALL}/{verb}") for verb in ("approve", "deny", "heartbeat", "complete", "fail", "cancel")),
    *(("POST", f"{CALL}/{verb}") for verb in ("probe", "reconcile", "settle")),
    *(("POST", f"/handoffs/{{handoff_id}}/{verb}") for verb in ("decline", "return", "cancel")),
    ("POST", "/invitations"),
    ("DELETE", "/invitations/{invitation_id}"),
    ("POST", "/participants/leave"),
    ("DELETE", "/participants/{sub}"),
    ("POST", "/drafts/{draft_id}/interrupt"),
    ("PUT", "/presence"),
    ("POST", "/forks"),
    ("POST", "/corrections"),
    ("POST", "/compactions"),
    ("POST", "/usage"),
    ("POST", "/erasures"),
    ("POST", "/search"),
    *(("POST", f"/state{rest}") for rest in ("", "/read")),
    *((method, "/uploads/{upload_id}") for method in ("HEAD", "DELETE")),
}


async def change(device: Device, to: str, reason: str | None = None) -> Any:
    return await device.post("/status", {"to": to} | ({} if reason is None else {"reason": reason}))


async def bring(device: Device, status: str) -> None:
    for to in WAY[status]:
        assert (await change(device, to)).status_code == 200


@pytest.mark.parametrize("status", WAY)
async def test_from_each_status_the_legal_ones_follow_and_no_others(store: StoreWorld, status: str) -> None:
    for number, to in enumerate(WAY):
        task_id = f"tsk_{number}"
        await store.begin(task_id)
        device = store.device(task_id=task_id)
        await bring(device, status)
        before = await device.log()
        answer = await change(device, to, "because")
        if to in LEGAL[status]:
            assert (answer.status_code, answer.json()["status"]) == (200, to)
            told = (await device.log())[-1]
            assert told["kind"] == "task.status_changed"
            assert told["body"] == {"from": status, "to": to, "reason": "because"}
            assert told["actor"]["device_id"] == device.device_id
        else:
            problem = answer.json()
            assert (answer.status_code, problem["type"]) == (409, f"{PROBLEM}illegal-transition")
            assert (problem["task_status"], set(problem["allowed"])) == (status, LEGAL[status])
            assert await device.log() == before
        assert (await device.read())["status"] == (await device.read("/resume"))["task"]["status"]


async def test_of_many_who_change_the_status_at_once_one_does(store: StoreWorld) -> None:
    device = store.device()
    await bring(device, "active")
    answers = await asyncio.gather(*(change(device, "paused") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert [found["kind"] for found in await device.log()].count("task.status_changed") == 2


async def test_a_repeated_change_is_answered_like_the_first(store: StoreWorld) -> None:
    device = store.device()
    for replayed in (None, "true"):
        answer = await device.post("/status", {"to": "paused"}, key="k")
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (200, replayed)


@pytest.mark.requirement("T15")
async def test_the_customer_alone_changes_the_status(store: StoreWorld) -> None:
    for role in ("agent", "human_agent", "supervisor"):
        refused = await change(await join(store, role, sub=f"usr_{role}"), "paused")
        assert (refused.status_code, refused.json()["type"]) == (403, f"{PROBLEM}not-your-role")
    assert (await change(store.device(), "paused")).status_code == 200


async def test_who_may_not_write_the_task_changes_nothing(store: StoreWorld) -> None:
    device = store.device(actions={"task:read", "events:append"})
    assert (await change(device, "paused")).status_code == 403
    for wrong in ({}, {"to": "deleted"}, {"to": "paused", "reason": ""}, {"to": "paused", "reason": "x" * 501}):
        assert (await store.device().post("/status", wrong)).status_code == 400
    moved = store.device().after_move(2)
    await moved.get()
    assert (await change(store.device(), "paused")).json()["type"] == f"{PROBLEM}stale-epoch"
    assert (await moved.read())["status"] == "open"


async def beginnings(device: Device, *, call_id: str, claimed: tuple[str, str]) -> dict[str, Any]:
    """One request for everything that begins something new."""
    call = {"tool": "t", "title": "T", "arguments": {}, "effect": "pure"}
    return {
        "append": await device.say("more work"),
        "append for the agent too": await device.post(
            "/events", {"events": [event("mine", role="customer"), event("its", role="agent")]}
        ),
        "create": await device.put("new", item()),
        "replace": await device.put("draft", item("other"), version=1),
        "patch": await device.send(
            "PATCH",
            "/working-set/draft",
            json={"title": "x"},
            headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
        ),
        "propose a name": await device.post("/name-proposals", {"name": "Better"}),
        "hand over": await device.post("/handoffs", {"mode": "cold", "to_role": "human_agent", "reason": "r"}),
        "draft": await device.post("/drafts", {"role": "agent"}),
        "delete": await device.send("DELETE", "/working-set/draft", headers={"If-Match": '"1"'}),
        "propose": await device.post("/tool-calls", call),
        "claim": await device.step(call_id, "claim"),
        "start": await device.step(claimed[0], "start", fence=claimed[1]),
    }


async def test_while_the_task_rests_nothing_new_begins(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    ready, taken = await device.propose(), await device.propose()
    fence = (await device.step(taken, "claim")).json()["fence"]
    await change(device, "paused")
    before = await device.log()
    for what, answer in (await beginnings(device, call_id=ready, claimed=(taken, fence))).items():
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (423, f"{PROBLEM}not-active"), what
        assert problem["task_status"] == "paused"
    assert await device.log() == before
    await change(device, "resumed")
    assert (await device.step(taken, "start", fence=fence)).status_code == 200
    assert (await device.say("again")).status_code == 201


async def test_every_write_is_known_to_begin_something_or_not(store: StoreWorld) -> None:
    """Whoever adds an address says which, and asks `require_working` or `require_not_ended` accordingly."""
    writes = {
        (method, address.path.removeprefix("/tasks/{task_id}"))
        for address in store.app.state.addresses
        if address.path.startswith("/tasks/{task_id}")
        for method in address.methods - {"GET"}
    }
    assert writes == BEGINS | GOES_ON


@pytest.mark.requirement("T9")
async def test_the_result_of_a_call_that_runs_is_accepted_while_the_task_rests(store: StoreWorld) -> None:
    device = store.device()
    calls = [await device.running() for _ in range(3)]
    await change(device, "paused")
    (one, fence), (two, second), (three, third) = calls
    assert (await device.step(one, "heartbeat", fence=fence)).status_code == 200
    assert (await device.step(one, "complete", fence=fence, result=1)).status_code == 200
    assert (await device.step(two, "fail", fence=second, error="no")).status_code == 200
    assert (await device.step(three, "cancel", fence=third)).status_code == 200
    assert (await device.read("/resume"))["tool_calls"] == []


@pytest.mark.requirement("R57")
async def test_what_the_person_says_while_the_task_rests_is_kept(store: StoreWorld) -> None:
    device = store.device()
    await change(device, "paused")
    mine = await device.post("/events", {"events": [event("one more thing", role="customer")]})
    assert mine.status_code == 201
    assert texts(await device.log()) == ["one more thing"]
    assert (await device.post("/sessions", {"name": "Tab", "transport": "web"})).status_code == 201


@pytest.mark.requirement("R22")
async def test_a_closed_task_is_kept_as_it_was_and_can_be_read(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    await device.say("the last word")
    await change(device, "closed", "done")
    for to in (None, "archived"):
        if to:
            await change(device, to)
        view = await device.read("/resume")
        assert (view["working_set"][0]["item_id"], view["task"]["status"]) == ("draft", to or "closed")
        assert "the last word" in texts(await device.log())
        renaming = await device.send("PATCH", "", json={"name": "Later"}, headers={"If-Match": '"1"'})
        word = await device.post("/events", {"events": [event("x", role="customer")]})
        assert {answer.status_code for answer in (renaming, word, await device.say("x"))} == {423}
        assert (await device.post("/sessions", {"name": "Auditor", "transport": "web"})).status_code == 201


@pytest.mark.requirement("T9", "R22")
async def test_a_task_is_closed_once_every_call_has_ended(store: StoreWorld) -> None:
    device = store.device()
    call_id, fence = await device.running()
    waiting = await device.propose("irreversible")
    refused = await change(device, "closed")
    assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}unsettled")
    assert [(call["call_id"], call["state"]) for call in refused.json()["tool_calls"]] == [
        (call_id, "running"),
        (waiting, "proposed"),
    ]
    await device.step(call_id, "complete", fence=fence, result=1)
    assert (await change(device, "closed")).status_code == 409
    await device.step(waiting, "cancel")
    assert (await change(device, "closed")).status_code == 200


@pytest.mark.requirement("T9", "R38")
async def test_work_goes_on_once_what_nobody_knows_the_outcome_of_is_settled(store: StoreWorld) -> None:
    device = store.device()
    call_id, _ = await device.running("irreversible", lease=5)
    await bring(device, "resumed")
    await store.later(5)
    for claimed in (False, True):
        if claimed:
            assert (await device.step(call_id, "claim")).json()["type"] == f"{PROBLEM}outcome-unknown"
        refused = await change(device, "active")
        assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}unsettled")
        assert [call["call_id"] for call in refused.json()["tool_calls"]] == [call_id]
    assert (await device.read())["status"] == "resumed"
    await device.step(call_id, "cancel")
    assert (await change(device, "active")).status_code == 200


@pytest.mark.requirement("T4", "R5")
async def test_the_list_of_open_tasks_has_all_that_have_not_ended(store: StoreWorld) -> None:
    for status in WAY:
        await store.begin(f"tsk_{status}", name=status)
        await bring(store.device(task_id=f"tsk_{status}"), status)
    cards = {card["name"]: card["state"] for card in (await store.cards("GET")).json()["cards"]}
    del cards["Acme contract revision"]
    assert cards == {
        "open": "Nothing written down yet",
        "active": "Nothing written down yet",
        "paused": "Paused",
        "resumed": "Resumed",
    }
    await store.device().put("courts", item(type="question", status="open"))
    await change(store.device(), "paused")
    assert (await store.cards("GET", f"/{TASK}")).json()["state"] == "Paused, 1 open question"
    assert (await store.cards("GET", "/tsk_closed")).json()["state"] == "Closed"
