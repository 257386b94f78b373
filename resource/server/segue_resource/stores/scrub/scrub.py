"""Verifies one task while servers go on working: its log page by page, then what lies beside it in one state of both.

Events do not change once they are there, so pages may be read in transactions of their own. The last transaction reads
what was logged meanwhile together with the rows beside the log, so the two are of one moment.
"""

from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.event import LOST
from segue_resource.domain.kept_state import PREFIX as STATE
from segue_resource.stores import tables
from segue_resource.stores.keys.sealing import ChangedBeside, Damaged
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.log import open_body
from segue_resource.stores.scrub.account import Account
from segue_resource.stores.scrub.checks import CHECKS
from segue_resource.stores.scrub.fault import Fault, Harm, Remedy
from segue_resource.stores.scrub.found import Found
from segue_resource.stores.scrub.mending import Mending

PAGE = 200
"""Events read in one transaction."""
REFILLED = 1000
"""Numbers without an event, at the end of a log, that are marked as lost; of more than that the head is wrong."""

_events = tables.events
_heads = tables.task_heads
_its = _events.c.task_id == sa.bindparam("the_task")
_PAGE = sa.select(_events).where(_its, _events.c.seq > sa.bindparam("after")).order_by(_events.c.seq).limit(PAGE)
_BEFORE = sa.select(_events).where(_its, _events.c.seq <= sa.bindparam("begin")).order_by(_events.c.seq)
_HEAD = sa.select(_heads).where(_heads.c.task_id == sa.bindparam("the_task"))


class Scrub:
    """One run over one task. Ask `read_on` until it says False, then `compare`."""

    def __init__(self, task_id: str, *, keeper: Keeper, now: int) -> None:
        self.task_id = task_id
        self.events = 0
        self._keeper = keeper
        self._now = now
        self._account = Account()
        self._faults: list[Fault] = []
        self._last: int | None = None
        self._begin = 0
        self._emptied: list[sa.Row[Any]] = []

    def read_on(self, connection: sa.Connection) -> bool:
        """The next page of the log, in one snapshot; whether there may be more."""
        return len(self._page(connection)) == PAGE

    def compare(self, connection: sa.Connection) -> list[Fault]:
        """The rest of the log, and everything beside it: all that is wrong with the task."""
        while self.read_on(connection):
            pass
        keys = TaskKeys(connection, self.task_id, keeper=self._keeper, now=self._now)
        last = self._last or 0
        found = Found(connection, self.task_id, keys, self._keeper.master, self._account, last)
        head = self._head(connection)
        beyond = [] if head is None else self._end(head.head, last)
        beside = [fault for check in CHECKS for fault in check(found)]
        return [*self._before(connection), *self._faults, *self._gone(keys), *beyond, *beside]

    def mend(self, connection: sa.Connection, faults: list[Fault]) -> Mending:
        """Do what can be done, in the transaction in which `compare` found the faults, and put it on record."""
        head = self._head(connection)
        last = self._last or 0
        filled = 0 if head is None or head.head - last > REFILLED else max(0, head.head - last)
        mending = Mending(
            connection, self.task_id, keeper=self._keeper, now=self._now, head=last + filled, account=self._account
        )
        for fault in faults:
            if fault.mend is not None:
                mending.mend(fault)
        mending.settle()
        return mending

    def _page(self, connection: sa.Connection) -> list[sa.Row[Any]]:
        head = self._head(connection)
        if self._last is None:
            self._last = self._begin = 0 if head is None else head.parent_seq or 0
        rows = list(connection.execute(_PAGE, {"the_task": self.task_id, "after": self._last}))
        keys = TaskKeys(connection, self.task_id, keeper=self._keeper, now=self._now)
        for row in rows:
            self._tell(row, keys, head=0 if head is None else head.head)
        return rows

    def _tell(self, row: sa.Row[Any], keys: TaskKeys, *, head: int) -> None:
        self.events += 1
        try:
            body = open_body(row, keys)
        except Damaged as damaged:
            if row.seq > max(head, (self._last or 0) + 1):
                self._stray(row)
                return
            self._follow(row.seq)
            self._account.doubt(row.seq, None if isinstance(damaged, ChangedBeside) else row.kind)
            self._fault(row.seq, Harm.UNREADABLE, str(damaged), Remedy.LOST, lambda mending: mending.lose(row))
            return
        self._follow(row.seq)
        if body is None:
            self._account.doubt(row.seq, row.kind)
            self._emptied += [] if row.sealed else [row]
        else:
            self._account.tell(row, body)
            self._size(row, body)
            self._state_key(row, body)

    def _follow(self, seq: int) -> None:
        """Numbers are dense: what is between the last one and this is missing."""
        for missing in range((self._last or 0) + 1, seq):
            self._missing(missing)
        self._last = seq

    def _missing(self, seq: int) -> None:
        self._account.doubt(seq, None)
        what = "the event is missing"
        self._fault(seq, Harm.MISSING, what, Remedy.LOST, lambda mending: mending.mark_lost(seq))

    def _size(self, row: sa.Row[Any], body: dict[str, Any]) -> None:
        size = len(msgspec.json.encode(body))
        if row.size != size and row.kind != LOST:
            key = {"task_id": self.task_id, "seq": row.seq}
            what = "size is not that of the body"
            self._fault(row.seq, Harm.WRONG, what, Remedy.REBUILT, lambda m: m.change(_events, key, {"size": size}))

    def _state_key(self, row: sa.Row[Any], body: dict[str, Any]) -> None:
        expected = body["key"] if row.kind.startswith(STATE) else None
        if row.state_key != expected:
            key, told = {"task_id": self.task_id, "seq": row.seq}, {"state_key": expected}
            what = "state_key is not that of the body"
            self._fault(row.seq, Harm.WRONG, what, Remedy.REBUILT, lambda mending: mending.change(_events, key, told))

    def _stray(self, row: sa.Row[Any]) -> None:
        key = {"task_id": self.task_id, "seq": row.seq}
        what = "the row lies outside the log and does not open"
        self._fault(row.seq, Harm.FORGED, what, Remedy.DROPPED, lambda mending: mending.drop(_events, key))

    def _gone(self, keys: TaskKeys) -> list[Fault]:
        """Bodies that are not there although the log does not say that they have expired, and nobody was erased."""
        gone = Scrub(self.task_id, keeper=self._keeper, now=self._now)
        for row in self._emptied:
            if not self._account.expired(row.seq) and not keys.destroyed(row.key_no):
                what = "the body is gone, and the log does not say that it was dropped"
                gone._fault(row.seq, Harm.UNREADABLE, what, Remedy.LOST, lambda m, row=row: m.lose(row))
        return gone._faults

    def _before(self, connection: sa.Connection) -> list[Fault]:
        """Rows below the first number."""
        before = Scrub(self.task_id, keeper=self._keeper, now=self._now)
        for row in connection.execute(_BEFORE, {"the_task": self.task_id, "begin": self._begin}):
            before._stray(row)
        return before._faults

    def _end(self, head: int, last: int) -> list[Fault]:
        end = Scrub(self.task_id, keeper=self._keeper, now=self._now)
        what = f"the head is {head} and the last event {last}"
        if head < last or head - last > REFILLED:
            end._fault(head, Harm.WRONG, what, Remedy.REBUILT, lambda mending: mending.set_head())
        else:
            for missing in range(last + 1, head + 1):
                self._account.doubt(missing, None)
                lost = f"the event is missing: {what}"
                end._fault(missing, Harm.MISSING, lost, Remedy.LOST, lambda m, seq=missing: m.mark_lost(seq))
        return end._faults

    def _head(self, connection: sa.Connection) -> sa.Row[Any] | None:
        return connection.execute(_HEAD, {"the_task": self.task_id}).one_or_none()

    def _fault(self, seq: int, harm: Harm, what: str, remedy: Remedy, mend: Any) -> None:
        self._faults.append(Fault(self.task_id, "events", str(seq), harm, what, remedy, mend))
