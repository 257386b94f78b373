"""The whole record of a task in one archive: complete, readable by a person, safe to open, for the customer alone."""

import io
import json
import secrets
import zipfile
from typing import Any

import pytest
from filing import put
from participating import audit, handed_over, join
from resource_world import NAME, TASK, Device, StoreWorld, event, item, texts
from segue_resource.export.zip_stream import ZipStream

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T18", "R44")]

HOSTILE = "<script>alert(1)</script> \u202e & \"quoted\" 'so' ]]>"


async def exported(device: Device) -> zipfile.ZipFile:
    answer = await device.get("/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{TASK}.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def lines(archive: zipfile.ZipFile, name: str) -> list[Any]:
    return [json.loads(line) for line in archive.read(name).splitlines()]


async def eventful(store: StoreWorld) -> Device:
    owner, human = store.device(), await join(store)
    await owner.post("/events", {"events": [event("May we cap liability?", role="customer")]})
    await owner.say(f"At the fees of a year. {HOSTILE}")
    await owner.put("cap", item("Liability is capped"))
    await owner.put("cap", item("Liability is capped at fees"), version=1)
    call_id, fence = await owner.running()
    await owner.step(call_id, "complete", fence=fence, result={"found": "clause 7"})
    await handed_over(store, "warm", owner, human)
    await human.post("/events", {"events": [event("I am a person.", role="human_agent")]})
    return owner


async def test_interactions_decisions_and_outcomes_are_all_there_and_the_page_shows_them(store: StoreWorld) -> None:
    owner = await eventful(store)
    archive = await exported(owner)
    log = await owner.log()
    told = lines(archive, "events.ndjson")
    assert [found["seq"] for found in told] == [found["seq"] for found in log][: len(told)]
    assert texts(told) == ["May we cap liability?", f"At the fees of a year. {HOSTILE}", "I am a person."]
    assert [version["version"] for version in json.loads(archive.read("working_set/cap.json"))] == [2, 1]
    (call,) = json.loads(archive.read("tool_calls.json"))
    assert (call["state"], call["result"]) == ("succeeded", {"found": "clause 7"})
    assert json.loads(archive.read("task.json"))["name"] == NAME
    assert [found["role"] for found in json.loads(archive.read("participants.json"))] == ["human_agent", "customer"]
    assert json.loads(archive.read("handoffs.json"))[0]["state"] == "accepted"
    assert [entry["n"] for entry in lines(archive, "audit.ndjson")][:3] == [1, 2, 3]
    page = archive.read("index.html").decode()
    for said in (NAME, "May we cap liability?", "Liability is capped at fees", "clause 7", "I am a person."):
        assert said in page
    readme = archive.read("README.txt").decode()
    assert all(name.partition("/")[0] in readme for name in archive.namelist()[1:])


async def test_nothing_that_was_written_runs_or_hides_in_the_page(store: StoreWorld) -> None:
    page = (await exported(await eventful(store))).read("index.html").decode()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    assert not {"src=", "href=", "url("} & set(page.split())


async def test_it_is_on_record_before_it_goes_out_and_only_the_customer_has_it(store: StoreWorld) -> None:
    owner = await eventful(store)
    human = await join(store, "supervisor", sub="usr_supervisor")
    refused = await human.get("/export")
    assert (refused.status_code, refused.json()["role"]) == (403, "supervisor")
    await exported(owner)
    states = [entry["about"].get("state") for entry in await audit(owner)]
    assert states.count("export") >= 1


async def test_what_was_erased_is_not_exported(store: StoreWorld) -> None:
    owner = await eventful(store)
    await owner.post("/erasures", {})
    archive = await exported(owner)
    everything = b"".join(archive.read(name) for name in archive.namelist()[1:])
    assert b"cap liability" not in everything
    assert b"clause 7" not in everything
    assert b"I am a person." in everything
    assert b"subject.erased" in everything


@pytest.mark.requirement("T14")
async def test_files_are_carried_over_whole_and_never_whole_in_memory(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = store.device(), await join(store)
    large = secrets.token_bytes(6 * 2**20 + 7)
    for device, path, content in ((owner, "notes/progress.md", b"17 of 40"), (owner, "large.bin", large)):
        assert (await put(device, path, content)).status_code == 201
    assert (await put(other, "theirs.txt", b"of the other")).status_code == 201
    assert (await put(owner, "empty", b"")).status_code == 201
    taken = []
    take = ZipStream.take
    monkeypatch.setattr(ZipStream, "take", lambda zipped: taken.append(take(zipped)) or taken[-1])
    archive = await exported(owner)
    files = {name: archive.read(name) for name in archive.namelist() if name.startswith("artifacts/")}
    assert files == {
        "artifacts/notes/progress.md": b"17 of 40",
        "artifacts/large.bin": large,
        "artifacts/theirs.txt": b"of the other",
        "artifacts/empty": b"",
    }
    assert max(map(len, taken)) < 3 * 2**20
    await owner.post("/erasures", {})
    assert [name for name in (await exported(owner)).namelist() if "artifacts/" in name] == ["artifacts/theirs.txt"]


async def test_a_task_is_not_exported_without_end(store: StoreWorld) -> None:
    owner = store.device()
    for _ in range(10):
        await exported(owner)
    refused = await owner.get("/export")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:segue:problem:too-many-exports")


async def test_a_token_that_may_not_read_everything_exports_nothing(store: StoreWorld) -> None:
    refused = await store.device(actions={"task:read", "events:read"}).get("/export")
    assert refused.status_code == 403


def test_an_archive_is_given_away_as_it_is_made() -> None:
    with ZipStream() as zipped:
        zipped.begin("a.txt")
        most = 0
        taken = b""
        for number in range(200):
            zipped.write(bytes(str(number), "ascii") * 10_000)
            piece = zipped.take()
            most, taken = max(most, len(piece)), taken + piece
        zipped.finish()
        taken += zipped.take()
    assert most < 200_000
    with zipfile.ZipFile(io.BytesIO(taken)) as archive:
        assert len(archive.read("a.txt")) == sum(len(str(number)) * 10_000 for number in range(200))
