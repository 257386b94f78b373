"""Files of a fork over HTTP: those of its past, shared and not copied; from there on each writes its own (T13, T14)."""

import asyncio
import secrets
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa
from filing import get, put
from resource_world import Device, StoreWorld
from segue_resource.domain.retention import DAY, Retention
from segue_resource.key_files import load_master_key
from segue_resource.retiring import retire
from segue_resource.stores import tables
from segue_resource.stores.files.collecting import GRACE, Collecting
from segue_resource.stores.history import forks
from segue_resource.stores.keys.task_keys import Keeper

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T13", "T14")]


async def fork(device: Device, at: int | None = None) -> Device:
    answer = await device.post("/forks", {"name": "Another way"} | ({} if at is None else {"at": at}))
    assert answer.status_code == 201, answer.text
    return device.world.device(task_id=answer.json()["task_id"])


def back(device: Device) -> Device:
    """The person again, when the token they had has expired."""
    return device.world.device(task_id=device.claims["task_id"])


async def remove(device: Device, path: str, *, version: int) -> None:
    answer = await device.send("DELETE", f"/artifacts/{path}", headers={"If-Match": f'"{version}"'})
    assert answer.status_code == 204, answer.text


async def collect(store: StoreWorld) -> int:
    """What is collected once nobody has touched anything for long."""
    await store.later(GRACE + 1)
    return await Collecting(store.database, store.blobs, clock=store.clock).collect()


async def retired(store: StoreWorld) -> None:
    keeper = Keeper(load_master_key(store.settings, random=secrets.token_bytes), secrets.token_bytes)
    async for _ in retire(store.database, Retention(), keeper=keeper, clock=store.clock):
        pass


async def about_to_lose_its_files(store: StoreWorld) -> None:
    """The task is closed, and has been for so long that its files are due."""
    await retired(store)
    answer = await store.device().post("/status", {"to": "closed"})
    assert answer.status_code == 200, answer.text
    await store.later(180 * DAY)


async def contents(device: Device) -> dict[str, bytes]:
    found = (await device.read("/artifacts"))["artifacts"]
    return {one["path"]: (await get(device, one["path"])).content for one in found}


async def test_a_fork_begins_with_the_files_as_they_were_and_copies_none(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "notes/progress.md", b"one", query="?read_first=1")
    await put(device, "gone", b"x")
    await put(device, "back", b"old")
    await remove(device, "gone", version=1)
    await put(device, "notes/progress.md", b"two", version=1)
    await put(device, "later", b"later")
    child = await fork(device, 6)
    grandchild = await fork(child)
    for forked in (child, grandchild):
        assert (await forked.read("/artifacts"))["artifacts"] == (await device.read("/artifacts?as_of=6"))["artifacts"]
        assert await contents(forked) == {"notes/progress.md": b"two", "back": b"old"}
        for seq in range(7):
            then = f"/artifacts?as_of={seq}"
            assert await forked.read(then) == await device.read(then)
        assert (await get(forked, "gone")).status_code == 404
        assert (await get(forked, "gone", query="?as_of=3")).content == b"x"
        assert (await get(forked, "notes/progress.md", query="?version=1")).content == b"one"
        assert (await get(forked, "later")).status_code == 404
        assert (await get(forked, "later", query="?version=1")).status_code == 404
        assert (await forked.read("/resume"))["read_first"] == (await device.read("/resume"))["read_first"]
    count = sa.select(sa.func.count()).select_from(tables.blobs)
    assert await store.database.read(lambda connection: connection.execute(count).scalar_one()) == 5


async def test_what_either_does_later_the_other_never_sees(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "draft", b"shared")
    await put(device, "kept", b"kept")
    child = await fork(device)
    assert (await put(child, "draft", b"stale", version=2)).status_code == 412
    assert (await put(child, "draft", b"taken")).status_code == 412
    changed = await put(child, "draft", b"otherwise", version=1)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    await remove(child, "kept", version=1)
    await remove(device, "draft", version=1)
    await put(device, "kept", b"kept 2", version=1)
    await put(child, "only here", b"x")
    assert await contents(child) == {"draft": b"otherwise", "only here": b"x"}
    assert await contents(device) == {"kept": b"kept 2"}
    again = await put(child, "kept", b"anew")
    assert (again.status_code, again.json()["version"]) == (201, 3)
    versions = (await child.read("/artifacts/kept/versions"))["versions"]
    assert [(found["version"], found["deleted"], found["size"]) for found in versions] == [
        (3, False, 4),
        (2, True, 0),
        (1, False, 4),
    ]
    assert (await device.get("/artifacts/kept/versions")).json()["versions"][0]["version"] == 2
    assert (await device.get("/artifacts/only%20here")).status_code == 404


async def test_versions_are_told_in_pages_across_the_fork(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue_resource.stores.files.artifact_history.PAGE", 3)
    device = store.device()
    await put(device, "draft", b"1")
    for version in range(1, 4):
        await put(device, "draft", b"x", version=version)
    child = await fork(device, 4)
    for version in range(3, 6):
        await put(child, "draft", b"x", version=version)
    told, before = [], ""
    while True:
        page = await child.read(f"/artifacts/draft/versions{before}")
        told += [found["version"] for found in page["versions"]]
        if page["next_before"] is None:
            break
        before = f"?before={page['next_before']}"
    assert told == [6, 5, 4, 3, 2, 1]


async def test_what_the_parent_replaces_or_deletes_is_never_collected(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", b"a")
    await put(device, "b", b"b")
    child = await fork(device)
    await put(device, "a", b"another", version=1)
    await remove(device, "b", version=1)
    assert await collect(store) == 0
    child = back(child)
    assert await contents(child) == {"a": b"a", "b": b"b"}


@pytest.mark.requirement("T19")
async def test_retention_of_the_parent_keeps_the_files_that_a_fork_goes_on_from(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "shared", b"shared")
    await put(device, "replaced", b"before")
    await put(device, "replaced", b"after", version=1)
    child = await fork(device, 4)
    await put(device, "own", b"own")
    await about_to_lose_its_files(store)
    await retired(store)
    assert await collect(store) == 1
    child = back(child)
    assert await contents(child) == {"shared": b"shared", "replaced": b"after"}
    assert (await get(child, "replaced", query="?version=1")).content == b"before"
    assert (await get(store.device(), "own")).status_code == 410


@pytest.mark.requirement("T19")
async def test_a_fork_that_is_being_made_keeps_its_files_from_who_drops_and_collects(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store.device(), "shared", b"shared")
    await about_to_lose_its_files(store)
    pointed, point = threading.Event(), forks._point_to_files

    def slowly(*asked: Any) -> None:
        point(*asked)
        pointed.set()
        time.sleep(0.3)

    monkeypatch.setattr(forks, "_point_to_files", slowly)

    async def dropping() -> None:
        await asyncio.to_thread(pointed.wait, 10)
        await retired(store)
        await Collecting(store.database, store.blobs, clock=store.clock).collect()

    child, _ = await asyncio.gather(fork(store.device()), dropping())
    assert await contents(child) == {"shared": b"shared"}


@pytest.mark.requirement("T19")
async def test_a_fork_of_what_has_lost_its_files_says_that_they_are_gone(store: StoreWorld) -> None:
    await put(store.device(), "shared", b"shared")
    await about_to_lose_its_files(store)
    await retired(store)
    child = await fork(store.device())
    assert [found["path"] for found in (await child.read("/artifacts"))["artifacts"]] == ["shared"]
    assert (await get(child, "shared")).status_code == 410


@pytest.mark.requirement("T18")
async def test_files_of_a_person_who_is_erased_in_the_parent_are_unreadable_in_every_fork(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "secret", b"secret", query="?read_first=1")
    child = await fork(device)
    grandchild = await fork(child)
    await put(child, "own", b"own")
    assert (await device.post("/erasures", {})).status_code == 202
    for forked, left in ((child, {"own": b"own"}), (grandchild, {})):
        assert (await get(forked, "secret")).status_code == 410
        assert await contents(forked) == left
        assert (await forked.read("/resume"))["read_first"] == []
        assert (await forked.read("/artifacts/secret/versions"))["versions"][0]["sha256"] is None
        assert (await put(forked, "secret", b"anew")).json()["version"] == 2
        assert (await get(forked, "secret")).content == b"anew"


async def test_files_of_another_task_are_found_by_no_path(store: StoreWorld) -> None:
    await put(store.device(), "draft", b"x")
    await store.begin("tsk_other")
    other = store.device(task_id="tsk_other")
    assert (await get(other, "draft")).status_code == 404
    child = await fork(store.device(), 1)
    assert (await get(child, "draft")).status_code == 404
    assert (await child.read("/artifacts"))["artifacts"] == []
    assert (await put(child, "draft", b"its own")).json()["version"] == 1
