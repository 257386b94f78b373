"""What was made of somebody's words goes with them: index, summaries, forks, files; what was counted stays."""

import asyncio
import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from canary import CANARY
from filing import put
from participating import join
from resource_world import OWNER, TASK, Device, StoreWorld, event, item
from segue_resource.domain.retention import Retention
from segue_resource.domain.search import SearchMode
from segue_resource.retiring import retire_all
from segue_resource.stores import tables
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.ending.erasures import Clearing
from segue_resource.stores.files.collecting import Collecting
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.tasks_command import tasks

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T18", "R32")]

INDEXED = CANARY.lower()


async def erased(device: Device, **body: Any) -> dict[str, Any]:
    answer = await device.post("/erasures", body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def said(events: list[dict[str, Any]]) -> list[str]:
    """What can still be read of the messages."""
    return [found["body"]["text"] for found in events if found["kind"] == "message" and found["body"]]


async def clear(store: StoreWorld) -> None:
    keeper = Keeper(master_key.load(store.settings.key_file), lambda size: bytes(size))
    await Clearing(store.database, Drafts(store.ephemeral, keeper=keeper), clock=store.clock).clear_all()


async def rows(store: StoreWorld, table: sa.Table) -> list[Any]:
    return await store.database.read(lambda connection: list(connection.execute(table.select()).all()))


async def searchable(store: StoreWorld, mode: SearchMode = SearchMode.READABLE) -> Device:
    """The canary was said, noted, and looked for, so it is in the index."""
    store.settings = dataclasses.replace(store.settings, search=mode)
    await store.restart()
    device = store.device()
    await device.say(f"There was a {CANARY} in it")
    await device.put("note", item("Note", body=f"Of the {CANARY}"))
    found = await device.post("/search", {"query": CANARY})
    assert len(found.json()["hits"]) == 2, found.text
    return device


def on_disk(store: StoreWorld) -> tuple[set[str], bytes]:
    """What FTS5 knows, and the file, once all of the log has been put into it."""
    path = Path(store.settings.database.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("CREATE VIRTUAL TABLE temp.known USING fts5vocab(main, search_terms, row)")
        terms = {term for (term,) in connection.execute("SELECT term FROM temp.known")}
    connection.close()
    return terms, path.read_bytes()


def is_there(store: StoreWorld) -> tuple[bool, bool]:
    """Whether the index knows the canary, and whether it is in the file at all."""
    terms, content = on_disk(store)
    return any("canary" in term for term in terms), INDEXED.encode() in content


@pytest.mark.requirement("T20")
async def test_words_that_the_index_holds_readable_are_nowhere_in_the_file_after_an_erasure(
    embedded_store: StoreWorld,
) -> None:
    device = await searchable(embedded_store)
    assert is_there(embedded_store) == (True, True)
    await erased(device)
    await clear(embedded_store)
    assert is_there(embedded_store) == (False, False)


@pytest.mark.requirement("T19", "T20")
async def test_words_that_the_index_holds_readable_are_nowhere_in_the_file_once_the_messages_expired(
    embedded_store: StoreWorld,
) -> None:
    device = await searchable(embedded_store)
    await device.put("note", item("Note", body="Of something else"), version=1)
    assert (await device.post("/status", {"to": "closed"})).status_code == 200
    embedded_store.now += 400 * 86400
    keeper = Keeper(master_key.load(embedded_store.settings.key_file), lambda size: bytes(size))
    await retire_all(embedded_store.database, Retention(), keeper=keeper, clock=embedded_store.clock)
    assert is_there(embedded_store) == (False, False)


async def test_the_words_of_the_index_go_on_every_database(store: StoreWorld) -> None:
    device = await searchable(store)
    other = await join(store)
    await other.post("/events", {"events": [event("The other saw a walrus", role="human_agent")]})
    assert len((await device.post("/search", {"query": "walrus"})).json()["hits"]) == 1
    await erased(device)
    await clear(store)
    left = [row.terms for row in await rows(store, tables.search_documents)]
    assert not any(INDEXED in terms for terms in left)
    assert any("walrus" in terms for terms in left)
    assert (await device.post("/search", {"query": CANARY})).json()["hits"] == []
    assert len((await device.post("/search", {"query": "walrus"})).json()["hits"]) == 1


async def test_a_summary_of_their_words_goes_at_once_and_with_its_key(store: StoreWorld) -> None:
    device, other = await searchable(store), await join(store)
    await other.post("/events", {"events": [event("from the office", role="human_agent")]})
    head = (await device.read())["head"]
    compacted = await device.post("/compactions", {"to_seq": head, "summary": f"A {CANARY} was found"})
    assert compacted.status_code == 201, compacted.text
    erasure = await erased(device)
    assert (await device.read("/events"))["elided"][0]["summary"] is None  # at once, and so in every backup too
    assert (erasure["keys"], len(living(await rows(store, tables.data_keys)))) == (2, 2)
    assert CANARY not in (await device.get("/resume")).text
    await clear(store)
    (summary,) = [row for row in await rows(store, tables.events) if row.seq == compacted.json()["by_seq"]]
    assert summary.sealed == b""
    assert not any(INDEXED in row.terms for row in await rows(store, tables.search_documents))
    assert "from the office" in said((await device.read("/events?view=full"))["events"])


def living(keys: list[Any]) -> set[tuple[str, str]]:
    return {(key.task_id, key.sub) for key in keys if key.wrapped is not None}


async def forked(device: Device) -> Device:
    answer = await device.post("/forks", {"name": "Another way"})
    assert answer.status_code == 201, answer.text
    return device.world.device(task_id=answer.json()["task_id"])


async def test_a_fork_reads_nothing_of_what_was_erased_where_it_was_said_and_keeps_its_own(store: StoreWorld) -> None:
    device = await searchable(store)
    fork = await forked(device)
    assert CANARY in (await fork.get("/events")).text
    await fork.say("said in the fork alone")
    told = await fork.post("/compactions", {"to_seq": 3, "summary": f"In the past: {CANARY}"})
    assert told.status_code == 201, told.text
    await erased(device)
    for path in ("", "/resume", "/events", "/events?view=full", "/working-set", "/compactions"):
        found = await fork.get(path)
        assert (found.status_code, CANARY in found.text) == (200, False), path
    assert said((await fork.read("/events"))["events"]) == ["said in the fork alone"]
    assert (await fork.post("/search", {"query": CANARY})).json()["hits"] == []
    await clear(store)
    summary = [row for row in await rows(store, tables.events) if row.seq == told.json()["by_seq"]]
    assert [row.sealed for row in summary] == [b""]
    await fork.say("and on it goes")
    assert said((await fork.read("/events"))["events"])[-1] == "and on it goes"


async def test_an_operator_who_erases_a_person_erases_what_forks_say_of_them_too(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue_resource.operating.opened.from_process", lambda: store.settings)
    device, other = store.device(), await join(store)
    await other.post("/events", {"events": [event(f"The {CANARY} of the other", role="human_agent")]})
    fork = await forked(device)
    await fork.say("the owner's alone")
    head = (await fork.read())["head"]
    assert (await fork.post("/compactions", {"to_seq": head - 2, "summary": CANARY})).status_code == 201
    assert CANARY in (await fork.get("/compactions")).text
    assert await in_thread("erase", "--sub", "usr_other") == 0
    for path in ("/events", "/events?view=full", "/compactions", "/resume"):
        assert CANARY not in (await fork.get(path)).text
    assert said((await fork.read("/events"))["events"]) == ["the owner's alone"]
    assert await in_thread("erase", "--sub", OWNER) == 0
    assert said((await fork.read("/events"))["events"]) == []
    assert not {key for key in living(await rows(store, tables.data_keys)) if key[1] in {OWNER, "usr_other"}}


async def in_thread(*words: str) -> int:
    return await asyncio.to_thread(tasks, list(words))


@pytest.mark.requirement("T14")
async def test_a_file_is_gone_with_its_object_and_the_answer_says_so(store: StoreWorld, tmp_path: Path) -> None:
    device, other = store.device(), await join(store)
    assert (await put(device, "notes.md", CANARY.encode() * 1000)).status_code == 201
    assert (await put(device, "notes.md", CANARY.encode() * 999, version=1)).status_code == 200
    assert (await put(other, "theirs.md", b"of the other")).status_code == 201
    assert len(objects(tmp_path)) == 3
    erasure = await erased(device)
    for path in ("/artifacts/notes.md", "/artifacts/notes.md?version=1"):
        gone = await device.get(path)
        assert (gone.status_code, gone.json()["type"]) == (410, "urn:segue:problem:erased")
    assert [found["path"] for found in (await device.read("/artifacts"))["artifacts"]] == ["theirs.md"]
    await clear(store)
    await Collecting(store.database, store.blobs, clock=store.clock).collect()
    assert len(objects(tmp_path)) == 1
    for path in ("/artifacts/notes.md", "/artifacts/notes.md?version=1"):
        assert (await device.get(path)).status_code == 410
    assert (await device.get("/artifacts/theirs.md")).content == b"of the other"
    assert (await device.read(f"/erasures/{erasure['erasure_id']}"))["erasure"]["state"] == "cleared"
    assert (await put(device, "notes.md", b"written anew", version=2)).status_code in {200, 412}


def objects(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


@pytest.mark.requirement("T21", "T22")
async def test_what_was_used_and_which_task_was_chosen_stay_for_they_are_numbers_and_ids(store: StoreWorld) -> None:
    device = store.device()
    session = (await device.post("/sessions", {"name": f"Desktop {CANARY}", "transport": "web"})).json()["session_id"]
    used = {"session_id": session, "unit": "tokens", "amount": 300, "note": "gpt-5.2"}
    assert (await device.post("/usage", used)).status_code == 201
    chosen = {"session": "trf_1", "offered": [TASK], "likely": [TASK], "chosen": TASK, "new": False}
    assert (await store.cards("POST", "/choices", json=chosen)).json() == {"noted": True}
    before = await rows(store, tables.stitchings)
    bill = await device.read("/usage")
    await erased(device)
    await clear(store)
    assert await rows(store, tables.stitchings) == before
    assert numbers(await device.read("/usage")) == numbers(bill)


def numbers(bill: dict[str, Any]) -> list[tuple[str, int]]:
    return [(used["unit"], used["used"]) for used in (*bill["spent"], *bill["sessions"])]
