"""Two processes of each server, each with wires of its own to PostgreSQL and Redis, behind one address for each."""

import asyncio
import os
import random
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from deployment import SEGUE, Deployment
from segue_authz.enrolment import add_user
from segue_demo.enrolled import Person
from segue_storage.database import open_database
from server_process import await_answer, spawn

from campaign.wire import Wire, Wires

PASSWORD = "correct horse battery staple"
_POLICY = "[transfer_policy]\nrate_limits = 1000\n"
"""Balanced, but for people who work faster than people do."""


@dataclass(eq=False)
class Instance:
    """One process. `kind` is `authz` or `resource`."""

    kind: str
    number: int
    port: int
    database: Wire
    redis: Wire
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number}"


class Cluster:
    """At `site`. The databases are named as the wires reach them: by a port of this machine."""

    def __init__(self, folder: Path, wires: Wires, *, database: str, redis: str, each: int = 2) -> None:
        self.wires = wires
        self.redis_port = urlsplit(redis).port or 6379
        self.database = database
        self._deployment = Deployment(folder, database=database, redis=redis)
        self.folder = folder
        self.site = self._deployment.site
        self._database_port = urlsplit(database).port or 5432
        self.instances = [self._instance(kind, number) for kind in ("authz", "resource") for number in range(each)]
        self.fronts = {kind: self._front(kind) for kind in ("authz", "resource")}
        self.people: list[Person] = []

    def prepare(self, *, people: int) -> None:
        """Tables, keys, clients, people."""
        (self.folder / "policy").write_text(_POLICY)
        self._deployment.more["SEGUE_AUTHZ_POLICY"] = str(self.folder / "policy")
        self._deployment.prepare()
        names = [f"person{number}" for number in range(people)]
        with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop already
            thread.submit(asyncio.run, self._enrol(names)).result()
        self.people = [Person(name, PASSWORD) for name in names]

    def start(self, *instances: Instance) -> None:
        """Start these, or all; returns once they answer. They die with the thread that calls this."""
        chosen = instances or tuple(self.instances)
        for instance in chosen:
            folder = self.folder / instance.name
            folder.mkdir(exist_ok=True)
            command = [str(SEGUE), instance.kind, "--port", str(instance.port), "--log", "json"]
            instance.process = spawn(command, folder, env=self._environment(instance), start_new_session=True)
        for instance in chosen:
            assert instance.process is not None
            await_answer(instance.process, self.folder / instance.name, lambda port=instance.port: _ready(port))

    def kill(self, instance: Instance) -> None:
        """kill -9."""
        process, instance.process = instance.process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def of(self, kind: str) -> list[Instance]:
        return [instance for instance in self.instances if instance.kind == kind]

    def write_points(self, kind: str) -> Counter[str]:
        """Those that a server has come to so far, by name, and how often."""
        return sum((instance.database.write_points for instance in self.of(kind)), start=Counter())

    def database_wires(self) -> list[Wire]:
        return [instance.database for instance in self.instances]

    def redis_wires(self) -> list[Wire]:
        return [instance.redis for instance in self.instances]

    def logs(self) -> str:
        """What all processes have logged."""
        files = [self.folder / instance.name / "log" for instance in self.instances]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def _instance(self, kind: str, number: int) -> Instance:
        database = self.wires.open(_own_port(), [self._database_port], reads_statements=True)
        redis = self.wires.open(_own_port(), [self.redis_port])
        return Instance(kind, number, _own_port(), database, redis)

    def _front(self, kind: str) -> Wire:
        address = self.site.issuer if kind == "authz" else self.site.store
        return self.wires.open(urlsplit(address).port or 80, [instance.port for instance in self.of(kind)])

    def _environment(self, instance: Instance) -> dict[str, str]:
        name = self.database.rpartition("/")[2]
        plain = "sslmode=disable&gssencmode=disable"  # the wire reads what is said
        mine = {
            "DATABASE": f"postgresql://postgres@127.0.0.1:{instance.database.port}/{name}?{plain}",
            "REDIS": f"redis://127.0.0.1:{instance.redis.port}/0",
        }
        return self._deployment.environment() | {
            f"SEGUE_{instance.kind.upper()}_{what}": url for what, url in mine.items()
        }

    async def _enrol(self, names: Sequence[str]) -> None:
        database = open_database(self.database, threads=1)
        try:
            for name in names:
                await add_user(database, username=name, password=PASSWORD, name=name, random=os.urandom)
        finally:
            await database.aclose()


@contextmanager
def running_cluster(folder: Path, *, database: str, redis: str, people: int, each: int = 2) -> Iterator[Cluster]:
    """Prepared and running; killed at the end."""
    with Wires() as wires:
        cluster = Cluster(folder, wires, database=database, redis=redis, each=each)
        cluster.prepare(people=people)
        try:
            cluster.start()
            yield cluster
        finally:
            for instance in cluster.instances:
                cluster.kill(instance)


def _own_port() -> int:
    """Free, and below those that the system gives to connections: nobody takes it while its process is dead."""
    while True:
        port = random.randrange(16_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
