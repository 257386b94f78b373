"""Following a log by Server-Sent Events: from any place, then live, without gap or duplicate, to an honest end."""

import asyncio

import pytest
import sqlalchemy as sa
from resource_world import StoreWorld, event, texts
from segue_resource.endpoints import event_stream
from segue_resource.stores import tables
from segue_storage.database import DatabaseUnavailable
from segue_storage.going_away import GoingAway

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


@pytest.mark.requirement("T7", "R50", "R54")
async def test_a_follower_gets_the_past_and_then_the_present(store: StoreWorld) -> None:
    device, other = store.device(), store.device()
    await device.say("past")
    async with device.follow() as stream:
        status, headers = await stream.start()
        assert (status, headers["content-type"], headers["cache-control"]) == (200, "text/event-stream", "no-store")
        assert headers["access-control-allow-origin"] == "*"
        past = await stream.events(2)
        await other.say("present")
        present = await stream.events(1)
    assert [found["seq"] for found in past + present] == [1, 2, 3]
    assert texts(past + present) == ["past", "present"]
    assert present == (await device.log())[2:]  # the same words as in a page


@pytest.mark.requirement("T7", "T8", "R49", "R61")
async def test_a_broken_stream_goes_on_where_it_was_while_others_write(store: StoreWorld) -> None:
    reader, writer = store.device(), store.device()
    await writer.get()

    async def write() -> None:
        for n in range(40):
            await writer.say(str(n))

    writing = asyncio.create_task(write())
    seen: list[int] = []
    for _ in range(8):
        async with reader.follow(last_event_id=seen[-1] if seen else 0, query="after=7") as stream:
            await stream.start()
            seen += [found["seq"] for found in await stream.events(5)]  # and hang up, whatever is on its way
    await writing
    assert seen == list(range(1, 41))


@pytest.mark.requirement("T7")
async def test_last_event_id_counts_more_than_after(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/events", {"events": [event(str(n)) for n in range(4)]})
    async with device.follow(query="after=1", last_event_id=4) as stream:
        await stream.start()
        assert [found["seq"] for found in await stream.events(1)] == [5]
    async with device.follow(query="after=3") as stream:
        await stream.start()
        assert [found["seq"] for found in await stream.events(2)] == [4, 5]


@pytest.mark.requirement("T7", "R16")
async def test_many_followers_all_hear_of_everything(store: StoreWorld) -> None:
    devices = [store.device() for _ in range(6)]
    writer = store.device()
    streams = [device.follow(last_event_id=1) for device in devices]
    opened = [await stream.__aenter__() for stream in streams]
    for stream in opened:
        await stream.start()
        await stream.block()  # retry
    await asyncio.gather(*(writer.say(str(n)) for n in range(10)))
    heard = [[found["seq"] for found in await stream.events(10)] for stream in opened]
    for context in streams:
        await context.__aexit__(None, None, None)
    assert heard == [list(range(2, 12))] * 6


@pytest.mark.requirement("T7")
async def test_a_lost_wake_up_delays_and_never_loses(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.2)
    device, writer = store.device(), store.device()
    async with device.follow(last_event_id=1) as stream:
        await stream.start()

        async def lost(topic: str) -> None:
            return None

        monkeypatch.setattr(store.ephemeral, "wake", lost)
        await writer.say("quietly")
        assert texts(await stream.events(1)) == ["quietly"]


@pytest.mark.requirement("T7")
async def test_an_idle_stream_gives_signs_of_life(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.05)
    async with store.device().follow(last_event_id=1) as stream:
        await stream.start()
        assert await stream.block() == {"retry": "1000"}
        assert [await stream.block() for _ in range(3)] == [{"comment": ""}] * 3


@pytest.mark.requirement("A5", "T7")
async def test_a_stream_ends_when_its_token_does(store: StoreWorld) -> None:
    device = store.device(lifetime=1)
    async with device.follow(last_event_id=1) as stream:
        await stream.start()
        await stream.block()
        assert (await stream.block())["event"] == "expired"
        assert await stream.block() == {}


@pytest.mark.requirement("A9", "R12")
async def test_the_device_left_behind_hears_of_the_move_at_once(store: StoreWorld) -> None:
    desktop = store.device()
    async with desktop.follow(last_event_id=1) as stream:
        await stream.start()
        phone = desktop.after_move(2)
        await phone.get("/resume")
        (moved,) = await stream.events(1)
    assert (moved["kind"], moved["role"]) == ("task.moved", "system")
    assert moved["body"] == {"epoch": 2, "device_id": phone.device_id, "transfer_id": "trf_1"}
    assert moved["actor"]["device_id"] == phone.device_id


@pytest.mark.requirement("T7")
async def test_a_bad_last_event_id_is_refused(store: StoreWorld) -> None:
    for last_event_id in ("-1", "1_0", "01", "x", ""):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_event_id}
        answer = await store.device().get("/events", headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.requirement("T23")
async def test_a_follower_ahead_of_the_log_is_told_so_before_the_stream_begins(store: StoreWorld) -> None:
    async with store.device().follow(last_event_id=9) as stream:
        assert (await stream.start())[0] == 409


@pytest.mark.requirement("A5")
async def test_following_needs_the_action(store: StoreWorld) -> None:
    async with store.device(actions={"task:read"}).follow() as stream:
        assert (await stream.start())[0] == 403


@pytest.mark.requirement("T15", "A5")
async def test_a_stream_ends_for_a_person_who_no_longer_takes_part(store: StoreWorld) -> None:
    async with store.device().follow(last_event_id=1) as stream:
        await stream.start()
        await stream.block()
        gone = sa.update(tables.participants).values(to_seq=1)
        await store.database.write(lambda connection: connection.execute(gone).rowcount)
        await store.ephemeral.wake("task:tsk_contract")
        assert (await stream.block())["event"] == "expired"


@pytest.mark.requirement("T8")
async def test_a_stream_says_going_away_when_the_database_is_away(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    async with device.follow(last_event_id=1) as stream:
        await stream.start()
        await stream.block()

        async def away(work: object) -> None:
            raise DatabaseUnavailable("switched off")

        monkeypatch.setattr(store.database, "read", away)
        await store.ephemeral.wake("task:tsk_contract")
        assert (await stream.block())["event"] == "going-away"


@pytest.mark.requirement("T8")
async def test_a_stream_says_going_away_when_the_server_stops(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = GoingAway()
    monkeypatch.setattr("segue_resource.app.GoingAway", lambda: stopping)
    await store.restart()
    device = store.device()
    async with device.follow(last_event_id=1) as stream:
        await stream.start()
        await stream.block()
        stopping.say()
        assert (await stream.block())["event"] == "going-away"
        assert await stream.block() == {}
        assert (await store.http.get("/readyz")).status_code == 503
