"""An answer while it is written: seen live by everybody, coalesced for who comes late, interrupted by a person."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import Device, StoreWorld, Stream, event, texts
from segue_resource.endpoints import drafts
from segue_resource.endpoints import live as live_module
from segue_resource.stores import tables
from segue_storage.database import open_database
from segue_storage.ephemeral import MemoryUnavailable, open_ephemeral

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


@pytest.fixture
async def elsewhere(request: pytest.FixtureRequest, store: StoreWorld) -> AsyncIterator[StoreWorld]:
    """Another process of the same server: on PostgreSQL and Redis with connections of its own."""
    url = store.settings.database
    if url.startswith("sqlite"):
        yield store
        return
    redis = request.getfixturevalue("redis_server")
    database, ephemeral = open_database(url, threads=2), open_ephemeral(redis.url, store.clock)
    other = StoreWorld(store.settings, database, ephemeral, store.blobs, store.issuer, now=store.now)
    await other.restart()
    yield other
    await other.stop()
    await ephemeral.aclose()
    await database.aclose()


async def begin(device: Device, role: str = "agent") -> str:
    answer = await device.post("/drafts", {"role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["draft_id"])


async def grow(device: Device, draft_id: str, offset: int, text: str) -> Any:
    return await device.send("PATCH", f"/drafts/{draft_id}", json={"offset": offset, "text": text})


async def said_live(stream: Stream, until: str) -> list[dict[str, Any]]:
    """The deltas until the draft says so much, each fitting where the one before ended."""
    found: list[dict[str, Any]] = []
    text = ""
    while text != until:
        block = await stream.block()
        if block.get("event") == "delta":
            assert "id" not in block
            delta = json.loads(block["data"])
            assert delta["offset"] in (0, len(text))
            text = text[: delta["offset"]] + delta["text"]
            found.append(delta)
    return found


@pytest.mark.requirement("T7", "R49", "R54")
async def test_an_answer_is_seen_while_it_is_written_and_whole_by_who_comes_late(
    store: StoreWorld, elsewhere: StoreWorld
) -> None:
    writer, reader = store.device(), Device(elsewhere, store.device().key, {})
    async with reader.follow(last_event_id=1) as stream:
        await stream.start()
        draft_id = await begin(writer)
        assert (await grow(writer, draft_id, 0, "Liabil")).json() == {"draft_id": draft_id, "length": 6}
        first = (await said_live(stream, "Liabil"))[0]  # who is quick hears of the draft before it has a word
        assert (first["role"], first["actor"]["device_id"]) == ("agent", writer.device_id)
        await grow(writer, draft_id, 6, "ity \U0001f600\u2028is")
        second = await said_live_from(stream, 6)
        assert second["text"] == "ity \U0001f600\u2028is"
        await grow(writer, draft_id, 14, " capped.")
        async with reader.follow(last_event_id=1) as late:
            await late.start()
            (whole,) = await said_live(late, "Liability \U0001f600\u2028is capped.")
            assert whole["offset"] == 0
        body = {"text": "Liability is capped.", "draft_id": draft_id}
        await writer.post("/events", {"events": [{"kind": "message", "role": "agent", "body": body}]})
        (finished,) = await stream.events(1)
        assert finished["body"] == body
        while (block := await stream.block()).get("event") != "draft-gone":
            pass
        assert json.loads(block["data"]) == {"draft_id": draft_id}
    assert (await reader.read("/drafts"))["drafts"] == []


async def said_live_from(stream: Stream, offset: int) -> Any:
    while (block := await stream.block()).get("event") != "delta":
        pass
    delta = json.loads(block["data"])
    assert delta["offset"] == offset
    return delta


@pytest.mark.requirement("T7")
async def test_deltas_do_not_touch_the_database(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = store.device()
    draft_id = await begin(writer)
    await grow(writer, draft_id, 0, "a")
    monkeypatch.setattr(drafts, "RECHECK", 60.0)
    work: list[object] = []

    async def asked(asked_for: object, **_: object) -> list[object]:
        work.append(asked_for)
        return []

    monkeypatch.setattr(store.database, "write", asked)
    monkeypatch.setattr(store.database, "read", asked)
    for number in range(1, 20):
        assert (await grow(writer, draft_id, number, "a")).json()["length"] == number + 1
    assert work == []


@pytest.mark.requirement("T11")
async def test_a_repeated_piece_counts_once_and_a_wrong_place_is_told(store: StoreWorld) -> None:
    writer = store.device()
    draft_id = await begin(writer)
    for _ in range(2):
        assert (await grow(writer, draft_id, 0, "abc")).json()["length"] == 3
    for offset, text in ((0, "xyz"), (2, "c"), (9, "x")):
        answer = await grow(writer, draft_id, offset, text)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:segue:problem:wrong-offset")
        assert answer.json()["length"] == 3
    assert (await grow(writer, draft_id, 3, "x" * 100_000)).status_code == 422


@pytest.mark.requirement("T16", "R57")
async def test_a_person_interrupts_an_answer_and_its_writer_is_stopped(
    store: StoreWorld, elsewhere: StoreWorld
) -> None:
    writer, person = store.device(), Device(elsewhere, store.device().key, {})
    draft_id = await begin(writer)
    await grow(writer, draft_id, 0, "Liability is")
    steer = await person.post("/events", {"events": [event("Stop, the other clause.", role="customer")]})
    assert steer.status_code == 201  # a word in between is taken while the agent answers
    for _ in range(2):
        answer = await person.post(f"/drafts/{draft_id}/interrupt")
        assert (answer.status_code, answer.json()) == (200, {"draft_id": draft_id, "role": "agent", "length": 12})
    refused = await grow(writer, draft_id, 12, " capped")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:segue:problem:interrupted")

    async def finish(text: str, **body: Any) -> int:
        content = {"kind": "message", "role": "agent", "body": {"text": text, "draft_id": draft_id, **body}}
        return (await writer.post("/events", {"events": [content]})).status_code

    assert await finish("Liability is capped.") == 409
    assert await finish("Liability is capped.", interrupted=True) == 409
    assert await finish("Liability is") == 409
    await store.ephemeral.drop_text("tsk_contract", draft_id)  # as a lost Redis would
    assert await finish("Liability is capped.") == 409
    assert await finish("Liability is", interrupted=True) == 201
    log = await person.log()
    interrupted = [found for found in log if found["kind"] == "draft.interrupted"]
    assert [(found["role"], found["actor"]["device_id"]) for found in interrupted] == [("system", person.device_id)]
    assert texts(log) == ["Stop, the other clause.", "Liability is"]


@pytest.mark.requirement("T16", "T15", "A5")
async def test_a_draft_is_its_writers_and_takes_the_right_to_speak(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "RECHECK", 0.0)
    writer, other = store.device(), store.device()
    draft_id = await begin(writer)
    assert (await grow(other, draft_id, 0, "not mine")).status_code == 404
    assert (await writer.post("/drafts", {"role": "human_agent"})).status_code == 403
    watcher = store.device(actions={"task:read", "events:read"})
    assert (await watcher.post("/drafts", {"role": "agent"})).status_code == 403
    assert (await watcher.post(f"/drafts/{draft_id}/interrupt")).status_code == 403
    body = {"kind": "message", "role": "agent", "body": {"text": "", "draft_id": draft_id}}
    assert (await other.post("/events", {"events": [body]})).status_code == 201
    assert len((await watcher.read("/drafts"))["drafts"]) == 1  # not dropped by another's word
    reserved = {"kind": "draft.interrupted", "role": "system", "body": {}}
    assert (await other.post("/events", {"events": [reserved]})).status_code == 422
    await writer.after_move(2).get()
    for answer in (
        await grow(writer, draft_id, 0, "late"),
        await writer.post("/drafts", {"role": "agent"}),
        await writer.post(f"/drafts/{draft_id}/interrupt"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:segue:problem:stale-epoch")
    stops = sa.update(tables.participants).values(role="supervisor")
    await store.database.write(lambda connection: connection.execute(stops).rowcount)
    assert (await writer.post("/drafts", {"role": "agent"})).status_code == 403


@pytest.mark.requirement("T11")
async def test_drafts_are_bounded_and_bad_input_is_told(store: StoreWorld) -> None:
    device = store.device()
    drafted = [await begin(device) for _ in range(8)]
    assert (await device.post("/drafts", {"role": "agent"})).status_code == 422
    assert (await grow(device, "drf_0_unknown", 0, "x")).status_code == 404
    assert (await device.post("/drafts/drf_0_unknown/interrupt")).status_code == 404
    for content in (
        {"offset": -1, "text": "x"},
        {"offset": 0, "text": ""},
        {"offset": 0},
        {"offset": "0", "text": "x"},
    ):
        assert (await device.send("PATCH", f"/drafts/{drafted[0]}", json=content)).status_code == 400
    assert (await device.post("/drafts", {"role": "nobody"})).status_code == 400


@pytest.mark.requirement("T8", "R61")
async def test_without_the_ephemeral_store_drafts_are_refused_and_the_log_goes_on(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    draft_id = await begin(device)

    async def away(*_: object, **__: object) -> None:
        raise MemoryUnavailable("switched off")

    for name in ("open_text", "extend_text", "texts", "stop_text", "notes", "put_note"):
        monkeypatch.setattr(store.ephemeral, name, away)
    assert (await grow(device, draft_id, 0, "x")).status_code == 503
    assert (await device.read("/drafts"))["known"] is False
    assert await device.read("/presence") == {"known": False, "somebody": None, "present": []}
    async with device.follow(last_event_id=1) as stream:
        await stream.start()
        body = {"kind": "message", "role": "agent", "body": {"text": "done", "draft_id": draft_id}}
        assert (await device.post("/events", {"events": [body]})).status_code == 201
        assert texts(await stream.events(1)) == ["done"]


@pytest.mark.requirement("R60", "T15")
async def test_presence_is_told_to_whoever_follows_and_ends_unless_it_is_renewed(
    store: StoreWorld, elsewhere: StoreWorld
) -> None:
    person, agent = store.device(), Device(elsewhere, store.device().key, {})
    joined = (await person.post("/sessions", {"name": "Phone", "transport": "web"})).json()["session_id"]
    async with agent.follow(last_event_id=2) as stream:
        await stream.start()
        assert (await agent.read("/presence"))["somebody"] is False
        told = {"state": "typing", "session_id": joined}
        assert (await person.send("PUT", "/presence", json=told)).status_code == 204
        while (block := await stream.block()).get("event") != "presence":
            pass
        presence = json.loads(block["data"])
        assert "id" not in block
        assert (presence["known"], presence["somebody"]) == (True, True)
        assert [(entry["session_id"], entry["state"], entry["role"]) for entry in presence["present"]] == [
            (joined, "typing", "customer")
        ]
    assert await agent.read("/presence") == presence
    await person.send("PUT", "/presence", json={"state": "away", "session_id": joined})
    assert (await agent.read("/presence"))["somebody"] is False
    store.now += 31
    elsewhere.now = store.now
    late = await store.ephemeral.notes(live_module.board("tsk_contract"))
    assert late == {}


@pytest.mark.requirement("R60")
async def test_presence_needs_a_living_session_of_the_same_device(store: StoreWorld) -> None:
    person, other = store.device(), store.device()
    joined = (await person.post("/sessions", {"name": "Phone", "transport": "web"})).json()["session_id"]
    for device, session_id in ((other, joined), (person, "ses_unknown")):
        answer = await device.send("PUT", "/presence", json={"state": "here", "session_id": session_id})
        assert answer.status_code == 403
    await person.send("DELETE", f"/sessions/{joined}")
    assert (await person.send("PUT", "/presence", json={"state": "here", "session_id": joined})).status_code == 403
    assert (await person.send("PUT", "/presence", json={"state": "asleep", "session_id": joined})).status_code == 400


@pytest.mark.requirement("T7", "R52", "R61")
async def test_with_every_wake_up_lost_each_follower_hears_within_two_seconds(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, readers = store.device(), [store.device() for _ in range(4)]

    async def lost(topic: str) -> None:
        return None

    monkeypatch.setattr(store.ephemeral, "wake", lost)
    followed = [reader.follow(last_event_id=1) for reader in readers]
    streams = [await each.__aenter__() for each in followed]
    for stream in streams:
        await stream.start()
        await stream.block()
    await asyncio.sleep(0.1)
    await writer.say("quietly")
    async with asyncio.timeout(2.0):
        heard = await asyncio.gather(*(stream.events(1) for stream in streams))
    for each in followed:
        await each.__aexit__(None, None, None)
    assert [texts(found) for found in heard] == [["quietly"]] * 4
