"""The audit in the database: one chain of entries for each task, written in the transaction that they tell of (T17).

Each entry's `link` is an HMAC-SHA256 over the link before it and the entry, under a key derived from the master key: to
change, drop, swap or insert an entry takes that key, and whoever has the database alone does not have it. The end of a
chain can be cut off unseen unless its last link was noted elsewhere: `segue audit verify` takes such checkpoints.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from segue.jose import b64url_encode

from segue_resource.domain.actor import Actor
from segue_resource.domain.audit import RELEASED, Entry
from segue_resource.stores import tables
from segue_resource.stores.keys.master_key import MasterKey

PAGE = 200
FIRST_LINK = bytes(32)
"""What comes before the first entry."""

_audit = tables.audit
_its = _audit.c.task_id == sa.bindparam("the_task")
_LAST = sa.select(_audit.c.n, _audit.c.link).where(_its).order_by(_audit.c.n.desc()).limit(1)
_PAGE = (
    sa.select(_audit)
    .where(_its, _audit.c.n > sa.bindparam("after"), _audit.c.n <= sa.bindparam("last"))
    .order_by(_audit.c.n)
)
_AT = (
    sa.select(_audit)
    .where(_its, _audit.c.seq == sa.bindparam("the_seq"), _audit.c.kind != sa.bindparam("released"))
    .order_by(_audit.c.n)
    .limit(1)
)
_INSERT = sa.insert(_audit)
LINKED = ("task_id", "n", "at", "kind", "seq", "sub", "role", "client_id", "device_id", "about")
"""The columns that a link holds: every one but the link, in this order."""


@dataclass(frozen=True)
class Page:
    """Consecutive entries. `size` is how many the task has; `next_after` is the cursor for the page that follows."""

    entries: list[Entry]
    size: int
    next_after: int


class Chain:
    """What one transaction adds. Whoever makes one holds the lock of the task's head, so nobody else adds meanwhile."""

    def __init__(self, connection: sa.Connection, task_id: str, *, master: MasterKey, now: int) -> None:
        self._connection = connection
        self._task_id = task_id
        self._master = master
        self._now = now
        self._pending: list[dict[str, Any]] = []

    def add(self, kind: str, *, seq: int, actor: Actor, role: str, about: dict[str, Any]) -> None:
        """An entry of `actor`, acting in `role`, when the log stood at `seq`."""
        self._pending.append(
            {
                "task_id": self._task_id,
                "at": self._now,
                "kind": kind,
                "seq": seq,
                "sub": actor.sub,
                "role": role,
                "client_id": actor.client_id,
                "device_id": actor.device_id,
                "about": text_of(about),
            }
        )

    def write(self) -> None:
        """Number and link the entries, and put them into the table, in one statement."""
        if not self._pending:
            return
        last = self._connection.execute(_LAST, {"the_task": self._task_id}).one_or_none()
        n, link = (0, FIRST_LINK) if last is None else (last.n, last.link)
        key = link_key(self._master)
        for row in self._pending:
            n += 1
            row["n"] = n
            row["link"] = link = next_link(key, link, row)
        self._connection.execute(_INSERT, self._pending)
        self._pending = []


def page(connection: sa.Connection, task_id: str, *, after: int) -> Page:
    """At most `PAGE` entries that follow `after`."""
    last = connection.execute(_LAST, {"the_task": task_id}).one_or_none()
    size = 0 if last is None else int(last.n)
    end = min(after + PAGE, size)
    rows = connection.execute(_PAGE, {"the_task": task_id, "after": after, "last": end})
    return Page([_entry(row) for row in rows], size, max(after, end))


def at(connection: sa.Connection, task_id: str, seq: int) -> Entry:
    """The entry of the event of that number; there must be one."""
    row = connection.execute(_AT, {"the_task": task_id, "the_seq": seq, "released": RELEASED}).one()
    return _entry(row)


def link_key(master: MasterKey) -> bytes:
    return master.derive("audit")


def next_link(key: bytes, link: bytes, row: Any) -> bytes:
    """The link of an entry, from the link before it."""
    return link_over(key, link, [row[name] for name in LINKED])


def link_over(key: bytes, link: bytes, values: Sequence[Any]) -> bytes:
    """As `next_link`, of the values of `LINKED`, as a JSON array: no two rows have the same."""
    return hmac.digest(key, link + msgspec.json.encode(values), hashlib.sha256)


def text_of(about: dict[str, Any]) -> str:
    """One spelling for one content, so that it can be compared in the table."""
    return msgspec.json.encode(about, order="sorted").decode()


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        n=row.n,
        at=row.at,
        kind=row.kind,
        seq=row.seq,
        sub=row.sub,
        role=row.role,
        client_id=row.client_id,
        device_id=row.device_id,
        about=msgspec.json.decode(row.about),
        link=b64url_encode(row.link),
    )
