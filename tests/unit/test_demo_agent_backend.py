"""The demo's agent backend: a job is executed once per key, and only the task it belongs to can see it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from segue.testing import TestDevice, TestIssuer
from segue_demo.agent_backend import create_app
from segue_demo.job_ledger import JobLedger, OtherJob
from starlette.testclient import TestClient

AGENT = "https://agent.example"
KEY = "tsk_one/call_1"
JOB: dict[str, Any] = {"tool": "compare_precedents", "arguments": {"clause": "7.2"}}
ACTIONS = ("events:append", "tool_calls:claim")


class Rig:
    """The backend with an issuer, one device and a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000
        self.ledger = folder / "jobs.jsonl"
        self.issuer = TestIssuer(audience=AGENT, clock=lambda: self.now)
        self.device = TestDevice(clock=lambda: self.now)
        self.start()

    def start(self) -> None:
        app = create_app(
            issuer=self.issuer.issuer,
            audience=AGENT,
            ledger=self.ledger,
            job_seconds=40,
            fetch=self.issuer.fetch,
            clock=lambda: self.now,
        )
        self.client = TestClient(app, base_url=AGENT)

    def ask(
        self, method: str, path: str, *, task_id: str = "tsk_one", actions: tuple[str, ...] = ACTIONS, **body: Any
    ) -> Any:
        token = self.issuer.token(self.device, task_id=task_id, actions=actions)
        sent = {"json": body} if method != "GET" else {}
        return self.device.request(self.client, method, AGENT + path, token, **sent)

    def executions(self) -> list[dict[str, Any]]:
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text().splitlines()]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.client.close()


@pytest.mark.requirement("T9", "E6")
def test_a_job_started_twice_under_one_key_is_executed_once(rig: Rig) -> None:
    first = rig.ask("PUT", f"/jobs/{KEY}", **JOB)
    rig.now += 10
    second = rig.ask("PUT", f"/jobs/{KEY}", **JOB)
    assert [first.json()["progress"], second.json()["progress"]] == [0, 25]
    assert [line["key"] for line in rig.executions()] == [KEY]


@pytest.mark.requirement("T9")
@pytest.mark.anyio
async def test_twenty_starts_at_once_are_one_execution(tmp_path: Path) -> None:
    ledger = JobLedger(tmp_path / "jobs.jsonl", clock=lambda: 7)
    jobs = await asyncio.gather(*(ledger.start(KEY, tool="t", arguments={}) for _ in range(20)))
    assert len({id(job) for job in jobs}) == 1
    assert len((tmp_path / "jobs.jsonl").read_text().splitlines()) == 1


@pytest.mark.requirement("T9")
@pytest.mark.anyio
async def test_a_key_does_not_start_a_second_job_with_other_arguments(tmp_path: Path) -> None:
    ledger = JobLedger(tmp_path / "jobs.jsonl", clock=lambda: 7)
    await ledger.start(KEY, tool="t", arguments={"a": 1})
    with pytest.raises(OtherJob):
        await ledger.start(KEY, tool="t", arguments={"a": 2})
    assert len((tmp_path / "jobs.jsonl").read_text().splitlines()) == 1


@pytest.mark.requirement("T8", "T9")
def test_a_job_goes_on_over_a_restart_and_is_finished_with_its_result(rig: Rig) -> None:
    rig.ask("PUT", f"/jobs/{KEY}", **JOB)
    rig.start()
    rig.now += 40
    report = rig.ask("GET", f"/jobs/{KEY}").json()
    assert (report["state"], report["progress"]) == ("done", 100)
    assert "summary" in report["result"]
    assert len(rig.executions()) == 1


@pytest.mark.requirement("T8")
@pytest.mark.anyio
async def test_a_line_that_a_crash_left_half_written_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    await JobLedger(path, clock=lambda: 7).start(KEY, tool="t", arguments={})
    with path.open("a") as torn:
        torn.write('{"key": "tsk_one/call_2", "to')
    await JobLedger(path, clock=lambda: 8).start("tsk_one/call_3", tool="t", arguments={})
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == [KEY, "tsk_one/call_3"]


@pytest.mark.requirement("A5", "U2")
@pytest.mark.parametrize("task_id", ["tsk_other", "tsk_on"])
def test_the_token_of_another_task_neither_sees_nor_starts_a_job(rig: Rig, task_id: str) -> None:
    rig.ask("PUT", f"/jobs/{KEY}", **JOB)
    seen = rig.ask("GET", f"/jobs/{KEY}", task_id=task_id)
    started = rig.ask("PUT", f"/jobs/{KEY}", task_id=task_id, **JOB)
    assert [seen.status_code, started.status_code] == [404, 404]
    assert len(rig.executions()) == 1


@pytest.mark.requirement("A5", "U2")
def test_a_token_that_may_only_read_starts_nothing(rig: Rig) -> None:
    assert rig.ask("PUT", f"/jobs/{KEY}", actions=("tool_calls:read",), **JOB).status_code == 403
    assert rig.ask("POST", "/turns", actions=("events:read",)).status_code == 403
    assert rig.executions() == []


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_json_object_starts_nothing(rig: Rig, body: bytes) -> None:
    token = rig.issuer.token(rig.device, task_id="tsk_one", actions=ACTIONS)
    answer = rig.device.request(rig.client, "PUT", f"{AGENT}/jobs/{KEY}", token, content=body)
    assert answer.status_code == 400
    assert rig.executions() == []


@pytest.mark.requirement("E6")
def test_the_opening_turn_brings_a_draft_two_decisions_two_questions_and_an_idempotent_call(rig: Rig) -> None:
    turn = rig.ask("POST", "/turns", task_name="Acme contract revision").json()
    assert [item["type"] for item in turn["working_set"]] == ["document"] + 2 * ["decision"] + 2 * ["question"]
    assert (turn["tool_call"]["tool"], turn["tool_call"]["effect"]) == ("compare_precedents", "idempotent")
    assert rig.ask("POST", "/turns", task_name="Acme contract revision", text="Hello").json()["tool_call"] is None


@pytest.mark.requirement("A6")
def test_a_page_of_another_origin_can_read_the_nonce_it_is_asked_for(rig: Rig) -> None:
    token = rig.issuer.token(rig.device, task_id="tsk_one", actions=ACTIONS)
    headers = {**rig.device.headers("POST", f"{AGENT}/turns", token), "Origin": "https://desktop.example"}
    refused = rig.client.post("/turns", json={}, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "DPoP-Nonce" in refused.headers["Access-Control-Expose-Headers"]
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,dpop,content-type",
    }
    preflight = rig.client.options(f"/jobs/{KEY}", headers={"Origin": "https://desktop.example", **asked})
    assert preflight.status_code == 200
