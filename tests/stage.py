"""Where two browsers meet: the whole demo in one process, or every server as an operator scales it out."""

import json
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment import SEGUE, Deployment
from running_demo import PORTS, running_demo
from segue_demo.enrolled import Person
from segue_demo.site import PHONE_ACTIONS, Site
from server_process import end, spawn

WORKERS = 2


@dataclass(frozen=True)
class Stage:
    """`ledger` is where the agent backend writes what it executes, `logs` where the servers write what they say."""

    site: Site
    person: Person
    ledger: Path
    logs: tuple[Path, ...]

    def jobs(self, task_id: str) -> list[dict[str, Any]]:
        """What was executed for one task."""
        lines = [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []
        return [line for line in lines if line["key"].startswith(task_id)]

    def logged(self) -> list[str]:
        """Lines of all servers, without process numbers, which can look like a check value."""
        lines = [line for log in self.logs for line in log.read_text().splitlines()]
        return [re.sub(r"\[\d+\]", "[]", line) for line in lines]


@contextmanager
def embedded_stage(folder: Path, *, job_seconds: int, policy: str | None = None) -> Iterator[Stage]:
    """`segue demo`: SQLite, memory, one process."""
    with running_demo(folder, job_seconds=job_seconds, policy=policy) as demo:
        yield Stage(demo.site, demo.person, demo.ledger, (folder / "log",))


@contextmanager
def scaled_stage(folder: Path, *, database: str, redis: str, job_seconds: int) -> Iterator[Stage]:
    """`segue authz` and `segue resource`, two workers each, over PostgreSQL and Redis; beside them the demo's pages."""
    operated = Operated(folder, database=database, redis=redis, workers=WORKERS)
    operated.prepare()
    operated.start()
    try:
        with _pages(folder / "pages", operated.site, job_seconds=job_seconds) as ledger:
            logs = tuple(folder / name / "log" for name in ("authz", "resource", "pages"))
            yield Stage(operated.site, operated.person, ledger, logs)
    finally:
        operated.kill()


class Operated(Deployment):
    """A deployment that is set up with nothing but the commands."""

    def __init__(self, folder: Path, *, database: str, redis: str, workers: int) -> None:
        super().__init__(folder, database=database, redis=redis, workers=workers)
        self.site = Site.beside(self.site.issuer, self.site.store, base=secrets.choice(PORTS))

    def prepare(self) -> None:
        self.write_keys()
        self._person = Person("demo", secrets.token_urlsafe(12))
        self._segue("db", "upgrade")
        self._segue("user", "add", self._person.username, "--name", "Demo account", typed=self._person.password)
        desktop = ["--name", "Segue demo desktop", "--redirect-uri", self.site.desktop_redirect_uri]
        self._segue("client", "add", self.site.desktop_client_id, *desktop)
        phone = ["--name", "Segue demo phone", "--consumption-uri", self.site.phone_consumption_uri]
        self._segue("client", "add", self.site.phone_client_id, *phone, "--actions", " ".join(PHONE_ACTIONS))

    def _segue(self, *words: str, typed: str = "") -> None:
        command = [str(SEGUE), *words, "--json"]
        subprocess.run(command, env=self.environment(), input=typed, text=True, check=True, capture_output=True)


@contextmanager
def _pages(folder: Path, site: Site, *, job_seconds: int) -> Iterator[Path]:
    """`segue demo --authz --resource`; its ledger."""
    folder.mkdir()
    base = int(site.agent.rpartition(":")[2]) - 2
    command = [str(SEGUE), "demo", "--json", "--authz", site.issuer, "--resource", site.store, "--port", str(base)]
    command += ["--state", str(folder / "state"), "--job-seconds", str(job_seconds)]
    process = spawn(command, folder, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        with process.stdout as output:
            told = json.loads(output.readline())
        assert (told["agent"], told["desktop"], told["phone"]) == (site.agent, f"{site.desktop}/", f"{site.phone}/")
        yield Path(told["ledger"])
    finally:
        end(process, signal.SIGTERM)
