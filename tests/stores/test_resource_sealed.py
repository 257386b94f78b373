"""Encryption at rest: what people write is nowhere in the files, and cannot be moved or read without the key."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from canary import CANARY, sing
from resource_world import NAME, OWNER, TASK, StoreWorld, event, item
from segue.jose import b64url_encode
from segue_resource.serving import prepare
from segue_resource.stores import tables
from segue_resource.stores.keys.master_key import BadKeyFile

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


@pytest.mark.requirement("T18", "R31")
async def test_no_word_of_a_person_is_readable_in_the_database(store: StoreWorld, tmp_path: Path) -> None:
    await sing(store)
    assert await store.database.read(_everything) != ""
    assert CANARY not in await store.database.read(_everything)
    assert not any(word in content for content in _files(tmp_path) for word in (CANARY.encode(), NAME.encode()))


@pytest.mark.requirement("T18", "T23")
async def test_a_sealed_value_in_another_row_is_noticed(store: StoreWorld) -> None:
    device = store.device()
    for text in ("one", "two"):
        await device.say(text)
    events = tables.events

    def swap(connection: sa.Connection) -> None:
        rows = connection.execute(sa.select(events.c.seq, events.c.sealed).where(events.c.seq > 1)).all()
        for (seq, _), (_, sealed) in zip(rows, reversed(rows), strict=True):
            connection.execute(sa.update(events).where(events.c.seq == seq).values(sealed=sealed))

    await store.database.write(swap)
    page = await device.read("/events")
    assert [kept["kind"] for kept in page["events"]] == ["task.created"]  # up to the damage
    assert (await device.get(f"/events?after={page['next_after']}")).status_code == 500


@pytest.mark.requirement("T3", "T23")
async def test_an_old_version_put_in_place_of_the_new_one_is_noticed(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("old"))
    await device.put("draft", item("new"), version=1)
    versions = tables.working_set_versions

    def roll_back(connection: sa.Connection) -> None:
        old = connection.execute(sa.select(versions.c.sealed).where(versions.c.version == 1)).scalar_one()
        connection.execute(sa.update(versions).where(versions.c.version == 2).values(sealed=old))

    await store.database.write(roll_back)
    assert (await device.get("/working-set/draft")).status_code == 500


@pytest.mark.requirement("T18", "R32")
async def test_every_person_of_a_task_has_a_key_and_every_value_names_its_own(store: StoreWorld) -> None:
    await store.begin("tsk_other")
    guest = {"task_id": TASK, "sub": "usr_guest", "from_seq": 2, "role": "human_agent", "granted_by": OWNER}
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.participants), guest).rowcount)
    await store.device().say("owner's")
    await store.device(sub="usr_guest").post("/events", {"events": [event("guest's", role="human_agent")]})
    keys = await store.database.read(_rows(tables.data_keys))
    assert sorted((key.task_id, key.sub, key.key_no) for key in keys) == [
        (TASK, "usr_guest", 2),
        (TASK, OWNER, 1),
        ("tsk_other", OWNER, 1),
    ]
    events = await store.database.read(_rows(tables.events))
    assert {(event.sub, event.key_no) for event in events} == {(OWNER, 1), ("usr_guest", 2)}
    gone = sa.update(tables.data_keys).where(tables.data_keys.c.sub == "usr_guest").values(wrapped=None, destroyed_at=1)
    await store.database.write(lambda connection: connection.execute(gone).rowcount)
    assert [event["body"] for event in (await store.device().log())[1:]] == [{"text": "owner's"}, {}]


@pytest.mark.requirement("T18", "T23")
async def test_a_server_with_another_master_key_does_not_start(store: StoreWorld) -> None:
    prepare(store.settings)
    store.settings.key_file.write_text(b64url_encode(secrets.token_bytes(32)))
    with pytest.raises(BadKeyFile, match="SEGUE_RESOURCE_KEY_FILE"):
        prepare(store.settings)


@pytest.mark.requirement("T18")
async def test_no_data_key_lies_open(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    dice: list[bytes] = []

    def watched(size: int) -> bytes:
        dice.append(os.urandom(size))
        return dice[-1]

    monkeypatch.setattr("resource_world.secrets.token_bytes", watched)
    await store.restart()
    await store.begin("tsk_watched")
    data_keys = [thrown for thrown in dice if len(thrown) == 32]
    assert data_keys
    written = await store.database.read(_everything)
    assert not any(key.hex() in written for key in data_keys)


def _files(folder: Path) -> list[bytes]:
    """SQLite's file, and what it keeps beside it."""
    return [file.read_bytes() for file in folder.glob("resource.db*")]


def _everything(connection: sa.Connection) -> str:
    """All values of all tables, readable or as hexadecimal digits."""
    rows = [row for table in tables.metadata.sorted_tables for row in connection.execute(table.select())]
    values = [value for row in rows for value in row]
    shown = (value.hex() + value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values)
    return "\n".join(shown)


def _rows(table: sa.Table) -> Callable[[sa.Connection], list[Any]]:
    return lambda connection: list(connection.execute(table.select()).all())
