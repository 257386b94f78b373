"""The task store as real processes: killed, stopped, started twice, started wrongly, and several at once."""

import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from resource_process import Process, ProcessDevice, serving_issuer
from segue.jose import b64url_encode
from segue.testing import TestIssuer
from segue_storage.migrations import upgrade


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with serving_issuer() as issuer:
        yield issuer


@pytest.fixture
def embedded(tmp_path: Path, issuer: TestIssuer) -> Iterator[Process]:
    server = Process(tmp_path, issuer)
    yield server
    server.close()


@pytest.fixture
def scaled(tmp_path: Path, issuer: TestIssuer, request: pytest.FixtureRequest) -> Iterator[Process]:
    (tmp_path / "master").write_text(b64url_encode(secrets.token_bytes(32)))
    (tmp_path / "nonce").write_bytes(secrets.token_bytes(32))
    server = Process(
        tmp_path,
        issuer,
        "--workers",
        "2",
        "--log",
        "json",
        SEGUE_RESOURCE_DATABASE=request.getfixturevalue("postgresql_database"),
        SEGUE_RESOURCE_REDIS=request.getfixturevalue("redis_url"),
        SEGUE_RESOURCE_KEY_FILE=str(tmp_path / "master"),
        SEGUE_RESOURCE_BLOBS=(tmp_path / "blobs").as_uri(),
        SEGUE_RESOURCE_NONCE_SECRET_FILE=str(tmp_path / "nonce"),
    )
    yield server
    server.close()


class Writer(threading.Thread):
    """Says one thing after the other until it is told to stop; remembers what was acknowledged and what was not."""

    def __init__(self, device: ProcessDevice, name: str) -> None:
        super().__init__()
        self.device = device
        self.prefix = name
        self.acknowledged: list[str] = []
        self.open: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            text = f"{self.prefix}-{number}"
            number += 1
            try:
                said = self.device.say(text).status_code == 201
            except httpx2.HTTPError:
                said = False
            if not said:
                self.open.append(text)
                return
            self.acknowledged.append(text)


@pytest.mark.requirement("R37")
def test_what_is_no_http_is_refused_with_a_problem_too(embedded: Process) -> None:
    embedded.start()
    address = urlsplit(embedded.url)
    for nonsense in (b"HELLO\r\n\r\n", b"GET / HTTP/1.1\r\nBad Name : x\r\n\r\n", b"\x16\x03\x01\x00\x05hello"):
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall(nonsense)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *headers = head.decode().lower().split("\r\n")
        assert status == "http/1.1 400 bad request"
        assert {"content-type: application/problem+json", f"content-length: {len(body)}"} <= set(headers)
        assert json.loads(body)["type"] == "urn:segue:problem:malformed-http"


@pytest.mark.requirement("T8", "R19", "R24", "R45")
def test_a_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(embedded: Process) -> None:
    embedded.start()
    embedded.begin("tsk_test")
    acknowledged: list[str] = []
    for round_number in range(3):
        writers = [Writer(embedded.device(), f"{round_number}-{n}") for n in range(3)]
        for writer in writers:
            writer.start()
        until = time.monotonic() + 10
        while sum(len(writer.acknowledged) for writer in writers) < 20 and time.monotonic() < until:
            time.sleep(0.01)
        embedded.kill()
        for writer in writers:
            writer.stopping.set()
            writer.join()
            acknowledged += writer.acknowledged
        embedded.start()
        for writer in writers:  # whoever did not hear asks again, and it counts once
            for text in writer.open:
                assert writer.device.say(text).status_code == 201
                acknowledged.append(text)
    log = embedded.device().log()
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert sorted(event["body"]["text"] for event in log[1:]) == sorted(acknowledged)


@pytest.mark.requirement("T8")
def test_a_server_that_is_told_to_stop_says_so_to_its_streams_and_goes(embedded: Process) -> None:
    embedded.start()
    embedded.begin("tsk_test")
    with embedded.device().follow(0) as lines:
        assert next(lines) == "retry: 1000"
        assert _next_id(lines) == "1"
        began = time.monotonic()
        assert embedded.stop() in (0, -15)
        assert "event: going-away" in list(lines)
        assert time.monotonic() - began < 5
    log = (embedded.folder / "log").read_text()
    assert "Traceback" not in log
    assert "Exception" not in log


@pytest.mark.requirement("E5")
def test_a_second_server_on_the_same_files_is_refused(embedded: Process) -> None:
    embedded.start()
    said = embedded.fails()
    assert "another process holds" in said
    assert "redis://" in said
    assert embedded.device("tsk_missing").request("GET", "").status_code == 404  # the first goes on


@pytest.mark.requirement("T18")
def test_the_first_start_makes_a_private_master_key_and_a_later_one_needs_the_same(embedded: Process) -> None:
    embedded.start()
    embedded.begin("tsk_test")
    key_file = embedded.folder / "resource.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    embedded.kill()
    key_file.unlink()
    assert "SEGUE_RESOURCE_KEY_FILE" in embedded.fails()


@pytest.mark.postgresql
@pytest.mark.redis
@pytest.mark.requirement("E5", "R46", "R48", "R59")
def test_several_workers_share_one_log_and_wake_each_others_readers(scaled: Process) -> None:
    assert "segue db upgrade" in scaled.fails()
    upgrade(scaled.environment["SEGUE_RESOURCE_DATABASE"], "segue_resource")
    scaled.start()
    scaled.begin("tsk_test")
    reader = scaled.device()
    with reader.follow(1) as lines:
        writers = [Writer(scaled.device(), str(n)) for n in range(4)]  # each with a connection of its own
        for writer in writers:
            writer.start()
        heard = [_next_id(lines) for _ in range(40)]
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
        assert not any(writer.open for writer in writers)
        assert scaled.stop() in (0, -15)
        assert "event: going-away" in list(lines)
    assert heard == [str(n) for n in range(2, 42)]
    scaled.start()
    log = scaled.device().log()
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert len(log) == 1 + sum(len(writer.acknowledged) for writer in writers)
    assert all(line.startswith("{") for line in (scaled.folder / "log").read_text().splitlines())


def _next_id(lines: Any) -> str:
    return next(line.removeprefix("id: ") for line in lines if line.startswith("id: "))
