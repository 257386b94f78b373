"""A PostgreSQL primary with a standby: what was acknowledged is on both, and servers find the one that takes over."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from notes import METADATA, add, texts
from postgresql_pair import PostgreSQLPair, running_pair
from resource_world import Device, open_store_world
from segue_storage.database import DatabaseUnavailable, WriteInDoubt, open_database

pytestmark = [pytest.mark.anyio, pytest.mark.postgresql]

WRITERS = 4
SAID = 12
"""What each writer says."""
FAILOVER = 60.0
"""Seconds in which every writer has come through, on a machine that does much else."""

_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
def pair() -> Iterator[PostgreSQLPair]:
    """A primary and a standby for one test, which may kill either."""
    with running_pair() as pair:
        yield pair


@pytest.mark.requirement("T9", "XD-OPS-06")
async def test_when_the_standby_takes_over_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    pair: PostgreSQLPair, tmp_path: Path
) -> None:
    """Each writer repeats what was not acknowledged, under its key, until it is."""
    refused: Counter[int] = Counter()
    acknowledged: dict[str, int] = {}

    async def write(device: Device, number: int) -> None:
        for each in range(SAID):
            text = f"{number}.{each}"
            while (answer := await device.say(text, key=text)).status_code != 201:
                refused[answer.status_code] += 1
                await asyncio.sleep(0.05)
            acknowledged[text] = answer.json()["first"]

    async with open_store_world(tmp_path, database_url=pair.create_database(), ephemeral_url=None) as store:
        await store.begin()
        devices = [store.device() for _ in range(WRITERS)]
        async with asyncio.timeout(FAILOVER), asyncio.TaskGroup() as tasks:
            for number, device in enumerate(devices):
                tasks.create_task(write(device, number))
            while len(acknowledged) < WRITERS * SAID // 3:  # noqa: ASYNC110
                await asyncio.sleep(0)
            pair.primary.kill()
            before = dict(acknowledged)
            while not refused:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.to_thread(pair.promote)
        assert 0 < len(before) < len(acknowledged)
        assert set(refused) == {503}
        found = (await devices[0].get("/events?limit=1000")).json()["events"]
        said = {event["body"]["text"]: event["seq"] for event in found if event["kind"] == "message"}
        assert said == acknowledged
        assert len([event for event in found if event["kind"] == "message"]) == WRITERS * SAID
        again = await devices[0].say("0.0", key="0.0")
        assert again.json()["first"] == acknowledged["0.0"]


@pytest.mark.requirement("T9", "XD-OPS-06")
async def test_a_commit_that_stopped_waiting_for_the_standby_is_in_doubt(pair: PostgreSQLPair) -> None:
    """PostgreSQL says that it is committed: the standby would take over without it."""
    database = open_database(pair.create_database(), threads=1)
    await database.write(METADATA.create_all)
    pair.standby.stop()
    writing = asyncio.create_task(database.write(add("lonely")))
    with psycopg.connect(pair.primary.url, autocommit=True) as connection:
        async with asyncio.timeout(FAILOVER):
            while not (waiting := connection.execute(_WAITING).fetchall()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for (pid,) in waiting:
            connection.execute("SELECT pg_cancel_backend(%s)", [pid])
    with pytest.raises(WriteInDoubt, match="standby"):
        await writing
    assert await database.read(texts) == {"lonely"}  # it may have happened, and has
    await database.aclose()


@pytest.mark.requirement("XD-OPS-06")
async def test_a_standby_is_neither_written_nor_read(pair: PostgreSQLPair) -> None:
    """What it knows may be older than what was acknowledged."""
    url = pair.create_database()
    database = open_database(url, threads=1)
    await database.write(METADATA.create_all)
    await database.aclose()
    database = open_database(url.replace(f"127.0.0.1:{pair.primary.port},", ""), threads=1)
    for attempt in (database.write(add("note")), database.read(texts)):
        with pytest.raises(DatabaseUnavailable):
            await attempt
    await database.aclose()
