"""Where files are kept: a folder and a bucket keep the same promises, and what they keep cannot be changed unseen."""

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filing import append, begin, get, put
from hypothesis import given, settings
from hypothesis import strategies as st
from resource_world import StoreWorld
from s3_bucket import BUCKET, CREDENTIALS, s3_server
from segue_resource.stores.files.blob_files import BlobFiles
from segue_resource.stores.files.blob_place import open_blobs
from segue_resource.stores.files.blob_s3 import S3Key
from segue_resource.stores.files.blobs import PART, BlobMissing, BlobStore, BlobsUnavailable
from segue_resource.stores.files.collecting import Collecting
from segue_resource.stores.files.sealed_stream import CHUNK, TAG, BlobKey, Part, open_window, seal_part, window
from segue_resource.stores.keys.sealing import Damaged

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T14")]

CONTENT = random.Random(14).randbytes(PART + 3 * CHUNK + 17)
KEY = BlobKey("tsk_1", "upl_1", bytes(32))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture(params=["file", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    if request.param == "file":
        return open_blobs((tmp_path / "kept").as_uri())
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return open_blobs(f"s3://{BUCKET}/{tmp_path.name}", endpoint=request.getfixturevalue("bucket"))


async def test_an_object_is_kept_read_in_parts_and_removed(blobs: BlobStore) -> None:
    await blobs.put("ab/abc", CONTENT)
    assert await blobs.read("ab/abc", start=0, size=len(CONTENT)) == CONTENT
    assert await blobs.read("ab/abc", start=CHUNK, size=10) == CONTENT[CHUNK : CHUNK + 10]
    await blobs.put("ab/abd", b"x")
    await blobs.delete(["ab/abc", "ab/never"])
    await blobs.delete([])
    with pytest.raises(BlobMissing):
        await blobs.read("ab/abc", start=0, size=1)
    assert await blobs.read("ab/abd", start=0, size=1) == b"x"


async def test_a_key_of_ones_own_opens_a_bucket(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", CREDENTIALS["AWS_REGION"])
    key = S3Key(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    blobs = open_blobs(f"s3://{BUCKET}/{tmp_path.name}", endpoint=bucket, key=key)
    await blobs.put("ab/abc", CONTENT)
    assert await blobs.read("ab/abc", start=0, size=3) == CONTENT[:3]


async def test_files_live_in_either_place(store: StoreWorld, blobs: BlobStore) -> None:
    store.blobs = blobs
    await store.restart()
    device = store.device()
    await put(device, "a", CONTENT)
    upload = await begin(device, "b", CONTENT[:100])
    assert (await append(device, upload, CONTENT[100:], offset=100, complete=True)).status_code == 201
    await store.restart()
    assert [(await get(device, path)).content == CONTENT for path in ("a", "b")] == [True, True]
    assert (await get(device, "b", Range=f"bytes={PART - 1}-{PART}")).content == CONTENT[PART - 1 : PART + 1]
    assert await Collecting(store.database, blobs, clock=store.clock).collect() == 3


async def test_a_bucket_that_is_away_is_an_outage(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", b"x")
    store.blobs = Unreachable()
    await store.restart()
    for answer in (await get(device, "a"), await put(device, "b", b"x")):
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:segue:problem:unavailable")
    assert (await device.read("/resume"))["read_first"] == []


async def test_a_folder_that_cannot_be_written_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(BlobsUnavailable):
        await BlobFiles(tmp_path / "kept").put("ab/abc", b"x")


async def test_nothing_readable_is_kept_and_names_are_ours(store: StoreWorld) -> None:
    device = store.device()
    canary = b"canary-%d" % random.Random().getrandbits(64)
    await put(device, "canary-name.txt", canary * 10_000, media_type="text/x-canary-type")
    folder = store.settings.key_file.parent / "blobs"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert len(files[0].name) == 32
    assert set(files[0].name) <= set("0123456789abcdef")
    assert all(canary not in path.read_bytes() for path in files)
    assert files[0].stat().st_mode & 0o077 == 0
    if store.settings.embedded:
        kept = b"".join(path.read_bytes() for path in store.settings.key_file.parent.glob("resource.db*"))
        assert not [word for word in (b"canary", b"x-canary-type") if word in kept]


def _swapped(sealed: bytes) -> bytes:
    return sealed[CHUNK + TAG : 2 * (CHUNK + TAG)] + sealed[: CHUNK + TAG] + sealed[2 * (CHUNK + TAG) :]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "one bit": lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
    "cut by a byte": lambda sealed: sealed[:-1],
    "cut by a chunk": lambda sealed: sealed[: 2 * (CHUNK + TAG)],
    "chunks swapped": _swapped,
    "a byte more": lambda sealed: sealed + b"x",
    "nothing": lambda sealed: b"",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_was_changed_on_disk_is_not_served(store: StoreWorld, change: str) -> None:
    device = store.device()
    await put(device, "a", CONTENT[: 3 * CHUNK])
    (file,) = (path for path in (store.settings.key_file.parent / "blobs").rglob("*") if path.is_file())
    sealed = file.read_bytes()
    file.write_bytes(CHANGES[change](sealed))
    answer = None
    with contextlib.suppress(Damaged):  # the answer had begun, and is broken off
        answer = await get(device, "a")
    assert answer is None or answer.status_code == 500 or change == "a byte more"
    file.write_bytes(sealed)
    assert (await get(device, "a")).content == CONTENT[: 3 * CHUNK]


async def test_a_part_does_not_open_in_the_place_of_another() -> None:
    part = Part("p1", 0, CHUNK + 5)
    sealed = seal_part(KEY, part, CONTENT[: CHUNK + 5])
    whole = window(part, 0, part.size - 1)
    assert open_window(KEY, part, whole, sealed) == CONTENT[: CHUNK + 5]
    others = [
        (KEY, Part("p2", 0, CHUNK + 5)),
        (KEY, Part("p1", 5, CHUNK + 5)),
        (BlobKey("tsk_2", "upl_1", bytes(32)), part),
        (BlobKey("tsk_1", "upl_2", bytes(32)), part),
        (BlobKey("tsk_1", "upl_1", b"\1" * 32), part),
    ]
    for key, other in others:
        with pytest.raises(Damaged):
            open_window(key, other, whole, sealed)
    shorter = Part("p1", 0, CHUNK)
    with pytest.raises(Damaged):  # a whole last chunk is not the last of a longer part
        open_window(KEY, shorter, window(shorter, 0, CHUNK - 1), sealed[: CHUNK + TAG])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_range_of_any_part_opens_alone(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17]))
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    part = Part("p", 7, size)
    sealed = seal_part(KEY, part, CONTENT[:size])
    found = window(part, first, last)
    opened = open_window(KEY, part, found, sealed[found.start : found.start + found.size])
    begin = first - found.first * CHUNK
    assert opened[begin : begin + last - first + 1] == CONTENT[first : last + 1]


def test_places_are_folders_and_buckets(tmp_path: Path) -> None:
    for wrong in (
        "",
        "/kept",
        "file://host/kept",
        "s3://",
        "s3://B",
        "s3://bucket/../x",
        "s3://bucket/a?b",
        "http://x",
    ):
        with pytest.raises(ValueError, match=r"it "):
            open_blobs(wrong)
    assert isinstance(open_blobs((tmp_path / "a b").as_uri()), BlobFiles)


class Unreachable:
    async def put(self, name: str, content: bytes) -> None:
        raise BlobsUnavailable("away")

    async def read(self, name: str, *, start: int, size: int) -> bytes:
        raise BlobsUnavailable("away")

    async def delete(self, names: object) -> None:
        raise BlobsUnavailable("away")
