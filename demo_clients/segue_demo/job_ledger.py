"""The jobs of the demo's agent backend: each is executed once per key, and the ledger on disk is the witness.

The "work" is a clock: a job is done when its time is over. So its progress follows from the ledger's line and the time,
and a restart in the middle loses nothing. Put your own queue behind the same two methods.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.clock import Clock


class OtherJob(Exception):
    """The key belongs to a job with another tool or other arguments."""


@dataclass(frozen=True)
class Job:
    """One line of the ledger; `started_at` in seconds since the epoch."""

    key: str
    tool: str
    arguments: Mapping[str, Any]
    started_at: int


class JobLedger:
    """Start a job once per key, or attach to it. One process; `path` is a JSON-lines file that is only appended to."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._starting = asyncio.Lock()
        self._jobs = {job.key: job for job in _read(path)}

    def find(self, key: str) -> Job | None:
        return self._jobs.get(key)

    async def start(self, key: str, *, tool: str, arguments: Mapping[str, Any]) -> Job:
        """The job of this key, started now unless it was before; durable when this returns. Raises `OtherJob`."""
        async with self._starting:
            if key not in self._jobs:
                job = Job(key, tool, arguments, self._clock())
                await asyncio.to_thread(_append, self._path, job)
                self._jobs[key] = job
        job = self._jobs[key]
        if (job.tool, job.arguments) != (tool, arguments):
            raise OtherJob
        return job


def _append(path: Path, job: Job) -> None:
    line = json.dumps({"key": job.key, "tool": job.tool, "arguments": job.arguments, "started_at": job.started_at})
    with path.open("a", encoding="utf-8") as ledger:
        ledger.write(line + "\n")
        ledger.flush()
        os.fsync(ledger.fileno())


def _read(path: Path) -> list[Job]:
    """All whole lines; what a crash left half-written was never acknowledged, and is cut off before the next line."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return [Job(**json.loads(line)) for line in whole.splitlines()]
