"""`segue demo` as a process of its own, on ports of its own; a test may kill it and start it again."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from segue_demo.enrolled import Person
from segue_demo.site import Site
from server_process import end, spawn

SEGUE = Path(sys.executable).with_name("segue")
PORTS = range(20_000, 32_000, 5)
"""Below those that systems give to clients; another process may have one all the same."""
ATTEMPTS = 5


class RunningDemo:
    """Everything in one process over SQLite and memory, kept in `folder`. `ledger` witnesses what was executed."""

    def __init__(self, folder: Path, *, job_seconds: int, policy: str | None = None) -> None:
        self.folder = folder
        self._policy = policy
        self._job_seconds = job_seconds
        self._base = secrets.choice(PORTS)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def site(self) -> Site:
        return Site.at("localhost", range(self._base, self._base + 5))

    @property
    def ledger(self) -> Path:
        return self.folder / "state" / "jobs.jsonl"

    @property
    def person(self) -> Person:
        return self._person

    def start(self) -> None:
        """At the addresses it had before, if it ran before."""
        for _ in range(ATTEMPTS):
            told = self._start()
            if told is not None:
                self._person = Person(told["username"], told["password"])
                return
            self._base = secrets.choice(PORTS)
        pytest.fail(f"segue demo does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """kill -9."""
        end(self._process, signal.SIGKILL)

    def jobs(self) -> list[dict[str, Any]]:
        """What the agent backend has executed, in its order."""
        return [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def enrol(self, username: str) -> Person:
        """Another person, added while the demo runs, as its operator would."""
        person = Person(username, secrets.token_urlsafe(12))
        environment = {"SEGUE_AUTHZ_DATABASE": f"sqlite:///{self.folder / 'state' / 'authz.db'}"}
        subprocess.run(
            [str(SEGUE), "user", "add", username],
            env=dict(os.environ) | environment,
            input=person.password,
            text=True,
            check=True,
            capture_output=True,
        )
        return person

    def _start(self) -> dict[str, str] | None:
        """What it tells once everything answers; None if it could not run, as when a port is taken."""
        command = [str(SEGUE), "demo", "--json", "--port", str(self._base), "--state", str(self.folder / "state")]
        command += ["--job-seconds", str(self._job_seconds)]
        if self._policy is not None:
            (self.folder / "policy.toml").write_text(self._policy)
            command += ["--policy", str(self.folder / "policy.toml")]
        self._process = spawn(command, self.folder, stdout=subprocess.PIPE)
        if self._process.stdout is None:
            raise TypeError("the demo's output is read")
        with self._process.stdout as output:
            line = output.readline()
        if not line:
            self._process.wait()
            return None
        return dict(json.loads(line))


@contextmanager
def running_demo(folder: Path, *, job_seconds: int = 2, policy: str | None = None) -> Iterator[RunningDemo]:
    """Up and answering; killed at the end. `policy` is what the policy file says."""
    demo = RunningDemo(folder, job_seconds=job_seconds, policy=policy)
    demo.start()
    try:
        yield demo
    finally:
        demo.kill()
