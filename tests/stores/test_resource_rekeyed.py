"""The master key rotates under running servers, and with it old backups lose what was erased, and nothing else."""

import asyncio
import secrets
import shutil
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from backed_up import back_up
from filing import put
from participating import join
from resource_world import TASK, StoreWorld, event
from segue_resource.serving import prepare
from segue_resource.settings import Settings
from segue_resource.stores import tables
from segue_resource.stores.audit_verification import verify
from segue_resource.stores.keys import key_generations, master_key, rotation
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_ring import read_ring
from segue_resource.stores.keys.key_wrapper import KeysUnavailable
from segue_resource.stores.keys.rotation import Rotation
from segue_resource.stores.keys.task_keys import wrapping_place
from segue_resource.tasks_command import tasks
from segue_storage.database import open_database

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T18")]


@pytest.fixture
def command(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`await command("rekey", …)` runs `segue tasks` on the database of the world; its exit status."""
    chosen = {"settings": store.settings}
    monkeypatch.setattr("segue_resource.operating.opened.from_process", lambda: chosen["settings"])

    async def run(*words: str, database: str | None = None) -> int:
        if database is not None:
            chosen["settings"] = changed(store.settings, database=database)
        return await asyncio.to_thread(tasks, list(words))

    return run


def changed(settings: Settings, **members: Any) -> Settings:
    return Settings(**{**vars(settings), **members})


def rotating(store: StoreWorld) -> Rotation:
    master = master_key.load(store.settings.key_file, random=secrets.token_bytes)
    return Rotation(store.database, keeper=Keeper(master, secrets.token_bytes), clock=store.clock)


async def wrapped_by(store: StoreWorld) -> set[str]:
    keys = sa.select(tables.data_keys.c.master_key_id).where(tables.data_keys.c.wrapped.is_not(None))
    return set(await store.database.read(lambda connection: list(connection.execute(keys).scalars())))


async def said(store: StoreWorld) -> list[str | None]:
    return [found["body"].get("text") for found in await store.device().log() if found["kind"] == "message"]


async def test_a_running_server_goes_on_over_a_rotation_and_its_audit_still_verifies(
    store: StoreWorld, command: Any
) -> None:
    before, device = await wrapped_by(store), store.device()
    await device.say("before")
    assert await command("rekey") == 0
    await device.say("after")
    await store.begin("tsk_new")  # a new data key: by the new generation, which the server had not heard of
    assert await said(store) == ["before", "after"]
    assert await command("rekey", "--destroy-old") == 0
    (now,) = await wrapped_by(store)
    assert now not in before
    assert [generation.key_id for generation in read_ring(store.settings.key_file).generations] == [now]
    await store.begin("tsk_newer")
    assert await said(store) == ["before", "after"]
    await store.restart()
    prepare(store.settings)
    assert await said(store) == ["before", "after"]
    master = master_key.load(store.settings.key_file)
    assert (await store.database.read(lambda connection: verify(connection, master=master))).faults == []


async def test_a_rotation_that_was_killed_goes_on_with_the_generation_it_had_made(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await store.begin(f"tsk_{number}")
    monkeypatch.setattr(rotation, "BATCH", 2)
    monkeypatch.setattr(rotation, "_NEXT", rotation._NEXT.limit(2))
    batch, batches = Rotation._batch, []

    async def killed(self: Rotation, asked: dict[str, Any]) -> Any:
        batches.append(asked)
        if len(batches) == 2:
            raise asyncio.CancelledError
        return await batch(self, asked)

    monkeypatch.setattr(Rotation, "_batch", killed)
    with pytest.raises(asyncio.CancelledError):
        await rotating(store).rotate(destroy_old=True)
    monkeypatch.setattr(Rotation, "_batch", batch)
    ring = read_ring(store.settings.key_file)
    assert len(ring.generations) == 2
    assert len(await wrapped_by(store)) == 2
    rotated = await rotating(store).rotate(destroy_old=True)
    assert rotated.key_id == ring.generations[-1].key_id
    assert await wrapped_by(store) == {rotated.key_id}
    assert rotated.destroyed == [ring.generations[0].key_id]


async def test_nothing_is_wrapped_under_a_generation_that_was_retired(store: StoreWorld) -> None:
    keeper = Keeper(master_key.load(store.settings.key_file), secrets.token_bytes)
    retire = lambda connection: key_generations.retire_others(connection, "f" * 16, now=1)  # noqa: E731
    await store.begin("tsk_before")
    await store.database.write(retire)
    place = wrapping_place("tsk_x", 1, "usr_x")
    with pytest.raises(KeysUnavailable):
        await store.database.write(
            lambda connection: key_generations.wrap(connection, b"d" * 32, place, keeper=keeper, now=2)
        )


async def test_who_retires_a_generation_waits_for_whoever_is_wrapping_under_it(store: StoreWorld) -> None:
    """Otherwise the rotation would not see that key, and destroy the generation that wrapped it."""
    keeper = Keeper(master_key.load(store.settings.key_file), secrets.token_bytes)
    holding, go_on = threading.Event(), threading.Event()

    def wraps(connection: sa.Connection) -> None:
        key_generations.wrap(connection, b"d" * 32, wrapping_place("tsk_x", 1, "usr_x"), keeper=keeper, now=1)
        holding.set()
        assert go_on.wait(30)

    wrapping = asyncio.create_task(store.database.write(wraps))
    assert await asyncio.to_thread(holding.wait, 30)
    retiring = asyncio.create_task(
        store.database.write(lambda connection: key_generations.retire_others(connection, "f" * 16, now=2))
    )
    done, _ = await asyncio.wait({retiring}, timeout=0.5)
    go_on.set()
    await asyncio.gather(wrapping, retiring)
    assert not done


@pytest.mark.requirement("R32")
async def test_an_older_backup_shows_everybody_but_who_was_erased_since(
    store: StoreWorld, command: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    owner, other = store.device(), await join(store)
    await owner.say("the customer's words")
    await other.post("/events", {"events": [event("the other's words", role="human_agent")]})
    _, restore = back_up(store.settings.database, tmp_path, request)
    keys, old_key_file = tmp_path / "keys", tmp_path / "old.key"
    shutil.copy(store.settings.key_file, old_key_file)
    assert await command("keys", "--backup", str(keys)) == 0
    with keys.open("rb") as former:
        assert (await owner.post("/erasures", {})).status_code == 202
        assert await command("rekey", "--destroy-old") == 0
        assert await command("keys", "--backup", str(keys)) == 0
        assert set(former.read()) == {0}  # each backup replaces the one before
    database_url = await asyncio.to_thread(restore)
    assert await unreadable(store, database_url)  # the old wrapped keys open for nobody any more
    assert await command("keys", "--restore", str(keys), database=database_url) == 0
    assert await command("keys", "--restore", str(keys), database=database_url) == 0
    living, store.database = store.database, open_database(database_url, threads=2)
    try:
        await store.restart()
        assert await said(store) == [None, "the other's words"]
        master = master_key.load(store.settings.key_file)
        assert (await store.database.read(lambda connection: verify(connection, master=master))).faults == []
        await store.device().say("and on it goes")
        assert (await said(store))[-1] == "and on it goes"
    finally:
        await store.stop()
        await store.database.aclose()
        store.database = living


async def unreadable(store: StoreWorld, database_url: str) -> bool:
    """Whether not one data key of the database opens under the key file as it is."""
    opened = open_database(database_url, threads=1)
    try:
        rows = await opened.read(lambda connection: list(connection.execute(tables.data_keys.select())))
    finally:
        await opened.aclose()
    ring = master_key.load(store.settings.key_file).wrapper
    return bool(rows) and not any(row.master_key_id in ring.key_ids for row in rows)


async def test_a_backup_of_keys_that_is_not_whole_changes_nothing(
    store: StoreWorld, command: Any, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    await store.device().say("kept")
    assert await command("keys", "--backup", str(keys)) == 0
    lines = keys.read_text().splitlines()
    for wrong in (lines[:-1], [*lines[:1], *lines[2:]], [*lines[:-1], lines[-1].replace("mac", "mac2")], ["{}"], []):
        keys.write_text("\n".join(wrong) + "\n")
        assert await command("keys", "--restore", str(keys)) == 2
        assert await said(store) == ["kept"]


async def test_an_operator_erases_a_person_everywhere_and_is_told_first_what_it_would_be(
    store: StoreWorld, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await store.begin("tsk_second")
    await store.device().say("the customer's")
    other = await join(store)
    await other.post("/events", {"events": [event("the other's", role="human_agent")]})
    assert await command("erase", "--sub", "usr_owner", "--dry-run") == 0
    assert "would be erased" in capsys.readouterr().out
    assert await said(store) == ["the customer's", "the other's"]
    assert await command("erase", "--sub", "usr_owner") == 0
    assert capsys.readouterr().out.count("keys destroyed") == 2
    assert await said(store) == [None, "the other's"]
    assert (await store.device(task_id="tsk_second").read())["name"] == ""
    assert await command("erase", "--sub", "usr_owner") == 0
    assert "nothing to erase" in capsys.readouterr().out
    assert await command("erase", "--task", TASK) == 0
    assert (await store.device().read())["status"] == "erased"


@pytest.mark.requirement("R44")
async def test_an_operator_exports_a_person_and_of_others_tasks_what_they_wrote(
    store: StoreWorld, command: Any, tmp_path: Path
) -> None:
    await store.device().say("the customer's")
    other = await join(store)
    await other.post("/events", {"events": [event("the other's", role="human_agent")]})
    assert (await put(store.device(), "mine.txt", b"a file of the customer's")).status_code == 201
    assert (await put(other, "theirs.txt", b"a file of the other's")).status_code == 201
    assert await command("export", TASK, str(tmp_path / "whole.zip")) == 0
    assert await command("export", "--sub", "usr_other", str(tmp_path / "theirs")) == 0
    for path, words in ((tmp_path / "whole.zip", (True, True)), (tmp_path / "theirs" / f"{TASK}.zip", (False, True))):
        with zipfile.ZipFile(path) as archive:
            everything = b"".join(archive.read(name) for name in archive.namelist())
            files = [name for name in archive.namelist() if name.startswith("artifacts/")]
        assert (b"the customer's" in everything, b"the other's" in everything) == words
        assert ("artifacts/mine.txt" in files, "artifacts/theirs.txt" in files) == words
        assert path.stat().st_mode & 0o777 == 0o600
    assert await command("export", "tsk_missing", str(tmp_path / "none.zip")) == 2
