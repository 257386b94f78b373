"""What is measured on: PostgreSQL, Redis and both servers as processes of their own, for as long as a context lasts.

A process may be kept to one core, so that what it costs is not hidden by a second one, and tells the processor time
that it has used.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from segue.jose import b64url_encode
from segue_authz.enrolment import add_user
from segue_authz.tokens import signing_keys
from segue_demo.enrolled import Person, enrol
from segue_demo.site import Site
from segue_storage.database import open_database
from segue_storage.migrations import upgrade

from segue_bench.measure import Missing

PATIENCE = 60.0
"""Seconds that a process has to answer after it was started."""
_DEBIAN = "/usr/lib/postgresql/*/bin"


@dataclass
class Served:
    """A server that runs: its process, with every worker of it, and the folder with its `log`."""

    process: subprocess.Popen[bytes]
    folder: Path

    def cpu_seconds(self) -> float:
        """Processor time that it and its workers have used so far."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def resident_bytes(self) -> int:
        """Memory of it and its workers; what they share is counted once (proc(5), Pss of smaps_rollup)."""
        return sum(_resident_bytes(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        """Its process group, which workers are born into."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(ProcessLookupError):
                    if os.getpgid(int(entry.name)) == self.process.pid:
                        found.append(int(entry.name))
        return found


@dataclass(frozen=True)
class Servers:
    """authz and the task store on one site. `people` may sign in, `environment` is what both were started with."""

    site: Site
    people: Sequence[Person]
    authz: Served
    resource: Served
    environment: Mapping[str, str] = field(repr=False)


def program(name: str, *, package: str) -> str:
    """Where a program is, on PATH or in Debian's folder of PostgreSQL. Raises `Missing`."""
    found = shutil.which(name) or next(map(str, sorted(Path("/").glob(f"{_DEBIAN[1:]}/{name}"), reverse=True)), None)
    if found is None:
        raise Missing(f"{name} is not installed (Debian: apt-get install {package})")
    return found


def busy_seconds() -> float:
    """Processor time that anybody on this machine has used so far (proc(5), /proc/stat)."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of(name: str) -> float:
    """Processor time that all processes of that name have used so far, wherever they come from."""
    return sum(_cpu_seconds(int(entry.name)) for entry in Path("/proc").iterdir() if _named(entry, name))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgresql(**settings: str) -> Iterator[str]:
    """A fresh cluster with PostgreSQL's own settings, which are durable, and those given; its URL. Raises `Missing`."""
    port = free_port()
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    with _folder(private=True) as folder:
        how = _unprivileged()
        make = [program("initdb", package="postgresql"), "--pgdata", str(folder / "data"), "--username", "postgres"]
        make += ["--auth", "trust", "--encoding", "UTF8", "--locale", "C"]
        subprocess.run(make, cwd=folder, check=True, capture_output=True, **how)  # noqa: S603
        chosen = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)} | settings
        options = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
        command = [program("postgres", package="postgresql"), "-D", str(folder / "data"), *options]
        with started(command, folder, lambda: _connects(url), stop=signal.SIGQUIT, **how):
            yield url


@contextmanager
def redis() -> Iterator[str]:
    """An empty Redis that keeps nothing on disk; its URL. Raises `Missing`."""
    port = free_port()
    with _folder(private=True) as folder:
        command = [program("redis-server", package="redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--dir", str(folder), "--save", "", "--appendonly", "no"]
        with started(command, folder, lambda: listens(port), **_unprivileged()):
            yield f"redis://127.0.0.1:{port}/0"


def create_database(url: str) -> str:
    """A fresh database of the cluster at `url`; its URL."""
    name = f"segue_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{url.rpartition('/')[0]}/{name}"


@contextmanager
def servers(
    database: str | None,
    memory: str | None,
    *,
    workers: int = 1,
    core: int | None = None,
    people: int = 1,
    more: Mapping[str, str] | None = None,
) -> Iterator[Servers]:
    """Both servers, on PostgreSQL and Redis at these URLs or, without, on SQLite files and their own memory.

    `core` keeps each to that core, `people` is how many may sign in, `more` are further variables of the environment.
    """
    with _folder() as folder:
        site = Site.at("localhost", [free_port() for _ in range(5)])
        environment = dict(_environment(folder, site, database, memory)) | dict(more or {})
        upgrade(environment["SEGUE_AUTHZ_DATABASE"], "segue_authz")
        upgrade(environment["SEGUE_RESOURCE_DATABASE"], "segue_resource")
        _write_keys(folder)
        with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop already
            enrolled = thread.submit(asyncio.run, _enrolled(environment, site, folder, people)).result()

        def serve(name: str, address: str) -> Any:
            port = int(address.rpartition(":")[2])
            own = folder / name
            own.mkdir()
            command = [str(Path(sys.executable).with_name("segue")), name, "--port", str(port)]
            command += ["--workers", str(workers)]
            return started(command, own, lambda: listens(port), core=core, env=os.environ | environment)  # noqa: TID251

        with serve("authz", site.issuer) as authz, serve("resource", site.store) as resource:
            yield Servers(site, enrolled, authz, resource, environment)


@contextmanager
def started(
    command: Sequence[str],
    folder: Path,
    answers: Callable[[], bool],
    *,
    core: int | None = None,
    stop: signal.Signals = signal.SIGTERM,
    **how: Any,
) -> Iterator[Served]:
    """Run a command until the context ends; it prints to `log` in its folder. Returns once it answers.

    Raises RuntimeError, with the end of its log, if it does not.
    """
    words = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []  # nothing outlives a killed bench
    words += ["taskset", "--cpu-list", str(core)] if core is not None else []
    words += command
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, start_new_session=True, **how)  # noqa: S603
    try:
        until = time.monotonic() + PATIENCE
        while not answers():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)
        yield Served(process, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, stop)
        try:
            process.wait(PATIENCE / 3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(folder: Path, site: Site, database: str | None, memory: str | None) -> Iterator[tuple[str, str]]:
    yield "SEGUE_STATE", str(folder)
    yield "SEGUE_AUTHZ_ISSUER", site.issuer
    yield "SEGUE_AUTHZ_AUDIENCES", site.agent
    yield "SEGUE_AUTHZ_DATABASE", database or f"sqlite:///{folder}/authz.db"
    yield "SEGUE_AUTHZ_KEYS", str(folder / "authz-keys")
    yield "SEGUE_AUTHZ_SECRET_FILE", str(folder / "authz-secret")
    yield "SEGUE_RESOURCE_URL", site.store
    yield "SEGUE_RESOURCE_DATABASE", database or f"sqlite:///{folder}/resource.db"
    yield "SEGUE_RESOURCE_KEY_FILE", str(folder / "resource.key")
    yield "SEGUE_RESOURCE_NONCE_SECRET_FILE", str(folder / "nonce-secret")
    yield "SEGUE_RESOURCE_BLOBS", (folder / "blobs").as_uri()
    if memory is not None:
        yield "SEGUE_AUTHZ_REDIS", memory
        yield "SEGUE_RESOURCE_REDIS", memory


def _write_keys(folder: Path) -> None:
    signing_keys.create(folder / "authz-keys", now=1)
    (folder / "authz-secret").write_bytes(secrets.token_bytes(32))
    (folder / "resource.key").write_text(b64url_encode(secrets.token_bytes(32)))
    (folder / "nonce-secret").write_bytes(secrets.token_bytes(32))


async def _enrolled(environment: Mapping[str, str], site: Site, folder: Path, people: int) -> list[Person]:
    """The demo's clients and account, and as many more accounts as it takes."""
    database = open_database(environment["SEGUE_AUTHZ_DATABASE"], threads=1)
    try:
        found = [await enrol(database, site, state=folder)]
        for number in range(1, people):
            person = Person(f"person-{number}", secrets.token_urlsafe(12))
            named = {"username": person.username, "password": person.password, "name": f"Person {number}"}
            await add_user(database, **named, random=secrets.token_bytes)
            found.append(person)
        return found
    finally:
        await database.aclose()


@contextmanager
def _folder(*, private: bool = False) -> Iterator[Path]:
    """A folder for as long as the context lasts; `private` to the user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as name:
        if private and os.geteuid() == 0:
            shutil.chown(name, "postgres", "postgres")
        yield Path(name)


def _unprivileged() -> dict[str, Any]:
    """How root starts what refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _named(process: Path, name: str) -> bool:
    with suppress(OSError):  # it has ended
        return process.name.isdigit() and (process / "comm").read_text().strip() == name
    return False


def _cpu_seconds(pid: int) -> float:
    """By the process's own clock, to the nanosecond (clock_getcpuclockid(3))."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:  # it has ended
        return 0.0


def _resident_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
