"""The event log over HTTP: dense and total whoever writes, retried without harm, read from any place in pages."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, StoreWorld, event, item, texts
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


@pytest.mark.requirement("T7", "R18", "R59")
async def test_many_writers_share_one_dense_order(store: StoreWorld) -> None:
    devices = [store.device() for _ in range(4)]
    for device in devices:
        await device.get()  # each has its nonce before they race
    answers = await asyncio.gather(*(device.say(f"{n}-{m}") for m in range(10) for n, device in enumerate(devices)))
    assert {answer.status_code for answer in answers} == {201}
    log = await devices[0].log()
    assert [found["seq"] for found in log] == list(range(1, len(log) + 1))
    assert sorted(texts(log)) == sorted(f"{n}-{m}" for m in range(10) for n in range(4))
    assert all(texts([log[answer.json()["first"] - 1]]) for answer in answers)


@pytest.mark.requirement("T7")
async def test_a_batch_keeps_its_order_and_stays_together(store: StoreWorld) -> None:
    device = store.device()
    answer = await device.post("/events", {"events": [event(str(n)) for n in range(100)]})
    assert answer.status_code == 201
    assert answer.json() == {"first": 2, "last": 101}  # 1 says that the task was made
    assert answer.headers["Task-Head"] == "101"
    assert texts(await device.log()) == [str(n) for n in range(100)]


@pytest.mark.requirement("T7", "R53", "R58")
async def test_an_event_says_who_when_and_what(store: StoreWorld) -> None:
    device = store.device()
    session = (await device.post("/sessions", {"name": "Desktop", "transport": "web"})).json()
    await device.post("/events", {"events": [event("hello")], "session_id": session["session_id"]})
    last = (await device.log())[-1]
    assert last == {
        "seq": 3,
        "kind": "message",
        "role": "agent",
        "at": store.now,
        "actor": {"sub": OWNER, "client_id": "test-client", "device_id": device.device_id},
        "session_id": session["session_id"],
        "body": {"text": "hello"},
    }


@pytest.mark.requirement("T11", "R61")
async def test_a_repeated_append_is_answered_like_the_first(store: StoreWorld) -> None:
    device = store.device()
    first = await device.say("once", key="k1")
    again = await device.say("once", key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert texts(await device.log()) == ["once"]


@pytest.mark.requirement("T11")
async def test_one_of_equal_appends_that_race_is_done(store: StoreWorld) -> None:
    device = store.device()
    await device.get()
    answers = await asyncio.gather(*(device.say("once", key="k1") for _ in range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 11
    assert texts(await device.log()) == ["once"]


@pytest.mark.requirement("T11")
async def test_a_key_cannot_be_used_for_another_request(store: StoreWorld) -> None:
    device = store.device()
    await device.say("one", key="k1")
    other = await device.say("two", key="k1")
    assert (other.status_code, other.json()["type"]) == (422, "urn:segue:problem:idempotency-key-reused")
    assert texts(await device.log()) == ["one"]


@pytest.mark.requirement("T11")
async def test_a_key_belongs_to_one_device(store: StoreWorld) -> None:
    one, two = store.device(), store.device()
    await one.say("one", key="k1")
    answer = await two.say("two", key="k1")
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.requirement("T11", "A9")
async def test_a_lost_answer_is_told_again_even_after_the_task_has_moved(store: StoreWorld) -> None:
    device = store.device()
    first = await device.say("mine", key="k1")
    await device.after_move(2).get()
    again = await device.say("mine", key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert (await device.say("new", key="k2")).status_code == 409


@pytest.mark.requirement("T7", "R50")
async def test_pages_join_without_gap_or_duplicate_from_any_offset(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/events", {"events": [event(str(n)) for n in range(30)]})
    for limit in (1, 7, 30, 1000):
        seen, after = [], 0
        while True:
            page = await device.read(f"/events?after={after}&limit={limit}")
            assert page["head"] == 31
            assert len(page["events"]) <= limit
            if not page["events"]:
                assert page["next_after"] == after
                break
            seen += page["events"]
            after = page["next_after"]
        assert [found["seq"] for found in seen] == list(range(1, 32))


@pytest.mark.requirement("T7")
async def test_a_page_is_bounded_in_bytes_and_never_empty_before_the_end(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    for n in range(6):
        big = {"kind": "message", "role": "agent", "body": {"text": str(n) * 240_000}}
        assert (await device.post("/events", {"events": [big]})).status_code == 201
    page = await device.read("/events?after=1&limit=1000")
    assert len(page["events"]) == 4  # the fifth would make it larger than a million bytes
    rest = await device.read(f"/events?after={page['next_after']}&limit=1000")
    assert [found["seq"] for found in page["events"] + rest["events"]] == [2, 3, 4, 5, 6, 7]
    monkeypatch.setattr("segue_resource.stores.events.PAGE_BYTES", 1)
    assert [found["seq"] for found in (await device.read("/events?after=4"))["events"]] == [5]


@pytest.mark.requirement("T7")
async def test_a_bad_cursor_is_refused(store: StoreWorld) -> None:
    cursors = ["-1", "1.0", "%EF%BC%91", "1_0", "01", "1&after=2", "", "9" * 16]
    limits = ["0", "1001", "ten", "1&limit=1"]
    for query in [f"after={cursor}" for cursor in cursors] + [f"limit={limit}" for limit in limits]:
        answer = await store.device().get(f"/events?{query}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json"), query


@pytest.mark.requirement("T23")
async def test_a_reader_ahead_of_the_log_is_told_so(store: StoreWorld) -> None:
    answer = await store.device().get("/events?after=2")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:segue:problem:cursor-ahead"
    assert answer.json()["head"] == 1


@pytest.mark.requirement("T7")
async def test_only_the_store_itself_says_what_became_of_the_task(store: StoreWorld) -> None:
    device = store.device()
    for kind in ("task.moved", "session.joined", "working_set.changed", "tool_call.succeeded"):
        forged = {"kind": kind, "role": "system", "body": {}}
        answer = await device.post("/events", {"events": [event("fine"), forged]})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:segue:problem:reserved-kind")
    assert len(await device.log()) == 1


_MISSHAPEN: list[Any] = [
    {"events": []},
    {"events": [event("x")] * 101},
    {"events": [{**event("x"), "kind": "Message"}]},
    {"events": [{**event("x"), "kind": "message\n"}]},
    {"events": [{**event("x"), "kind": "a" * 65}]},
    {"events": [{**event("x"), "role": "owner"}]},
    {"events": [{**event("x"), "body": "text"}]},
    {"events": [{**event("x"), "seq": 7}]},
    {"events": [{"kind": "message", "role": "agent"}]},
    {"events": event("x")},
    {"events": [event("x")], "session_id": "\x00"},
    [event("x")],
    "text",
]


@pytest.mark.requirement("T7")
async def test_events_of_another_shape_are_refused(store: StoreWorld) -> None:
    device = store.device()
    for content in _MISSHAPEN:
        answer = await device.send("POST", "/events", json=content)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:segue:problem:invalid-request"), content
    assert len(await device.log()) == 1


@pytest.mark.requirement("T2")
async def test_an_event_cannot_come_from_a_session_of_another_device(store: StoreWorld) -> None:
    one, two = store.device(), store.device()
    session = (await one.post("/sessions", {"name": "Desktop", "transport": "web"})).json()["session_id"]
    for session_id in (session, "ses_missing"):
        answer = await two.post("/events", {"events": [event("x")], "session_id": session_id})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:segue:problem:not-your-session")
    await one.send("DELETE", f"/sessions/{session}")
    answer = await one.post("/events", {"events": [event("x")], "session_id": session})
    assert answer.status_code == 403
    assert texts(await one.log()) == []


@pytest.mark.requirement("A5")
async def test_the_log_needs_the_action(store: StoreWorld) -> None:
    for method, action, content in (("GET", "events:read", None), ("POST", "events:append", {"events": [event("x")]})):
        device = store.device(actions={"task:read", "events:read", "events:append"} - {action})
        answer = await device.send(method, "/events", json=content)
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.requirement("T7")
async def test_what_is_in_the_log_stays_as_it_is_whatever_happens_to_the_task(store: StoreWorld) -> None:
    async def rows() -> list[tuple[Any, ...]]:
        read = sa.select(tables.events).where(tables.events.c.seq <= 4).order_by(tables.events.c.seq)
        return await store.database.read(lambda connection: [tuple(row) for row in connection.execute(read)])

    device = store.device()
    await device.post("/events", {"events": [event("first"), event("second"), event("third")]})
    before, log = await rows(), await device.log()
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await device.send(method, "/events", json={"events": []})).status_code == 405
        assert (await device.send(method, "/events/2", json=event("another"))).status_code == 404
    await device.put("cap", item())
    await device.send("DELETE", "/working-set/cap", headers={"If-Match": '"1"'})
    call_id, fence = await device.running()
    await device.step(call_id, "complete", fence=fence, result=1)
    phone = device.after_move(2)
    for status in ("closed", "archived"):
        assert (await phone.post("/status", {"to": status})).status_code == 200
    assert (await phone.read())["status"] == "archived"
    assert await rows() == before
    after = await phone.log()
    assert after[:4] == log
    assert len(after) >= 13
