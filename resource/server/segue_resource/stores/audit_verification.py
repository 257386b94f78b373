"""Verifies the audit chains: every link anew, and the checkpoints of an earlier run against what is there now (T17)."""

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from segue.jose import Malformed, b64url_decode, b64url_encode

from segue_resource.stores import tables
from segue_resource.stores.audit import FIRST_LINK, LINKED, link_key, link_over
from segue_resource.stores.keys.master_key import MasterKey

BATCH = 1000
"""Entries held in memory at once."""

CHANGED = "is not what was written, or not what was written after the entry before it"
MISSING = "is missing"
CUT_OFF = "is missing: the chain ended there or later at the checkpoint"
REWRITTEN = "is not the one of the checkpoint"

_audit = tables.audit
_ENTRIES = sa.select(*(_audit.c[name] for name in LINKED), _audit.c.link).order_by(_audit.c.task_id, _audit.c.n)
_TASKS = sa.select(tables.tasks.c.task_id).order_by(tables.tasks.c.task_id)
_LINE = re.compile(r"(\S+) ([1-9][0-9]{0,17}) ([A-Za-z0-9_-]{43})", re.ASCII)


class BadCheckpoint(Exception):
    """The file does not hold checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """The last entry of a task at one time. Its link proves all before it."""

    task_id: str
    n: int
    link: str

    def __str__(self) -> str:
        return f"{self.task_id} {self.n} {self.link}"


@dataclass(frozen=True)
class Fault:
    task_id: str
    n: int
    what: str


@dataclass
class Verified:
    """`faults` by task and number; `checkpoints` are those of this run."""

    entries: int = 0
    faults: list[Fault] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)


def read_checkpoints(text: str) -> list[Checkpoint]:
    """What a run has printed. Raises `BadCheckpoint`."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        matched = _LINE.fullmatch(line.strip())
        if matched is None or not _is_link(matched[3]):
            raise BadCheckpoint(f"line {number} is no checkpoint: it must hold a task, a number and a link")
        found.append(Checkpoint(matched[1], int(matched[2]), matched[3]))
    return found


def verify(
    connection: sa.Connection, *, master: MasterKey, task_id: str | None = None, known: Sequence[Checkpoint] = ()
) -> Verified:
    """Every entry of every task, or of one. A task without any is at fault too: its first says that it was created."""
    verified, key = Verified(), link_key(master)
    entries, tasks = _ENTRIES, _TASKS
    if task_id is not None:
        entries, tasks = entries.where(_audit.c.task_id == task_id), tasks.where(tables.tasks.c.task_id == task_id)
        known = [checkpoint for checkpoint in known if checkpoint.task_id == task_id]
    chains = {row.task_id: _Chain(row.task_id, key, known) for row in connection.execute(tasks)}
    for checkpoint in known:
        chains.setdefault(checkpoint.task_id, _Chain(checkpoint.task_id, key, known))
    if task_id is not None:
        chains.setdefault(task_id, _Chain(task_id, key, known))
    rows = connection.execute(entries, execution_options={"yield_per": BATCH})
    for whose, n, *values, link in rows:  # a million entries: no row is looked into by name
        if whose not in chains:
            chains[whose] = _Chain(whose, key, known)
        chains[whose].follow(n, [whose, n, *values], link)
        verified.entries += 1
    for chain in chains.values():
        verified.faults += chain.ended()
        if chain.n:
            verified.checkpoints.append(Checkpoint(chain.task_id, chain.n, b64url_encode(chain.link)))
    return verified


class _Chain:
    """One task's entries, as they come. After a fault it goes on from what is stored, so each is named once."""

    def __init__(self, task_id: str, key: bytes, known: Iterable[Checkpoint]) -> None:
        self.task_id = task_id
        self.n = 0
        self.link = FIRST_LINK
        self._key = key
        self._known = {checkpoint.n: checkpoint.link for checkpoint in known if checkpoint.task_id == task_id}
        self._faults: list[Fault] = []

    def follow(self, n: int, values: Sequence[Any], link: bytes) -> None:
        for missing in range(self.n + 1, min(n, self.n + 100)):
            self._fault(missing, MISSING)
        if n <= self.n or not hmac.compare_digest(link_over(self._key, self.link, values), link):
            self._fault(n, CHANGED)
        noted = self._known.pop(n, None)
        if noted is not None and noted != b64url_encode(link):
            self._fault(n, REWRITTEN)
        self.n, self.link = n, link

    def ended(self) -> list[Fault]:
        if self.n == 0 and not self._known:
            self._fault(1, MISSING)
        for n in sorted(self._known):
            self._fault(n, CUT_OFF if n > self.n else MISSING)
        return self._faults

    def _fault(self, n: int, what: str) -> None:
        self._faults.append(Fault(self.task_id, n, what))


def _is_link(text: str) -> bool:
    try:
        return len(b64url_decode(text)) == len(FIRST_LINK)
    except Malformed:
        return False
