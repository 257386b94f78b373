"""Both servers as processes of their own, as an operator runs them; a test may kill each and start it again."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from segue.jose import b64url_encode
from segue_authz.tokens import signing_keys
from segue_demo.enrolled import Person, enrol
from segue_demo.site import Site
from segue_storage.database import open_database
from segue_storage.migrations import upgrade
from server_process import await_answer, free_port, spawn

SEGUE = Path(sys.executable).with_name("segue")


class Deployment:
    """The command's servers at `site`, on SQLite files and memory or on PostgreSQL and Redis. `person` may sign in.

    Agent backend and pages have addresses and nobody there: whoever wants them serves them.
    """

    def __init__(self, folder: Path, *, database: str | None, redis: str | None, workers: int = 1) -> None:
        self.folder = folder
        self.site = Site.at("localhost", [free_port() for _ in range(5)])
        self.authz_database = database or f"sqlite:///{folder}/authz.db"
        self.resource_database = database or f"sqlite:///{folder}/resource.db"
        self.redis = redis
        self.more: dict[str, str] = {}
        """Further variables of the environment, for whatever is started from then on."""
        self._workers = workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def person(self) -> Person:
        return self._person

    def prepare(self) -> None:
        """Everything an operator does before the first start."""
        upgrade(self.authz_database, "segue_authz")
        upgrade(self.resource_database, "segue_resource")
        self.write_keys()
        with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop already
            self._person = thread.submit(asyncio.run, self._enrol()).result()

    def write_keys(self) -> None:
        """The files that hold keys and secrets, the same for all processes."""
        signing_keys.create(self.folder / "authz-keys", now=1)
        (self.folder / "authz-secret").write_bytes(secrets.token_bytes(32))
        (self.folder / "resource.key").write_text(b64url_encode(secrets.token_bytes(32)))
        (self.folder / "nonce-secret").write_bytes(secrets.token_bytes(32))

    def start(self, *names: str) -> None:
        """Start `authz`, `resource` or, without a name, both; returns once they answer."""
        names = names or ("authz", "resource")
        for name in names:
            (self.folder / name).mkdir(exist_ok=True)
            self._processes[name] = spawn(
                self._command(name), self.folder / name, env=self.environment(), start_new_session=True
            )
        for name in names:
            health = f"http://127.0.0.1:{self._port(name)}/healthz"
            await_answer(self._processes[name], self.folder / name, lambda url=health: _answers(url))

    def kill(self, *names: str) -> None:
        """kill -9, with all its workers; without a name both."""
        for name in names or tuple(self._processes):
            process = self._processes.pop(name)
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def processes(self) -> list[int]:
        """The ids of those that run, without their workers."""
        return [process.pid for process in self._processes.values()]

    async def _enrol(self) -> Person:
        database = open_database(self.authz_database, threads=1)
        try:
            return await enrol(database, self.site, state=self.folder)
        finally:
            await database.aclose()

    def _command(self, name: str) -> list[str]:
        return [str(SEGUE), name, "--port", str(self._port(name)), "--workers", str(self._workers)]

    def _port(self, name: str) -> int:
        return int({"authz": self.site.issuer, "resource": self.site.store}[name].rpartition(":")[2])

    def environment(self) -> dict[str, str]:
        """What both servers, and the commands beside them, are started with."""
        settings = {
            "SEGUE_STATE": str(self.folder),
            "SEGUE_AUTHZ_ISSUER": self.site.issuer,
            "SEGUE_AUTHZ_AUDIENCES": self.site.agent,
            "SEGUE_AUTHZ_DATABASE": self.authz_database,
            "SEGUE_AUTHZ_KEYS": str(self.folder / "authz-keys"),
            "SEGUE_AUTHZ_SECRET_FILE": str(self.folder / "authz-secret"),
            "SEGUE_RESOURCE_URL": self.site.store,
            "SEGUE_RESOURCE_DATABASE": self.resource_database,
            "SEGUE_RESOURCE_KEY_FILE": str(self.folder / "resource.key"),
            "SEGUE_RESOURCE_BLOBS": (self.folder / "blobs").as_uri(),
            "SEGUE_RESOURCE_NONCE_SECRET_FILE": str(self.folder / "nonce-secret"),
        }
        shared = {"SEGUE_AUTHZ_REDIS": self.redis, "SEGUE_RESOURCE_REDIS": self.redis} if self.redis else {}
        return dict(os.environ) | settings | shared | self.more


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def running_deployment(
    folder: Path, *, database: str | None = None, redis: str | None = None, workers: int = 1
) -> Iterator[Deployment]:
    """Prepared and running; killed at the end."""
    deployment = Deployment(folder, database=database, redis=redis, workers=workers)
    deployment.prepare()
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.kill()
