"""What deploy/docker-compose.yml describes, started natively: its processes, its settings, its proxy, its scripts.

Only addresses, ports and places of files are others. The processes are reached through the proxy alone.
"""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from private_nginx import Ports, private_nginx, replaced
from segue.clock import now
from segue_demo.certificate import self_made
from segue_demo.enrolled import Person, enrol
from segue_demo.site import Site
from segue_storage.database import open_database
from server_process import await_answer, end, free_port, spawn

DEPLOY = Path(__file__).parents[1] / "deploy"
SEGUE = Path(sys.executable).with_name("segue")
PROXY = "172.30.84.10"
_COMPOSE = '''#!{python}
"""Stands in for `docker compose`: has the test do what it was told, and ends as that ended."""
import json, socket, sys
with socket.socket(socket.AF_UNIX) as test:
    test.connect({socket!r})
    test.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    sys.exit(int(test.makefile().readline()))
'''


@dataclass
class Ended:
    """How a process ended that was told to stop: its exit status, and the seconds that it took."""

    name: str
    status: int
    seconds: float


@dataclass
class Installation:
    """`site` is where everything is reached; `trust` believes its certificate. `release` is where a newer one lies."""

    folder: Path
    database: str
    redis: str
    release: Path | None = None
    ended: list[Ended] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.compose: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
        self.site = Site.at("localhost", [free_port() for _ in range(5)], https=True)
        self.names = [name for name in self.compose["services"] if re.fullmatch(r"(authz|resource)-\d", name)]
        self.ports = {name: free_port() for name in self.names}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.other_port = free_port()

    def prepare(self) -> None:
        """What README.md says to do before the first start."""
        subprocess.run([DEPLOY / "make-secrets", self.folder], check=True)
        for name, url in (("database-url", self.database), ("redis-url", self.redis)):
            (self.folder / "secrets" / name).unlink()
            (self.folder / "secrets" / name).write_text(f"{url}\n")
        self.certificate = self_made(self.folder, host="localhost", now=now())
        self.trust = ssl.create_default_context(cafile=str(self.certificate.certificate))
        migrated = self.run("migrate")
        assert migrated.returncode == 0, migrated.stderr
        with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop already
            self.person = thread.submit(asyncio.run, self._enrol()).result()

    @property
    def proxy_ports(self) -> Ports:
        issuer, store = (int(url.rpartition(":")[2]) for url in (self.site.issuer, self.site.store))
        return Ports(issuer, store, self.other_port, self.ports)

    def start(self) -> None:
        """All processes behind the proxy."""
        for kind in ("authz", "resource"):  # the task store is ready once it has the issuer's keys
            names = [name for name in self.names if name.startswith(kind)]
            for name in names:
                self._spawn(name)
            for name in names:
                self.await_ready(name)

    def stop(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    async def restart(self, name: str) -> None:
        """What `docker compose up --force-recreate --wait` does: SIGTERM, its end, a new one, until it is ready."""
        began, process = time.monotonic(), self.processes.pop(name)
        await asyncio.to_thread(end, process, signal.SIGTERM)
        self.ended.append(Ended(name, int(process.returncode), time.monotonic() - began))
        self._spawn(name)  # in no thread: a process ends with the thread that started it
        await asyncio.to_thread(self.await_ready, name)

    def run(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`docker compose run --rm SERVICE [WORDS]`."""
        command = [str(SEGUE), *(words or self.compose["services"][service]["command"])]
        environment = self.environment(service)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def await_ready(self, name: str) -> None:
        await_answer(self.processes[name], self._place(name), lambda: self.ready(name))

    def ready(self, name: str) -> bool:
        """What its health check asks."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def log(self, name: str) -> str:
        return (self._place(name) / "log").read_text()

    def environment(self, service: str) -> dict[str, str]:
        """Of a process of the service, as the file says."""
        told = self.compose["services"][service]["environment"]
        inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.release or "")}
        return inherited | {name: self._native(value) for name, value in told.items()}

    async def rolling_restart(self) -> None:
        """deploy/rolling-restart, with this in the place of `docker compose`."""
        place = str(self.folder / "compose.sock")
        stand_in = self.folder / "docker-compose"
        stand_in.write_text(_COMPOSE.format(python=sys.executable, socket=place))
        stand_in.chmod(0o755)
        async with await asyncio.start_unix_server(self._told, place):
            environment = os.environ | {"COMPOSE": str(stand_in)}
            script = await asyncio.create_subprocess_exec(DEPLOY / "rolling-restart", env=environment)
            assert await script.wait() == 0

    async def _told(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match json.loads(await reader.readline()):
            case ["exec", "-T", "proxy", ("touch" | "rm") as verb, place]:
                await (await asyncio.create_subprocess_exec(verb, self._native(place))).wait()
            case ["up", "--detach", "--no-deps", "--force-recreate", "--wait", name]:
                await self.restart(name)
            case other:
                raise AssertionError(f"docker compose is not known to be told {other}")
        writer.write(b"0\n")
        await writer.drain()
        writer.close()

    def _spawn(self, name: str) -> None:
        told = [self._native(word) for word in self.compose["services"][name]["command"]]
        command = [str(SEGUE), *told, "--port", str(self.ports[name])]
        self._place(name).mkdir(exist_ok=True)
        environment = self.environment(name)
        self.processes[name] = spawn(command, self._place(name), env=environment, start_new_session=True)

    def _native(self, value: str) -> str:
        """Where that is here: of a variable's value, or of a word of a command."""
        here = {
            "https://id.${SEGUE_DOMAIN:?}": self.site.issuer,
            "https://tasks.${SEGUE_DOMAIN:?}": self.site.store,
            "${SEGUE_AUDIENCES:-}": self.site.agent,
            "/run/secrets/": f"{self.folder}/secrets/",
            "/run/trust.crt": str(self.certificate.certificate),
            "/var/lib/segue/authz-keys": f"{self.folder}/keys/authz",
            "/var/lib/segue/resource-key": f"{self.folder}/keys/resource",
            "/var/lib/segue/files": f"{self.folder}/files",
            "/tmp/": f"{self.folder}/tmp/",
            "0.0.0.0": "127.0.0.1",
            PROXY: "127.0.0.1",
        }
        return replaced(value, here)

    def _place(self, name: str) -> Path:
        return self.folder / name

    async def _enrol(self) -> Person:
        database = open_database(self.database, threads=1)
        try:
            return await enrol(database, self.site, state=self.folder)
        finally:
            await database.aclose()


@contextmanager
def running_installation(folder: Path, *, database: str, redis: str) -> Iterator[Installation]:
    """Prepared and running; killed at the end."""
    installation = Installation(folder, database=database, redis=redis)
    installation.prepare()
    with private_nginx(folder, installation.proxy_ports, installation.certificate):
        try:
            installation.start()
            yield installation
        finally:
            installation.stop()
