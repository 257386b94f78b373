"""The files of a task: the same after a pause, on another device and after a restart, with every version."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from deployment import Deployment
from journey import Journey, open_journey, said
from segue_client import artifacts
from segue_client.device import Refused
from segue_client.grant import Grant

pytestmark = pytest.mark.anyio

CONTENT = random.Random(42).randbytes(artifacts.PIECE * 2 + 12_345)
PROGRESS = "# Progress\n- [x] clause 7.2\n- [ ] clause 8\n"
FEATURES = '[{"feature": "compare precedents", "passes": false}]'


class Files:
    """The files of one grant's task, as a device keeps them in a folder."""

    def __init__(self, journey: Journey, grant: Grant, folder: Path) -> None:
        self._grant = grant
        self._store = journey.site.store
        self._folder = folder
        folder.mkdir(exist_ok=True)

    async def put(self, path: str, content: bytes | str, **how: Any) -> artifacts.Body:
        source = self._folder / "source"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        return await artifacts.upload(self._grant, path, source, store=self._store, **how)

    async def get(self, path: str, *, version: int | None = None) -> bytes:
        target = self._folder / "target"
        await artifacts.download(self._grant, path, target, store=self._store, version=version)
        return target.read_bytes()

    async def listed(self, query: str = "") -> dict[str, int]:
        url = f"{self._store}/tasks/{self._grant.task_id}/artifacts{query}"
        found = await self._grant.call("GET", url, audience=self._store)
        return {each["path"]: each["version"] for each in found["artifacts"]}


async def test_r23_the_next_session_reads_the_progress_log_and_the_feature_list_first(
    journey: Journey, tmp_path: Path
) -> None:
    desktop = await journey.begin()
    files = Files(journey, desktop, tmp_path)
    await files.put("features.json", FEATURES, media_type="application/json", read_first=True)
    first = await files.put("progress.md", "# Progress\n", media_type="text/markdown", read_first=True)
    await files.put("contract.docx", CONTENT)
    await files.put("progress.md", PROGRESS, media_type="text/markdown", version=first["version"])
    phone = await journey.hand_over(desktop)
    shown = await journey.task(phone).resume()
    assert [(found["path"], found["version"], found["text"]) for found in shown["read_first"]] == [
        ("features.json", 1, FEATURES),
        ("progress.md", 2, PROGRESS),
    ]


async def test_r42_a_workspace_is_its_tasks_own_and_is_restored_as_of_the_pause(
    deployment: Deployment, tmp_path: Path
) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        desktop = await journey.begin()
        files = Files(journey, desktop, tmp_path / "desktop")
        await files.put("draft/contract.docx", CONTENT)
        await files.put("notes.md", "half done")
        task, there = journey.task(desktop), f"/tasks/{desktop.task_id}/status"
        await task.append([said("I stop here.")])
        await journey.at_store(desktop, "POST", there, json={"to": "paused", "reason": None})
        paused_at = (await task.resume())["cursor"]
        other = Files(journey, await journey.begin(), tmp_path / "other")
        assert await other.listed() == {}
        with pytest.raises(Refused):
            await other.get("notes.md")
        deployment.kill()
        deployment.start()
        phone = await journey.hand_over(desktop)
        files = Files(journey, phone, tmp_path / "phone")
        assert await files.listed() == {"draft/contract.docx": 1, "notes.md": 1}
        assert await files.get("draft/contract.docx") == CONTENT
        for status in ("resumed", "active"):
            await journey.at_store(phone, "POST", there, json={"to": status, "reason": None})
        await files.put("notes.md", "changed", version=1)
        await files.put("more.md", "new")
        assert await files.listed(f"?as_of={paused_at}") == {"draft/contract.docx": 1, "notes.md": 1}
        path = f"/tasks/{phone.task_id}/artifacts/notes.md?as_of={paused_at}"
        assert (await journey.at_store(phone, "GET", path)).content == b"half done"
        assert await files.listed() == {"draft/contract.docx": 1, "notes.md": 2, "more.md": 1}


async def test_r43_every_version_of_an_artifact_is_preserved(journey: Journey, tmp_path: Path) -> None:
    grant = await journey.begin()
    files = Files(journey, grant, tmp_path)
    for version in range(4):
        made = await files.put("report.txt", f"draft {version}", version=version or None)
        assert made["version"] == version + 1
    with pytest.raises(Refused) as late:
        await files.put("report.txt", "late", version=2)
    assert (late.value.status, late.value.body["current"]["version"]) == (412, 4)
    url = f"/tasks/{grant.task_id}/artifacts/report.txt"
    await journey.at_store(grant, "DELETE", url, headers={"If-Match": '"4"'})
    told = (await journey.at_store(grant, "GET", url + "/versions")).json()["versions"]
    assert [(found["version"], found["deleted"]) for found in told] == [
        *((5, True), (4, False), (3, False), (2, False), (1, False))
    ]
    assert [await files.get("report.txt", version=version) for version in range(1, 5)] == [
        f"draft {version}".encode() for version in range(4)
    ]
    assert {found["updated_by"]["device_id"] for found in told} == {told[0]["updated_by"]["device_id"]}


async def test_a_file_goes_up_and_down_over_a_line_that_breaks(
    journey: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "AGAIN", 0)
    grant = await journey.begin()
    files, line = Files(journey, grant, tmp_path), BreakingLine(journey.networks[0], monkeypatch)
    line.loses = {"PATCH": 3}  # every piece, and the answer to the last one
    made = await files.put("big.bin", CONTENT)
    assert (made["size"], made["version"], line.loses) == (len(CONTENT), 1, {"PATCH": 0})
    line.cuts = 3
    assert await files.get("big.bin") == CONTENT
    assert line.cuts == 0
    assert await files.listed() == {"big.bin": 1}


class BreakingLine:
    """Loses answers to so many requests of a method, and cuts so many downloads short."""

    def __init__(self, network: httpx2.AsyncHTTPTransport, patch: pytest.MonkeyPatch) -> None:
        self.loses: dict[str, int] = {}
        self.cuts = 0
        self._handle = network.handle_async_request
        patch.setattr(network, "handle_async_request", self._broken)

    async def _broken(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._handle(request)
        if answer.status_code < 400 and self.loses.get(request.method):
            self.loses[request.method] -= 1
            await answer.aread()
            raise httpx2.ReadError("the answer is lost", request=request)
        if request.method == "GET" and answer.status_code in (200, 206) and self.cuts:
            self.cuts -= 1
            answer.stream = _Short(answer.stream)
        return answer


class _Short(httpx2.AsyncByteStream):
    def __init__(self, whole: Any) -> None:
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = 2**20
        async for piece in self._whole:
            yield piece
            left -= len(piece)
            if left <= 0:
                raise httpx2.ReadError("the line is cut")

    async def aclose(self) -> None:
        await self._whole.aclose()
