"""Large files over HTTP: sent in pieces that may break off, read in ranges, and never whole in memory."""

import asyncio
import os
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filing import append, begin, digest, get, offset, put, sha256
from resource_world import STORE, Device, StoreWorld
from rounds import FULL
from segue_resource.domain import artifact
from segue_resource.stores import tables
from segue_resource.stores.files.blob_rows import UPLOAD_LIFETIME
from segue_resource.stores.files.blobs import PART, BlobsUnavailable
from segue_resource.stores.files.collecting import Collecting
from segue_resource.stores.files.contents import READ
from segue_resource.stores.files.sealed_stream import CHUNK

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T14")]

CONTENT = random.Random(14).randbytes(PART + 3 * CHUNK + 17)


async def test_a_file_of_several_parts_comes_back_byte_for_byte(store: StoreWorld) -> None:
    device = store.device()
    made = await put(device, "big.bin", CONTENT, repr_digest=digest(CONTENT))
    assert (made.status_code, made.json()["sha256"]) == (201, sha256(CONTENT))
    await store.restart()
    read = await get(device, "big.bin")
    assert (read.content == CONTENT, read.headers["Repr-Digest"]) == (True, digest(CONTENT))


async def test_an_upload_that_broke_off_goes_on_where_it_ended_in_any_process(store: StoreWorld) -> None:
    device = store.device()
    upload = await begin(device, "a.bin", CONTENT[:1000], media_type="image/png", query="?read_first=1")
    assert await offset(device, upload) == (1000, False)
    await _cut(device, upload, CONTENT[1000:70_000], at=1000)
    assert await offset(device, upload) == (70_000, False)
    await store.restart()
    other = store.device()
    more = await append(other, upload, CONTENT[70_000:90_000], offset=70_000, complete=False)
    assert (more.status_code, more.headers["Upload-Offset"], more.headers["Upload-Complete"]) == (204, "90000", "?0")
    assert (await get(device, "a.bin")).status_code == 404
    done = await append(other, upload, CONTENT[90_000:], offset=90_000, complete=True)
    assert (done.status_code, done.headers["ETag"], done.headers["Upload-Complete"]) == (201, '"1"', "?1")
    said = {name: done.json()[name] for name in ("media_type", "read_first", "size", "sha256")}
    assert said == {"media_type": "image/png", "read_first": True, "size": len(CONTENT), "sha256": sha256(CONTENT)}
    assert (await get(device, "a.bin")).content == CONTENT
    assert await offset(device, upload) == (len(CONTENT), True)


async def test_a_lost_answer_to_the_last_piece_is_given_again(store: StoreWorld) -> None:
    device = store.device()
    upload = await begin(device, "a", b"one")
    answers = [await append(device, upload, b"two", offset=3, complete=True) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (answers[1].status_code, answers[1].headers["Idempotency-Replayed"]) == (201, "true")
    other = await append(store.device(), upload, b"", offset=6, complete=True)
    assert (other.status_code, other.json()["expected_offset"]) == (409, 6)
    assert (await get(device, "a")).content == b"onetwo"
    assert len(await device.log()) == 2


async def test_a_piece_for_another_place_is_told_where_the_upload_ends(store: StoreWorld) -> None:
    device = store.device()
    upload = await begin(device, "a", b"one")
    for wrong in (0, 2, 4, 10**14):
        answer = await append(device, upload, b"x", offset=wrong, complete=False)
        assert (answer.status_code, answer.json()["expected_offset"]) == (409, 3)
        assert answer.json()["type"] == "urn:segue:problem:mismatching-upload-offset"


async def test_of_two_that_go_on_at_one_place_one_is_counted(store: StoreWorld) -> None:
    """They meet after both have seen the same offset and kept their objects."""
    device, other = store.device(), store.device()
    upload = await begin(device, "a", b"")
    await other.get()
    blobs = store.blobs = MeetingBlobs(store.blobs, 2)
    await store.restart()
    answers = await asyncio.gather(
        append(device, upload, b"one", offset=0, complete=False),
        append(other, upload, b"two", offset=0, complete=False),
    )
    assert blobs.met
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert await offset(device, upload) == (3, False)
    done = await append(device, upload, b"", offset=3, complete=True)
    assert (await get(device, "a")).content == (b"one" if answers[0].status_code == 204 else b"two")
    assert done.status_code == 201


async def test_a_wrong_digest_stores_nothing(store: StoreWorld) -> None:
    device = store.device()
    for name in ("repr_digest", "content_digest"):
        answer = await put(device, "a", CONTENT, **{name: digest(b"other")})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:segue:problem:digest-mismatch")
    upload = await begin(device, "a", b"one", repr_digest=digest(b"other"))
    assert (await append(device, upload, b"two", offset=3, complete=True)).status_code == 422
    assert (await device.send("HEAD", upload)).status_code == 404
    assert (await put(device, "a", CONTENT, repr_digest="md5=:AAAA:")).status_code == 201  # no algorithm of ours
    await put(device, "b", b"x", repr_digest=digest(b"x") + ", md5=:AAAA:")
    assert await _collected(store) == 6
    assert (await get(device, "a")).content == CONTENT


async def test_an_upload_that_is_shorter_than_it_said_is_not_finished(store: StoreWorld) -> None:
    device = store.device()
    upload = await begin(device, "a", b"one", upload_length="6")
    assert (await append(device, upload, b"", offset=3, complete=True)).status_code == 409
    assert (await append(device, upload, b"two", offset=3, complete=True)).status_code == 201


async def test_an_upload_belongs_to_its_person_and_task(store: StoreWorld) -> None:
    device = store.device()
    upload = await begin(device, "a", b"one")
    await store.begin("tsk_other")
    assert (await store.device(task_id="tsk_other").send("HEAD", upload)).status_code == 404
    assert (await store.device(actions=["task:read", "working_set:read"]).send("HEAD", upload)).status_code == 403
    assert (await device.send("HEAD", "/uploads/upl_nothing")).status_code == 404
    assert (await device.send("DELETE", upload)).status_code == 204
    assert (await append(device, upload, b"x", offset=3, complete=False)).status_code == 404


async def test_a_device_left_behind_does_not_go_on_with_its_upload(store: StoreWorld) -> None:
    left = store.device()
    upload = await begin(left, "a", b"one")
    now = left.after_move(2)
    await now.get()
    assert (await append(left, upload, b"two", offset=3, complete=True)).status_code == 409
    assert (await append(now, upload, b"two", offset=3, complete=True)).status_code == 201


async def test_so_many_uploads_are_unfinished_and_no_more_and_they_expire(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    monkeypatch.setattr(artifact, "MAX_UPLOADS", 2)
    uploads = [await begin(device, f"f{n}", b"x") for n in range(2)]
    assert (await put(device, "more", b"x", upload_complete="?0")).json()["limits"] == {"uploads": 2}
    await store.later(UPLOAD_LIFETIME // 2)
    device.refresh()
    await append(device, uploads[1], b"y", offset=1, complete=False)
    await store.later(UPLOAD_LIFETIME // 2 + 10)
    device.refresh()
    assert await _collected(store) == 1
    assert [(await device.send("HEAD", upload)).status_code for upload in uploads] == [404, 204]
    assert (await put(device, "more", b"x")).status_code == 201


async def test_ranges_are_parts_of_the_file(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", CONTENT)
    size = len(CONTENT)
    places = (0, 1, CHUNK - 1, CHUNK, PART - 1, PART, PART + 1, size - 1)
    asked = [(first, last) for first in places for last in (first, first + 1, first + CHUNK) if last < size]
    for first, last in asked[:: 1 if FULL else 3]:
        answer = await get(device, "a", Range=f"bytes={first}-{last}")
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert answer.content == CONTENT[first : last + 1]
    assert (await get(device, "a", Range="bytes=-7")).content == CONTENT[-7:]
    assert (await get(device, "a", Range=f"bytes={size - 9}-")).content == CONTENT[-9:]
    assert (await get(device, "a", Range=f"bytes={size - 9}-{size * 2}")).content == CONTENT[-9:]
    for beyond in (f"bytes={size}-", "bytes=-0"):
        answer = await get(device, "a", Range=beyond)
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x"):
        assert (await get(device, "a", Range=ignored)).status_code == 200
    assert (await get(device, "a", Range="bytes=0-0", If_Range='"1"')).status_code == 206
    assert (await get(device, "a", Range="bytes=0-0", If_Range='"2"')).status_code == 200
    assert (await get(device, "a", If_None_Match='"1"')).status_code == 304


async def test_a_range_fetches_only_the_chunks_that_hold_it(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", CONTENT)
    blobs = store.blobs = CountingBlobs(store.blobs)
    await store.restart()
    await get(device, "a", Range=f"bytes={CHUNK}-{CHUNK + 9}")
    assert 0 < blobs.read_bytes < 2 * CHUNK


async def test_memory_stays_bounded_while_a_file_goes_up_and_down(store: StoreWorld) -> None:
    """The process grows by a few parts, not by the file."""
    size = (256 if FULL else 32) * 2**20
    device = store.device()
    await put(device, "warm", CONTENT)  # threads, connections and caches are there now
    with PeakMemory() as up:
        assert (await put(device, "a", _many(size))).json()["size"] == size
    read = largest = 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal read, largest
        read += len(message.get("body", b""))
        largest = max(largest, len(message.get("body", b"")))

    path = f"{device.task}/artifacts/a"
    with PeakMemory() as down:
        await device.world.app(_scope("GET", path, await _proof(device, "GET", path)), _listening, send)
    assert (read, largest) == (size, READ)
    assert max(up.grown, down.grown) < 24 * 2**20, (up.grown, down.grown)


async def test_the_same_content_is_kept_once_in_a_task_and_apart_in_others(store: StoreWorld) -> None:
    device = store.device()
    for path in ("a", "b", "c"):
        await put(device, path, CONTENT)
    await put(device, "a", b"x", version=1)
    await put(device, "a", CONTENT, version=2)
    await store.begin("tsk_other")
    await put(store.device(task_id="tsk_other"), "a", CONTENT)
    await _collected(store)
    kept = await store.database.read(lambda connection: connection.execute(sa.select(tables.blob_parts.c.size)).all())
    assert sorted(row.size for row in kept) == sorted([1, *2 * [PART, len(CONTENT) - PART]])
    tags = await store.database.read(
        lambda connection: connection.execute(sa.select(tables.blobs.c.content_tag)).scalars().all()
    )
    assert len({tag for tag in tags if tag}) == 3, "another task's tag tells that it has the same file"
    assert [(await get(device, path)).content == CONTENT for path in ("a", "b", "c")] == [True] * 3


async def test_a_content_that_is_named_again_while_it_is_collected_stays(store: StoreWorld) -> None:
    """The collector has found a content that nobody names; before it drops it, an upload of the same names it."""
    device = store.device()
    await put(device, "a", CONTENT)
    await _forget_versions(store)
    await store.later(2 * 24 * 3600)
    device.refresh()
    collecting = Collecting(store.database, store.blobs, clock=store.clock)
    found = await collecting.unnamed()
    assert len(found) == 1
    assert (await put(device, "b", CONTENT)).status_code == 201
    assert await collecting.drop(found) == 0
    await collecting.collect()
    assert (await get(device, "b")).content == CONTENT


async def test_a_content_that_is_collected_first_is_not_named_again(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", CONTENT)
    await _forget_versions(store)
    await store.later(2 * 24 * 3600)
    device.refresh()
    collecting = Collecting(store.database, store.blobs, clock=store.clock)
    assert await collecting.drop(await collecting.unnamed()) == 1
    assert (await put(device, "b", CONTENT)).status_code == 201
    assert await collecting.collect() == 2
    assert (await get(device, "b")).content == CONTENT


async def test_an_object_of_a_write_that_crashed_is_removed(store: StoreWorld) -> None:
    device = store.device()
    blobs = store.blobs
    store.blobs = FailingBlobs(blobs)
    await store.restart()
    assert (await put(device, "a", CONTENT)).status_code == 503
    store.blobs = blobs
    assert await _collected(store) == 0, "it may still be on its way"
    await store.later(2 * 24 * 3600)
    assert await _collected(store) == 1
    assert not [path for path in (store.settings.key_file.parent / "blobs").rglob("*") if path.is_file()]


async def _cut(device: Device, upload: str, content: bytes, *, at: int) -> None:
    """The client breaks off after these bytes."""
    path = f"{device.task}{upload}"
    headers = await _proof(device, "PATCH", path)
    headers |= {"Upload-Offset": str(at), "Upload-Complete": "?1", "Content-Type": "application/partial-upload"}
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": content, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(_: dict[str, Any]) -> None:
        return None

    await device.world.app(_scope("PATCH", path, headers), receive, send)


def _scope(method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 50000),
        "server": ("tasks.example", 443),
    }


async def _listening() -> dict[str, Any]:
    """The client has said everything and stays."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


async def _proof(device: Device, method: str, path: str) -> dict[str, str]:
    await device.get()  # so that the nonce is fresh
    return device.key.headers(method, STORE + path, device.token, nonce=device.nonce)


async def _collected(store: StoreWorld) -> int:
    return await Collecting(store.database, store.blobs, clock=store.clock).collect()


async def _forget_versions(store: StoreWorld) -> None:
    """As a retention policy would."""
    for table in (tables.artifacts, tables.artifact_versions):
        await store.database.write(lambda connection, table=table: connection.execute(sa.delete(table)).rowcount)


async def _many(size: int) -> AsyncIterator[bytes]:
    piece = os.urandom(2**16)
    for _ in range(size // len(piece)):
        yield piece


class PeakMemory:
    """How much the process grew at most, looked at often."""

    grown = 0

    def __enter__(self) -> "PeakMemory":
        self._before = _resident()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            self.grown = max(self.grown, _resident() - self._before)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class CountingBlobs:
    def __init__(self, blobs: Any) -> None:
        self.read_bytes = 0
        self._blobs = blobs

    async def read(self, name: str, *, start: int, size: int) -> bytes:
        found: bytes = await self._blobs.read(name, start=start, size=size)
        self.read_bytes += len(found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)


class MeetingBlobs:
    """Writers go on only once so many have kept their objects."""

    def __init__(self, blobs: Any, meet: int) -> None:
        self.met = False
        self._blobs = blobs
        self._barrier = asyncio.Barrier(meet)

    async def put(self, name: str, content: bytes) -> None:
        await self._blobs.put(name, content)
        if not self.met:
            await asyncio.wait_for(self._barrier.wait(), 10)
            self.met = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)


class FailingBlobs:
    """Keeps the object, and fails before it says so."""

    def __init__(self, blobs: Any) -> None:
        self._blobs = blobs

    async def put(self, name: str, content: bytes) -> None:
        await self._blobs.put(name, content)
        raise BlobsUnavailable("lost")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)
