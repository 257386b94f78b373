"""Which session of which device belonged to a task, and when; connections that serve several tasks; what is logged."""

import json
import logging
from typing import Any

import pytest
from resource_world import TASK, Device, StoreWorld, item
from segue_resource.stores import sessions
from segue_storage.logs import JsonFormatter

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T2")]

OTHER = "tsk_other"


async def join(device: Device, **content: Any) -> Any:
    return await device.post("/sessions", {"name": "Tab", "transport": "web"} | content)


async def listed(device: Device, query: str = "") -> list[str]:
    return [found["session_id"] for found in (await device.read(f"/sessions{query}"))["sessions"]]


@pytest.mark.requirement("R4", "R7")
async def test_sessions_are_found_by_the_time_and_the_device_they_were_there(store: StoreWorld) -> None:
    desktop, phone = store.device(), store.device()
    started = store.now
    first = (await join(desktop)).json()["session_id"]
    await store.later(100)
    await desktop.send("DELETE", f"/sessions/{first}")
    second = (await join(phone)).json()["session_id"]
    await store.later(100)
    third = (await join(desktop)).json()["session_id"]
    for query, expected in {
        "": [third, second, first],
        f"?since={started + 100}": [third, second, first],
        f"?since={started + 101}": [third, second],
        f"?until={started + 99}": [first],
        f"?since={started + 150}&until={started + 160}": [second],
        f"?until={started - 1}": [],
        f"?device_id={desktop.device_id}": [third, first],
        f"?device_id={phone.device_id}&until={started + 99}": [],
        "?device_id=dev_nobody": [],
    }.items():
        assert await listed(desktop, query) == expected, query
    for wrong in ("?since=x", "?device_id=", "?device_id=a/b", "?before=0", "?since=1&since=2"):
        assert (await desktop.get(f"/sessions{wrong}")).status_code == 400, wrong


async def test_sessions_are_listed_in_pages(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LISTED", 2)
    device = store.device()
    made = [(await join(device)).json()["session_id"] for _ in range(5)]
    found: list[str] = []
    query: str | None = ""
    while query is not None:
        page = await device.read(f"/sessions{query}")
        found += [session["session_id"] for session in page["sessions"]]
        query = None if page["next_before"] is None else f"?before={page['next_before']}"
    assert found == made[::-1]


@pytest.mark.requirement("R10", "T24")
async def test_a_connection_that_serves_several_tasks_switches_and_both_logs_say_so(store: StoreWorld) -> None:
    await store.begin(OTHER, name="Another")
    here = store.device()
    there = Device(store, here.key, {"task_id": OTHER})
    one = (await join(here, connection_id="con_7")).json()
    assert one["connection_id"] == "con_7"
    assert (await here.send("DELETE", f"/sessions/{one['session_id']}?reason=switched")).status_code == 204
    two = (await join(there, connection_id="con_7", reason="switched")).json()
    left, joined = (await here.log())[-1], (await there.log())[-1]
    assert (left["kind"], left["body"]) == (
        "session.left",
        {"session_id": one["session_id"], "connection_id": "con_7", "reason": "switched"},
    )
    assert (joined["kind"], joined["body"]) == (
        "session.joined",
        {
            "session_id": two["session_id"],
            "name": "Tab",
            "transport": "web",
            "connection_id": "con_7",
            "reason": "switched",
        },
    )
    assert left["actor"]["device_id"] == joined["actor"]["device_id"]
    assert OTHER not in json.dumps(await here.log())
    assert TASK not in json.dumps(await there.log())


@pytest.mark.requirement("R10", "A5")
async def test_on_one_connection_each_token_opens_its_own_task_alone(store: StoreWorld) -> None:
    await store.begin(OTHER, name="Another")
    here = store.device()
    there = Device(store, here.key, {"task_id": OTHER})
    session = (await join(here, connection_id="con_7")).json()["session_id"]
    await join(there, connection_id="con_7")
    await here.put("secret", item("of the first"))
    for path in ("", "/resume", "/events", "/sessions", "/working-set/secret"):
        crossed = await there.send("GET", f"/tasks/{TASK}{path}")
        assert (crossed.status_code, crossed.json()["type"]) == (404, "urn:segue:problem:not-found")
    assert (await there.get("/working-set/secret")).status_code == 404
    assert (await there.send("DELETE", f"/sessions/{session}")).status_code == 404
    foreign = {"events": [{"kind": "message", "role": "agent", "body": {}}], "session_id": session}
    assert (await there.post("/events", foreign)).json()["type"] == "urn:segue:problem:not-your-session"
    assert len(await listed(there)) == 1


async def test_only_a_session_of_such_a_connection_switches(store: StoreWorld) -> None:
    device = store.device()
    assert (await join(device, reason="switched")).json()["type"] == "urn:segue:problem:no-connection"
    session = (await join(device)).json()["session_id"]
    refused = await device.send("DELETE", f"/sessions/{session}?reason=switched")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:segue:problem:no-connection")
    for wrong in ({"connection_id": ""}, {"connection_id": "a b"}, {"connection_id": "x" * 129}, {"reason": "bored"}):
        assert (await join(device, **wrong)).status_code == 400, wrong
    assert (await device.send("DELETE", f"/sessions/{session}?reason=bored")).status_code == 400
    assert (await device.send("DELETE", f"/sessions/{session}")).status_code == 204
    assert (await device.log())[-1]["body"]["reason"] == "ended"


@pytest.mark.requirement("T11")
async def test_a_key_belongs_to_the_whole_address(store: StoreWorld) -> None:
    device = store.device()
    session = (await join(device, connection_id="con_7")).json()["session_id"]
    key = {"Idempotency-Key": "k"}
    assert (await device.send("DELETE", f"/sessions/{session}", headers=key)).status_code == 204
    again = await device.send("DELETE", f"/sessions/{session}?reason=switched", headers=key)
    assert again.json()["type"] == "urn:segue:problem:idempotency-key-reused"


@pytest.mark.requirement("R7", "R25")
async def test_each_request_is_one_line_that_joins_its_task_and_session(
    store: StoreWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "segue_storage.request_log")
    device = store.device().after_move(2)
    await device.get()
    caplog.clear()
    session = (await join(device)).json()["session_id"]
    named = await device.send("GET", "/events?after=1&limit=7", headers={"Task-Session": session})
    assert (named.headers["Task-Id"], named.headers["Task-Session"]) == (TASK, session)
    missing = await device.get("/working-set/secret-name")
    assert (missing.headers["Task-Id"], "Task-Session" in missing.headers) == (TASK, False)
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    changing = ("at", "message", "milliseconds", "request_id")
    assert {name: lines[1][name] for name in lines[1] if name not in changing} == {
        "level": "info",
        "logger": "segue_storage.request_log",
        "event": "request",
        "task_id": TASK,
        "session_id": session,
        "device_id": device.device_id,
        "client_id": "test-client",
        "transfer_id": "trf_1",
        "epoch": 2,
        "method": "GET",
        "route": "/tasks/{task_id}/events",
        "status": 200,
    }
    assert [(line["status"], line["session_id"]) for line in lines] == [(201, None), (200, session), (404, None)]
    told = caplog.text
    assert f"task_id={TASK} session_id={session}" in told
    for secret in (device.token, "secret-name", "limit=7", "Tab"):
        assert secret not in told


@pytest.mark.requirement("R7")
async def test_a_session_of_another_form_is_refused_and_not_logged(
    store: StoreWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "segue_storage.request_log")
    for wrong in ("", "a b", "x" * 129, 'ses_1" status=200'):
        answer = await store.device().send("GET", "", headers={"Task-Session": wrong})
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:segue:problem:invalid-request"), wrong
    assert "session_id" not in caplog.text
    assert "ses_1" not in caplog.text


@pytest.mark.requirement("R7")
async def test_a_page_may_name_its_session_and_read_the_task_in_the_answer(store: StoreWorld) -> None:
    preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    allowed = await store.http.options(f"/tasks/{TASK}", headers=preflight)
    assert "Task-Session" in allowed.headers["Access-Control-Allow-Headers"]
    shown = await store.device().get()
    assert {"Task-Id", "Task-Session"} <= set(shown.headers["Access-Control-Expose-Headers"].split(", "))
