"""The files of a task over HTTP: paths with versions, workspaces as they were, and nothing but names in a path."""

import asyncio
import json

import pytest
from filing import get, put, sha256
from resource_world import OWNER, StoreWorld
from segue_resource.domain import artifact

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T14")]

TEXT = b"# Progress\n\n17 of 40 clauses compared.\n"


async def test_a_file_is_created_read_and_replaced_with_versions(store: StoreWorld) -> None:
    device = store.device()
    created = await put(device, "notes/progress.md", TEXT, media_type="text/markdown")
    assert (created.status_code, created.headers["ETag"], created.headers["Task-Head"]) == (201, '"1"', "2")
    assert created.json() == {
        "path": "notes/progress.md",
        "version": 1,
        "seq": 2,
        "media_type": "text/markdown",
        "size": len(TEXT),
        "sha256": sha256(TEXT),
        "read_first": False,
        "updated_at": store.now,
        "updated_by": {"sub": OWNER, "client_id": "test-client", "device_id": device.device_id},
    }
    replaced = await put(device, "notes/progress.md", b"done", version=1)
    assert (replaced.status_code, replaced.headers["ETag"], replaced.json()["version"]) == (200, '"2"', 2)
    read = await device.get("/artifacts/notes/progress.md")
    assert (read.content, read.headers["ETag"], read.headers["Content-Length"]) == (b"done", '"2"', "4")
    assert (await device.get("/artifacts/notes/progress.md?version=1")).content == TEXT
    assert (await device.read("/artifacts"))["artifacts"] == [replaced.json()]
    logged = (await device.log())[1:]
    assert [found["kind"] for found in logged] == ["artifact.changed"] * 2
    assert logged[0]["body"] == {
        "path": "notes/progress.md",
        "version": 1,
        "media_type": "text/markdown",
        "size": len(TEXT),
        "sha256": sha256(TEXT),
        "read_first": False,
    }


async def test_an_empty_file_is_a_file(store: StoreWorld) -> None:
    device = store.device()
    assert (await put(device, "empty", b"")).json()["size"] == 0
    read = await device.get("/artifacts/empty")
    assert (read.status_code, read.content, read.headers["Content-Length"]) == (200, b"", "0")


async def test_of_writers_that_saw_the_same_version_one_wins_and_the_others_see_its_value(store: StoreWorld) -> None:
    devices = [store.device() for _ in range(4)]
    await put(devices[0], "draft", b"0")
    for device in devices:
        await device.get()
    answers = await asyncio.gather(*(put(device, "draft", b"x" * n, version=1) for n, device in enumerate(devices, 1)))
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 412]
    assert (len(won), len(lost)) == (1, 3)
    assert all(answer.json()["current"] == won[0].json() for answer in lost if answer.json()["current"]["version"] == 2)
    assert (await device.read("/artifacts"))["artifacts"] == [won[0].json()]


async def test_of_two_writers_that_create_the_same_file_one_wins(store: StoreWorld) -> None:
    device = store.device()
    await device.get()
    answers = await asyncio.gather(*(put(device, "draft", b"x" * n) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412]


async def test_a_write_needs_a_condition_and_a_content_as_it_is(store: StoreWorld) -> None:
    device = store.device()
    refused = [
        await device.send("PUT", "/artifacts/a", content=b"x"),
        await put(device, "a", b"x", content_encoding="gzip"),
        await put(device, "a", b"x", content_range="bytes 0-0/1"),
        await put(device, "a", b"x", media_type="text"),
        await put(device, "a", b"x", upload_complete="yes"),
        await put(device, "a", b"x", repr_digest="sha-256=abc"),
        await put(device, "a", b"x", version=3),
    ]
    assert [answer.status_code for answer in refused] == [428, 415, 400, 400, 400, 400, 412]
    assert (await device.read("/artifacts"))["artifacts"] == []


async def test_a_deleted_file_is_gone_and_its_versions_stay(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "draft", TEXT)
    stale = await device.send("DELETE", "/artifacts/draft", headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["current"]["version"]) == (412, 1)
    deleted = await device.send("DELETE", "/artifacts/draft", headers={"If-Match": '"1"'})
    assert deleted.status_code == 204
    assert (await device.get("/artifacts/draft")).status_code == 404
    assert (await device.get("/artifacts/draft?version=1")).content == TEXT
    assert (await device.get("/artifacts/draft?version=2")).status_code == 404
    again = await put(device, "draft", b"anew")
    assert (again.status_code, again.json()["version"]) == (201, 3)
    versions = (await device.read("/artifacts/draft/versions"))["versions"]
    assert [(found["version"], found["deleted"], found["size"]) for found in versions] == [
        (3, False, 4),
        (2, True, 0),
        (1, False, len(TEXT)),
    ]
    assert [found["kind"] for found in await device.log()][-2:] == ["artifact.deleted", "artifact.changed"]


@pytest.mark.requirement("R42")
async def test_the_workspace_is_read_as_of_any_place_in_the_log(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", b"first")
    await put(device, "b", b"other")
    await put(device, "a", b"second", version=1)
    await device.send("DELETE", "/artifacts/b", headers={"If-Match": '"1"'})
    then = [
        [(found["path"], found["version"]) for found in (await device.read(f"/artifacts?as_of={seq}"))["artifacts"]]
        for seq in range(1, 6)
    ]
    assert then == [[], [("a", 1)], [("a", 1), ("b", 1)], [("a", 2), ("b", 1)], [("a", 2)]]
    assert (await device.get("/artifacts/a?as_of=3")).content == b"first"
    assert (await device.get("/artifacts/b?as_of=4")).content == b"other"
    assert (await device.get("/artifacts/b?as_of=5")).status_code == 404
    assert (await device.get("/artifacts?as_of=6")).status_code == 409
    assert (await device.get("/artifacts/a?as_of=6")).status_code == 409
    assert (await device.get("/artifacts/a?as_of=3&version=1")).status_code == 400


async def test_a_repeated_request_is_answered_as_the_first_was(store: StoreWorld) -> None:
    device = store.device()
    answers = [await put(device, "a", TEXT, idempotency_key="k") for _ in range(2)]
    assert [answer.json()["version"] for answer in answers] == [1, 1]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert (await put(device, "a", b"other", idempotency_key="k")).status_code == 422
    assert len(await device.log()) == 2


async def test_a_file_is_nobody_elses(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", TEXT)
    await store.begin("tsk_other")
    other = store.device(task_id="tsk_other")
    assert (await other.get("/artifacts/a")).status_code == 404
    assert (await other.send("GET", f"{device.task}/artifacts/a")).status_code in (403, 404)
    reader = store.device(actions=["task:read", "working_set:read"])
    assert (await reader.get("/artifacts/a")).content == TEXT
    assert (await put(reader, "a", b"x", version=1)).status_code == 403
    assert (await store.device(actions=["task:read"]).get("/artifacts/a")).status_code == 403


async def test_nothing_is_written_while_the_task_rests(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "a", TEXT)
    await device.post("/status", {"to": "paused", "reason": None})
    refused = [
        await put(device, "b", b"x"),
        await put(device, "a", b"x", version=1),
        await device.send("DELETE", "/artifacts/a", headers={"If-Match": '"1"'}),
    ]
    assert [answer.status_code for answer in refused] == [423, 423, 423]
    assert (await device.get("/artifacts/a")).content == TEXT


async def test_the_device_left_behind_reads_and_writes_nothing(store: StoreWorld) -> None:
    left = store.device()
    await put(left, "a", TEXT)
    now = left.after_move(2)
    assert (await now.get("/artifacts/a")).content == TEXT
    assert (await put(left, "a", b"x", version=1)).status_code == 409
    assert (await left.get("/artifacts/a")).content == TEXT


HOSTILE = (
    *("..", "a/../b", "%2e%2e/b", "a/%2e%2e%2fb", "/etc/passwd", "a//b", "a/", "./a", "C:/x", "a\\b", "..%5Cb", "NUL"),
    *("con.txt", "a\u202eb", "a%00b", "a%0Ab", "a.", "a%20", "%25%32e%25%32e", "a" * 256, "x/" * 32 + "x"),
    *("a/versions", "\u00e9" * 200, "lpt1.log", "a:stream", "a%3Fb", "a*b", "%ff", "%ed%a0%80"),
)


@pytest.mark.requirement("XD-TASK-04")
async def test_a_path_is_a_name_and_nothing_else(store: StoreWorld) -> None:
    device = store.device()
    for path in HOSTILE:
        answer = await put(device, path, b"x")
        assert answer.status_code in (400, 401, 404, 405), (path, answer.text)  # 401: the client spelled it otherwise
    assert (await device.read("/artifacts"))["artifacts"] == []


async def test_two_spellings_of_one_name_are_one_file(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "r\u00e9sum\u00e9.txt", TEXT)
    assert (await put(device, "re\u0301sume\u0301.txt", TEXT)).status_code == 412
    assert (await get(device, "re\u0301sume\u0301.txt")).content == TEXT


async def test_a_path_that_holds_a_credential_is_refused(store: StoreWorld) -> None:
    answer = await put(store.device(), "AKIA" + "Q" * 16, b"x")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:segue:problem:live-credential")


async def test_a_task_has_so_many_files_and_bytes_and_no_more(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    monkeypatch.setattr(artifact, "MAX_FILES", 2)
    answers = [await put(device, f"f{n}", b"x" * n) for n in range(1, 4)]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[2].json()["limits"] == {"files": 2}
    monkeypatch.setattr(artifact, "MAX_BYTES", 50)
    assert (await put(device, "f1", b"y" * 60, version=1)).json()["limits"]["bytes"] == 50
    monkeypatch.setattr(artifact, "MAX_SIZE", 30)
    assert (await put(device, "f1", b"y" * 31, version=1)).status_code == 413
    assert (await put(device, "f1", _unannounced(b"y" * 31), version=1)).json()["limits"] == {"file_bytes": 30}
    assert [found["version"] for found in (await device.read("/artifacts"))["artifacts"]] == [1, 1]


@pytest.mark.requirement("R23")
async def test_a_resume_shows_what_is_to_be_read_first(store: StoreWorld) -> None:
    device = store.device()
    await put(device, "progress.md", TEXT, media_type="text/markdown", query="?read_first=1")
    features = json.dumps([{"feature": "compare", "passes": False}]).encode()
    await put(device, "features.json", features, media_type="application/json", query="?read_first=1")
    await put(device, "scan.png", b"\x89PNG", media_type="image/png", query="?read_first=1")
    await put(device, "other.md", TEXT, media_type="text/markdown")
    shown = (await device.read("/resume"))["read_first"]
    assert [(found["path"], found["text"]) for found in shown] == [
        ("progress.md", TEXT.decode()),
        ("features.json", features.decode()),
        ("scan.png", None),
    ]
    await put(device, "progress.md", b"Done.", media_type="text/markdown", version=1)
    shown = (await device.read("/resume"))["read_first"]
    assert [found["path"] for found in shown] == ["features.json", "scan.png", "progress.md"]
    await put(device, "progress.md", b"Done.", version=2, query="?read_first=0")
    assert [found["path"] for found in (await device.read("/resume"))["read_first"]] == ["features.json", "scan.png"]


async def test_so_much_can_be_read_first_and_no_more(store: StoreWorld) -> None:
    device = store.device()
    answers = [await put(device, f"f{n}", b"%d" % n, query="?read_first=1") for n in range(artifact.MAX_READ_FIRST + 1)]
    assert [answer.status_code for answer in answers] == [201] * artifact.MAX_READ_FIRST + [422]


async def _unannounced(content: bytes):  # type: ignore[no-untyped-def]
    yield content
