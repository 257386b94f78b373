"""`segue bench authz`: both servers really answer in all four ways, and a wrong answer is no figure."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from segue_bench.ground import free_port, listens, started
from segue_bench.measure import Of, Plan
from segue_bench.subjects import authz
from segue_bench.subjects.authz.contender import WAYS
from segue_bench.subjects.authz.sending import NotAsExpected, header, send
from server_process import binary

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.postgresql
@pytest.mark.redis
@pytest.mark.requirement("T9")
def test_both_are_measured_in_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgres", "redis-server", "node", "npm"):
        binary(name)
    monkeypatch.setattr(authz, "QUICK_REQUESTS", 8)
    monkeypatch.setattr(authz, "WARMING", 4)
    monkeypatch.setattr(authz, "DEVICES", 4)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "segue-bench"
    cores = os.sched_getaffinity(0)
    result = authz.run(Plan(quick=True, rounds=1, peers=cache), lambda _: None)
    assert os.sched_getaffinity(0) == cores
    assert result.missing == {}
    rates = {(figure.group, figure.of) for figure in result.figures if figure.unit == "requests/s"}
    assert rates == {(way, of) for way in WAYS for of in (Of.SEGUE, Of.PEER)}
    assert all(figure.median > 0 for figure in result.figures if figure.unit == "requests/s")
    assert [target.bound for target in result.targets] == [2.0, 2.0, 2.0, 1.0, 1.8, 1.8]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a server that says 200 to everything."""
    found = free_port()
    command = [sys.executable, "-m", "segue_bench.subjects.authz.task_store", str(found)]
    with started(command, tmp_path, lambda: listens(found)):
        yield found


def test_every_request_is_sent_and_its_answer_waited_for(port: int) -> None:
    sent = send(port, [REQUEST] * 50, status=200, connections=4)
    assert len(sent.milliseconds) == 50
    assert header(sent.last, "content-type") == "application/json"


def test_an_answer_of_another_status_is_no_figure(port: int) -> None:
    with pytest.raises(NotAsExpected, match="200 OK"):
        send(port, [REQUEST] * 5, status=400)
