"""The tool's process dies right after its side effect, and two devices resume at once: it took effect once (T9).

A system that keeps the conversation and not the call takes effect three times here (specs/evidence/crash-probe.md).
"""

import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crashing_tool
import httpx2
import pytest
from resource_process import Process, ProcessDevice, serving_issuer
from segue.jose import b64url_encode
from segue_storage.migrations import upgrade

PROBLEM = "urn:segue:problem:"
pytestmark = pytest.mark.requirement("T9", "R14", "R15", "R38", "R48")


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("store")
    words, environment = (), {}
    if request.param == "scaled":
        (folder / "master").write_text(b64url_encode(secrets.token_bytes(32)))
        (folder / "nonce").write_bytes(secrets.token_bytes(32))
        words = ("--workers", "2")
        environment = {
            "SEGUE_RESOURCE_DATABASE": request.getfixturevalue("postgresql_database"),
            "SEGUE_RESOURCE_REDIS": request.getfixturevalue("redis_url"),
            "SEGUE_RESOURCE_KEY_FILE": str(folder / "master"),
            "SEGUE_RESOURCE_BLOBS": (folder / "blobs").as_uri(),
            "SEGUE_RESOURCE_NONCE_SECRET_FILE": str(folder / "nonce"),
        }
        upgrade(environment["SEGUE_RESOURCE_DATABASE"], "segue_resource")
    with serving_issuer() as issuer:
        started = Process(folder, issuer, *words, **environment)
        started.start()
        yield started
        started.close()


@pytest.fixture
def person(server: Process) -> ProcessDevice:
    """A device of the person's at a new task."""
    task_id = f"tsk_{secrets.token_hex(8)}"
    server.begin(task_id)
    return server.device(task_id)


def step(device: ProcessDevice, call_id: str, verb: str, **content: Any) -> httpx2.Response:
    return device.request("POST", f"/tool-calls/{call_id}/{verb}", json=content)


def approved_call(device: ProcessDevice, effect: str) -> str:
    call = {"tool": "pay", "title": "Pay the invoice", "arguments": {}, "effect": effect}
    call_id = str(device.request("POST", "/tool-calls", json=call).json()["call_id"])
    assert step(device, call_id, "approve").json()["state"] == "approved"
    return call_id


def run_and_crash(person: ProcessDevice, call_id: str, ledger: Path, *, dies: str) -> None:
    """The tool runs in a process of its own, until its kill -9; then its lease runs out."""
    command = [sys.executable, crashing_tool.__file__]
    tool = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert tool.stdin is not None
    assert tool.stdout is not None
    jkt = tool.stdout.readline().strip()
    token = person.server.token_for(jkt, person.task_id)
    given = {"task": person.url, "token": token, "call_id": call_id, "ledger": str(ledger), "dies": dies}
    tool.communicate(json.dumps(given) + "\n", timeout=30)
    assert tool.returncode == -9
    time.sleep(crashing_tool.LEASE + 0.2)


def resume_at_once(person: ProcessDevice, call_id: str, ledger: Path, *, devices: int = 2) -> list[httpx2.Response]:
    """Each reads what there is and takes the call if it can get it; the answers to their claims."""
    barrier, answers = threading.Barrier(devices), []

    def resume(device: ProcessDevice) -> None:
        assert device.request("GET", "/resume").status_code == 200
        barrier.wait()
        claimed = step(device, call_id, "claim", lease=60)
        answers.append(claimed)
        if fence := claimed.json().get("fence"):  # otherwise somebody else has it, or has finished it
            assert step(device, call_id, "start", fence=fence, lease=60).status_code == 200
            crashing_tool.take_effect(ledger)
            assert step(device, call_id, "complete", fence=fence, result="paid").status_code == 200

    threads = [threading.Thread(target=resume, args=[person.server.device(person.task_id)]) for _ in range(devices)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_after_the_effect_nobody_repeats_it_and_the_person_is_asked(person: ProcessDevice, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    call_id = approved_call(person, "irreversible")
    run_and_crash(person, call_id, ledger, dies="after its effect")
    answers = resume_at_once(person, call_id, ledger)
    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (409, f"{PROBLEM}outcome-unknown")
    ] * 2
    assert ledger.read_text() == "paid\n"
    view = person.request("GET", "/resume").json()
    assert [(call["state"], call["waits_for"]) for call in view["tool_calls"]] == [("unknown", "person")]
    assert "nobody knows whether it took effect" in view["paragraph"]
    settled = step(person, call_id, "settle", attempt=1, outcome="happened", result="paid, says the bank")
    assert settled.json()["state"] == "succeeded"
    assert ledger.read_text() == "paid\n"
    assert len([event for event in person.log() if event["kind"] == "tool_call.started"]) == 1


@pytest.mark.parametrize("effect", ["irreversible", "reconcilable", "idempotent"])
def test_before_it_started_one_of_them_runs_it(person: ProcessDevice, tmp_path: Path, effect: str) -> None:
    ledger = tmp_path / "ledger"
    call_id = approved_call(person, effect)
    run_and_crash(person, call_id, ledger, dies="before it starts")
    answers = resume_at_once(person, call_id, ledger)
    assert 200 in [answer.status_code for answer in answers]
    assert ledger.read_text() == "paid\n"
    assert person.request("GET", f"/tool-calls/{call_id}").json()["state"] == "succeeded"


def test_a_pure_call_is_run_again_under_the_next_fence(person: ProcessDevice, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    call = {"tool": "sum", "title": "Add it up", "arguments": {}, "effect": "pure"}
    call_id = str(person.request("POST", "/tool-calls", json=call).json()["call_id"])
    run_and_crash(person, call_id, ledger, dies="after its effect")
    answers = resume_at_once(person, call_id, ledger)
    assert 200 in [answer.status_code for answer in answers]
    assert ledger.read_text() == "paid\n" * 2
    assert person.request("GET", f"/tool-calls/{call_id}").json()["attempt"] == 2
