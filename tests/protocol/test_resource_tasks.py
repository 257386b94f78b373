"""Tasks over HTTP: whose they are, what moving them does, who is there, and what one reads on coming back."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import NAME, OWNER, TASK, StoreWorld, event, item, texts
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

PROBLEM = "urn:segue:problem:"


@pytest.mark.requirement("T1", "R1", "R2", "R5")
async def test_a_token_opens_its_task_and_lists_no_other(store: StoreWorld) -> None:
    await store.begin("tsk_other", name="Another")
    device = store.device()
    task = {
        "task_id": TASK,
        "name": NAME,
        "name_source": "agent_proposed",
        "name_proposal": None,
        "status": "open",
        "budget": None,
        "owner": OWNER,
        "epoch": 1,
        "head": 1,
        "version": 1,
        "created_at": store.now,
        "access": "write",
        "forked_from": None,
    }
    shown = await device.get()
    assert (shown.json(), shown.headers["ETag"], shown.headers["Task-Head"]) == (task, '"1"', "1")
    assert (await device.send("GET", "/tasks")).json() == {"tasks": [task]}


@pytest.mark.requirement("A5", "R37", "R39", "T24")
async def test_a_foreign_task_and_a_missing_one_are_the_same_404_everywhere(store: StoreWorld) -> None:
    await store.begin("tsk_foreign", sub="usr_stranger")
    owner_of_nothing = store.device(task_id="tsk_missing")
    thief = store.device(task_id="tsk_foreign")  # the issuer would have to be wrong, and still
    elsewhere = store.device()  # the path names another task than the token
    seen = set()
    for method, path, content in _EVERYTHING:
        for device, task_id in ((owner_of_nothing, "tsk_missing"), (thief, "tsk_foreign"), (elsewhere, "tsk_foreign")):
            headers = {"If-Match": '"1"'} if method in ("PUT", "PATCH", "DELETE") else {}
            address = f"/tasks/{task_id}{path.format(call='call_1')}"
            answer = await device.send(method, address, json=content, headers=headers)
            seen.add((answer.status_code, answer.text, "Task-Head" in answer.headers))
    assert len(seen) == 1
    status, text, _ = seen.pop()
    assert (status, f"{PROBLEM}not-found" in text) == (404, True)
    log = await store.device(task_id="tsk_foreign", sub="usr_stranger").log()
    assert [found["kind"] for found in log] == ["task.created"]


@pytest.mark.requirement("T15")
async def test_who_took_part_once_is_a_stranger_now(store: StoreWorld) -> None:
    device = store.device()
    await device.say("mine")
    gone = sa.update(tables.participants).values(to_seq=2)
    await store.database.write(lambda connection: connection.execute(gone).rowcount)
    assert (await device.get()).status_code == 404
    assert (await device.say("still mine?")).status_code == 404


@pytest.mark.requirement("A9", "U1", "R12")
async def test_the_first_request_after_a_move_fences_the_old_device_even_if_it_only_reads(store: StoreWorld) -> None:
    for epoch, path in enumerate(("", "/resume", "/events", "/working-set", "/tool-calls", "/sessions"), start=2):
        desktop = store.device(epoch=epoch - 1)
        assert (await desktop.say("still here")).status_code == 201
        assert (await desktop.after_move(epoch).get(path)).status_code == 200
        refused = await desktop.say("too late")
        assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}stale-epoch")
    log = await desktop.log()
    assert "too late" not in texts(log)
    assert [found["body"]["epoch"] for found in log if found["kind"] == "task.moved"] == list(range(2, 8))


@pytest.mark.requirement("A9")
async def test_a_first_write_that_is_refused_fences_too(store: StoreWorld) -> None:
    desktop = store.device()
    await desktop.put("draft", item())
    assert (await desktop.after_move(2).put("draft", item())).status_code == 412
    assert (await desktop.put("draft", item(), version=1)).json()["type"] == f"{PROBLEM}stale-epoch"


@pytest.mark.requirement("A9")
async def test_every_write_of_the_device_left_behind_is_refused_and_every_read_allowed(store: StoreWorld) -> None:
    desktop = store.device()
    call_id = await desktop.propose("irreversible")
    await desktop.put("draft", item())
    await desktop.after_move(2).get()
    before = await desktop.log()
    for method, path, content in _EVERYTHING:
        headers = {"If-Match": '"1"'} if method in ("PUT", "PATCH", "DELETE") else {}
        answer = await desktop.send(method, path.format(call=call_id), json=content, headers=headers)
        if method == "GET":
            assert answer.status_code == 200, path
        elif "/sessions" not in path and "/missing" not in path:
            assert (answer.status_code, answer.json()["type"]) == (409, f"{PROBLEM}stale-epoch"), path
    assert (await desktop.read())["access"] == "read"
    changes = [found["kind"] for found in (await desktop.log())[len(before) :]]
    assert set(changes) <= {"session.joined", "tool_call.refused"}


@pytest.mark.requirement("A9", "T7")
async def test_a_move_is_logged_once_however_many_requests_bring_it(store: StoreWorld) -> None:
    phone = store.device().after_move(2)
    phone.nonce = (await store.device().get()).headers["DPoP-Nonce"]
    answers = await asyncio.gather(*(phone.say(str(n)) if n % 2 else phone.get("/resume") for n in range(12)))
    assert {answer.status_code for answer in answers} == {200, 201}
    log = await phone.log()
    assert [found["kind"] for found in log].count("task.moved") == 1
    assert [found["seq"] for found in log] == list(range(1, 9))
    assert log[1]["kind"] == "task.moved"


@pytest.mark.requirement("A9")
async def test_a_write_that_raced_with_the_move_is_before_it_or_not_at_all(store: StoreWorld) -> None:
    desktop = store.device()
    await desktop.get()
    phone = desktop.after_move(2)
    phone.nonce = desktop.nonce
    said = [desktop.say(str(n)) for n in range(8)]
    answers = await asyncio.gather(*said[:4], phone.get(), *said[4:])
    log = await phone.log()
    moved = [found["kind"] for found in log].index("task.moved")
    assert all(found["kind"] != "message" for found in log[moved:])
    assert len(texts(log)) == sum(answer.status_code == 201 for answer in answers)


@pytest.mark.requirement("T1", "R2")
async def test_the_person_renames_the_task_once_they_have_seen_its_name(store: StoreWorld) -> None:
    device = store.device()
    assert (await device.send("PATCH", "", json={"name": "New"})).status_code == 428
    renamed = await device.send("PATCH", "", json={"name": "Neuer Name ✓"}, headers={"If-Match": '"1"'})
    assert (renamed.status_code, renamed.headers["ETag"]) == (200, '"2"')
    assert (renamed.json()["name"], renamed.json()["name_source"]) == ("Neuer Name ✓", "person")
    late = await device.send("PATCH", "", json={"name": "Late"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["current"]["name"]) == (412, "Neuer Name ✓")
    assert (await device.read())["name"] == "Neuer Name ✓"
    assert (await device.log())[-1]["body"] == {
        "name": "Neuer Name ✓",
        "name_source": "person",
        "proposal_seq": None,
    }
    reader = store.device(actions={"task:read"})
    assert (await reader.send("PATCH", "", json={"name": "x"}, headers={"If-Match": '"2"'})).status_code == 403


@pytest.mark.requirement("T1")
async def test_a_name_that_could_deceive_is_refused(store: StoreWorld) -> None:
    device = store.device()
    for name in ("", " x", "a\nb", "a\u202eb", "\u200d", "x" * 201, "a\x00b", 7, None):
        answer = await device.send("PATCH", "", json={"name": name}, headers={"If-Match": '"1"'})
        assert answer.status_code == 400, name
        assert (await device.post("/sessions", {"name": name, "transport": "web"})).status_code == 400, name
    assert (await device.read())["name"] == NAME


@pytest.mark.requirement("T2", "R4", "R7", "R58")
async def test_sessions_say_which_device_was_there_and_when(store: StoreWorld) -> None:
    desktop = store.device()
    joined = await desktop.post("/sessions", {"name": "Desktop", "transport": "web"})
    session = joined.json()
    assert joined.status_code == 201
    assert session == {
        "session_id": session["session_id"],
        "task_id": TASK,
        "name": "Desktop",
        "transport": "web",
        "sub": OWNER,
        "client_id": "test-client",
        "device_id": desktop.device_id,
        "started_at": store.now,
        "last_seen_at": store.now,
        "ended_at": None,
        "joined_seq": 2,
        "transfer_id": None,
        "connection_id": None,
    }
    phone = desktop.after_move(2)
    await phone.post("/sessions", {"name": "Phone", "transport": "sse"})
    await store.later(60)
    await phone.get("/resume")
    forbidden = await phone.send("DELETE", f"/sessions/{session['session_id']}")
    assert (forbidden.status_code, forbidden.json()["type"]) == (403, f"{PROBLEM}not-your-session")
    ended = [await desktop.send("DELETE", f"/sessions/{session['session_id']}") for _ in range(2)]
    assert [answer.status_code for answer in ended] == [204, 204]
    assert (await desktop.send("DELETE", "/sessions/ses_missing")).status_code == 404
    sessions = (await phone.read("/sessions"))["sessions"]
    assert [(found["name"], found["ended_at"], found["transfer_id"]) for found in sessions] == [
        ("Phone", None, "trf_1"),
        ("Desktop", store.now, None),
    ]
    assert [found["name"] for found in (await phone.read("/resume"))["sessions"]] == ["Phone"]
    assert [found["kind"] for found in await phone.log()][1:] == [
        *("session.joined", "task.moved", "session.joined", "session.left")
    ]


@pytest.mark.requirement("T2")
async def test_a_session_that_writes_was_seen(store: StoreWorld) -> None:
    device = store.device()
    session_id = (await device.post("/sessions", {"name": "Desktop", "transport": "web"})).json()["session_id"]
    for seconds, seen in ((59, 0), (1, 60), (30, 60), (30, 120)):
        await store.later(seconds)
        await device.post("/events", {"events": [event("x")], "session_id": session_id})
        (session,) = (await device.read("/sessions"))["sessions"]
        assert session["last_seen_at"] - session["started_at"] == seen


@pytest.mark.requirement("T4", "T5", "R6", "R38", "R54", "U1")
async def test_resume_is_all_a_device_needs_to_go_on(store: StoreWorld) -> None:
    desktop = store.device()
    await desktop.say("hello")
    await desktop.put("draft", item("Draft of clauses 7 and 8", type="document", status="open"))
    await desktop.put("law", item("Whose courts decide?", type="question", status="open"))
    call_id, _ = await desktop.running()
    finished, fence = await desktop.running()
    await desktop.step(finished, "complete", fence=fence, result=1)
    phone = desktop.after_move(2)
    view = await phone.read("/resume")
    assert view["greeting"] == f"You were working on {NAME} - pick up where you left off?"
    assert view["paragraph"] == (
        "One document is in progress: Draft of clauses 7 and 8. One question is open: Whose courts decide?"
        " One tool call is running: Compare the clauses."
    )
    assert [found["item_id"] for found in view["working_set"]] == ["draft", "law"]
    assert [call["call_id"] for call in view["tool_calls"]] == [call_id]
    assert view["events"] == await phone.log()
    assert view["cursor"] == view["task"]["head"] == len(view["events"])
    assert (view["task"]["epoch"], view["task"]["access"]) == (2, "write")
    async with phone.follow(last_event_id=view["cursor"]) as stream:
        await stream.start()
        await phone.say("go on")
        assert texts(await stream.events(1)) == ["go on"]


@pytest.mark.requirement("T5", "R54", "R61")
async def test_resume_is_one_state_of_the_task_while_others_write(store: StoreWorld) -> None:
    writer, reader = store.device(), store.device()
    await writer.put("count", item("0"))
    await reader.get()

    async def write() -> None:
        for n in range(1, 25):
            await writer.put("count", item(str(n)), version=n)

    writing = asyncio.create_task(write())
    while not writing.done():
        view = await reader.read("/resume")
        (count,) = view["working_set"]
        assert view["cursor"] == view["task"]["head"] == view["events"][-1]["seq"] == count["version"] + 1
        assert count["title"] == view["events"][-1]["body"]["title"]
    await writing


@pytest.mark.requirement("T5", "R47")
async def test_resume_shows_the_last_fifty_events_and_fewer_when_they_are_large(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/events", {"events": [event(str(n)) for n in range(100)]})
    view = await device.read("/resume")
    assert [found["seq"] for found in view["events"]] == list(range(52, 102))
    for n in range(3):
        big = {"kind": "message", "role": "agent", "body": {"text": str(n) * 100_000}}
        await device.post("/events", {"events": [big]})
    assert [found["seq"] for found in (await device.read("/resume"))["events"]] == [103, 104]
    await device.post("/events", {"events": [{**big, "body": {"text": "x" * 250_000}}]})
    assert [found["seq"] for found in (await device.read("/resume"))["events"]] == [105]


@pytest.mark.requirement("R19", "R24", "T8")
async def test_nothing_of_a_task_lives_in_the_process(store: StoreWorld) -> None:
    device = store.device()
    await device.say("kept")
    await device.put("draft", item())
    call_id, fence = await device.running()
    before = await device.read("/resume")
    await store.restart()
    assert await device.read("/resume") == before
    assert (await device.step(call_id, "complete", fence=fence, result=1)).status_code == 200


_EVERYTHING: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("GET", "/resume", None),
    ("GET", "/sessions", None),
    ("GET", "/events", None),
    ("GET", "/working-set", None),
    ("GET", "/working-set?as_of=1", None),
    ("GET", "/working-set/draft/versions", None),
    ("GET", "/tool-calls", None),
    ("PATCH", "", {"name": "Mine now"}),
    ("PATCH", "", {"budget": None}),
    ("POST", "/name-proposals", {"name": "Mine now"}),
    ("DELETE", "/name-proposals/1", None),
    ("POST", "/status", {"to": "paused"}),
    ("POST", "/sessions", {"name": "Thief", "transport": "web"}),
    ("DELETE", "/sessions/ses_missing", None),
    ("POST", "/events", {"events": [event("mine now")]}),
    ("PUT", "/working-set/draft", item()),
    ("DELETE", "/working-set/draft", None),
    ("POST", "/tool-calls", {"tool": "x", "title": "x", "arguments": {}, "effect": "pure"}),
    *(
        ("POST", f"/tool-calls/{{call}}/{verb}", content)
        for verb, content in {
            "approve": {},
            "claim": {"lease": 60},
            "start": {"fence": "1.1"},
            "heartbeat": {"fence": "1.1"},
            "complete": {"fence": "1.1", "result": 1},
            "fail": {"fence": "1.1", "error": 1},
            "cancel": {},
        }.items()
    ),
]
