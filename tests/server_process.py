"""Starting a server for tests and making sure that it ends: with the test run, however that ends."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
"""Seconds a server has to answer after it was started, and to end after it was told to."""

_PR_SET_PDEATHSIG = 1


def binary(name: str, *, beside: str = "/usr/lib/postgresql/*/bin") -> Path:
    """Find a program on PATH or in Debian's folder; skip the test without it, or fail if nothing may be skipped."""
    found = shutil.which(name) or next(map(str, sorted(Path("/").glob(f"{beside[1:]}/{name}"), reverse=True)), None)
    if found is not None:
        return Path(found)
    if os.environ.get("SEGUE_TEST_EVERYTHING"):
        pytest.fail(f"{name} is not installed, and SEGUE_TEST_EVERYTHING is set")
    pytest.skip(f"{name} is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(command: list[str], folder: Path, answers: Callable[[], bool], **how: Any) -> subprocess.Popen[bytes]:
    """Start the server and wait until it answers. It is killed when this process dies, however that happens."""
    process = spawn(command, folder, **how)
    await_answer(process, folder, answers)
    return process


def spawn(command: list[str], folder: Path, **how: Any) -> subprocess.Popen[bytes]:
    """Start the server, and wait for nothing. `how` goes to `Popen`; what it prints goes to `log` in its folder."""
    with (folder / "log").open("ab") as log:
        how = {"cwd": folder, "stdout": log, "stderr": log, "preexec_fn": _die_with_parent} | how
        return subprocess.Popen(command, **how)


def await_answer(process: subprocess.Popen[bytes], folder: Path, answers: Callable[[], bool]) -> None:
    """Return once the server answers; fail the test with what it printed if it does not."""
    until = time.monotonic() + PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > until:
            end(process, signal.SIGKILL)
            pytest.fail(f"{process.args} did not start: {(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    """Tell the server to end, kill it if it does not, and wait."""
    if process is None:
        return
    process.send_signal(how)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def unprivileged() -> dict[str, Any]:
    """How root starts what refuses to run as root: as the user whom the distribution made for PostgreSQL."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if _root() else {}


def own(folder: Path) -> None:
    """Give the folder to the user that `unprivileged` names."""
    if _root():
        shutil.chown(folder, "postgres", "postgres")


def _root() -> bool:
    return os.geteuid() == 0


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
