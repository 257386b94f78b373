"""Both servers as an operator sees them: their numbers, their logs, their traces, and the commands beside them.

The machine's clock, as one server reads it, can be set; see `Clock`.
"""

import asyncio
import json
import mmap
import struct
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from deployment import SEGUE, Deployment
from otlp_receiver import Collected, collector
from prometheus_client.parser import text_string_to_metric_families
from server_process import free_port

PATIENCE = 60.0
"""Seconds until what has to come has come."""
_SET_CLOCK = """
import mmap, os, struct, sys, time
if os.environ.get("CLOCK_FILE") and {server!r} in sys.argv:
    with open(os.environ["CLOCK_FILE"], "rb") as file:
        _ahead = mmap.mmap(file.fileno(), 16, prot=mmap.PROT_READ)
    _wall, _monotonic = time.time, time.monotonic
    time.time = lambda: _wall() + struct.unpack_from("d", _ahead, 0)[0]
    time.monotonic = lambda: _monotonic() + struct.unpack_from("d", _ahead, 8)[0]
"""


class Clock:
    """Of the task store's processes: how far it is ahead of the machine's, in seconds. 0 at first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_SET_CLOCK.format(server="resource"))
        (folder / "ahead").write_bytes(struct.pack("dd", 0, 0))
        with (folder / "ahead").open("r+b") as file:
            self._ahead = mmap.mmap(file.fileno(), 16)
        self.environment = {"CLOCK_FILE": str(folder / "ahead"), "PYTHONPATH": str(folder)}

    def set(self, *, wall: float = 0.0, monotonic: float = 0.0) -> None:
        """`wall` is what people read off a clock, `monotonic` what waits are measured by."""
        struct.pack_into("dd", self._ahead, 0, wall, monotonic)


class Operated(Deployment):
    """Logs JSON, has metrics, and sends its traces to `collected`."""

    def __init__(self, folder: Path, *, database: str, redis: str, collected: Collected) -> None:
        super().__init__(folder, database=database, redis=redis)
        self.clock = Clock(folder / "clock")
        self.collected = collected
        self._metrics = {"authz": free_port(), "resource": free_port()}
        self.more = {
            "SEGUE_AUTHZ_METRICS": f"127.0.0.1:{self._metrics['authz']}",
            "SEGUE_RESOURCE_METRICS": f"127.0.0.1:{self._metrics['resource']}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collected.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            **self.clock.environment,
        }

    def scrape(self, server: str) -> str:
        return httpx2.get(f"http://127.0.0.1:{self._metrics[server]}/metrics", timeout=10).text

    def number(self, server: str, name: str, **labels: str) -> float:
        """The sum of the series with these labels; 0 for none."""
        return number_in(self.scrape(server), name, **labels)

    def log(self, server: str) -> list[dict[str, Any]]:
        """Every line since the first start."""
        text = (self.folder / server / "log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def run(self, command: str, typed: str = "") -> str:
        """A command of the runbook, as it stands there; what it printed."""
        return run(command, self.environment(), typed)

    def restart(self, server: str) -> None:
        self.kill(server)
        self.start(server)

    def _command(self, name: str) -> list[str]:
        return [*super()._command(name), "--log", "json"]


@contextmanager
def operated(folder: Path, *, database: str, redis: str) -> Iterator[Operated]:
    """Prepared and running; killed at the end."""
    with collector() as collected:
        deployment = Operated(folder, database=database, redis=redis, collected=collected)
        deployment.prepare()
        try:
            deployment.start()
            yield deployment
        finally:
            deployment.kill()


def number_in(scraped: str, name: str, **labels: str) -> float:
    """The sum of the series with these labels; 0 for none."""
    samples = (sample for family in text_string_to_metric_families(scraped) for sample in family.samples)
    return sum(found.value for found in samples if found.name == name and labels.items() <= found.labels.items())


def run(command: str, environment: dict[str, str], typed: str = "") -> str:
    """One that begins with `segue`; what it printed."""
    first, *words = command.split()
    assert first == "segue", command
    ended = subprocess.run(
        [str(SEGUE), *words], env=environment, input=typed, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return once it does; fail after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while True:
        found = holds()
        if found is True or (not isinstance(found, bool) and await found):
            return
        assert time.monotonic() < end, "it has not come"
        await asyncio.sleep(0.05)
