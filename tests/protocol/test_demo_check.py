"""`segue demo --check`: the main promise, performed over real HTTP by the command a newcomer types."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "import sys; from segue.command import main; sys.exit(main())", "demo"]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.requirement("U1", "A1", "A2", "A9", "T9", "E6")
def test_the_check_takes_a_task_to_two_devices_by_push_and_by_pull_and_the_job_runs_once(tmp_path: Path) -> None:
    done = run("--check", "--json", "--job-seconds", "2", "--state", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert len(report["steps"]) == 22
    assert all(step["problem"] == "" for step in report["steps"])
    assert len((tmp_path / "jobs.jsonl").read_text().splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.requirement("E6")
def test_a_port_in_use_is_said_and_the_exit_status_is_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        base = min(port, 65_531)
        done = run("--port", str(base))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def five_free_ports() -> int:
    """The first of five in a row; taken again by whoever asks, so not for long."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base: int = probe.getsockname()[1]
        if base > 65_000:
            continue
        taken = [socket.socket() for _ in range(5)]
        try:
            for offset, listener in enumerate(taken):
                listener.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        finally:
            for listener in taken:
                listener.close()
        return base


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_takes_the_state_away(number: signal.Signals) -> None:
    command = [*COMMAND, "--json", "--port", str(five_free_ports())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        told = json.loads(demo.stdout.readline())
        with urllib.request.urlopen(told["desktop"], timeout=5) as page:
            assert page.status == 200
        assert Path(told["state"]).is_dir()
        demo.send_signal(number)
        assert demo.wait(timeout=15) == 0
        assert "Traceback" not in demo.stderr.read()
    assert not Path(told["state"]).exists()
