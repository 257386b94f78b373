"""One transaction on one task: `Reading` sees one state of it, `Writing` holds the lock of its head row.

The head row is the task's sequencer. The statement that takes it also compares the epoch and finds that the person
takes part; what the transaction logs gets the next sequence numbers, dense, because nobody else can take any meanwhile.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from segue_resource.domain.actor import Caller
from segue_resource.domain.audit import about_event
from segue_resource.domain.event import NewEvent
from segue_resource.domain.fork import Origin
from segue_resource.domain.lifecycle import Status, require_not_ended, require_working
from segue_resource.domain.participant import RIGHTS, Role
from segue_resource.domain.refusal import NotActive, NotYourRole, Refused, StaleEpoch, TaskNotFound
from segue_resource.stores import audit, rows, tables
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.log import Log

_heads = tables.task_heads
_people = tables.participants

_its = _heads.c.task_id == sa.bindparam("the_task")
_role = (
    sa.select(_people.c.role)
    .where(
        _people.c.task_id == sa.bindparam("the_task"),
        _people.c.sub == sa.bindparam("the_sub"),
        _people.c.to_seq.is_(None),
    )
    .scalar_subquery()
)
_takes_part = _role.is_not(None)
_STANDING = sa.select(_heads, _role.label("role")).where(_its, _takes_part)
_HOLD = _STANDING.with_for_update(of=_heads, key_share=True)
_advance = (
    sa.update(_heads)
    .values(head=_heads.c.head + sa.bindparam("expected"), last_at=sa.bindparam("the_time"))
    .returning(
        _heads.c.head,
        _heads.c.status,
        _heads.c.lead,
        _heads.c.parent_task_id,
        _heads.c.parent_seq,
        _role.label("role"),
    )
)
_TAKE = _advance.where(_its, _heads.c.epoch == sa.bindparam("the_epoch"), _takes_part)
_TAKE_STALE_TOO = _advance.where(_its, _heads.c.epoch >= sa.bindparam("the_epoch"), _takes_part)
_RAISE = _advance.where(_its, _heads.c.epoch < sa.bindparam("the_epoch"), _takes_part).values(
    epoch=sa.bindparam("the_epoch")
)
_SETTLE = (
    sa.update(_heads)
    .where(_its)
    .values(
        head=sa.bindparam("the_head"),
        working_set_version=_heads.c.working_set_version + sa.bindparam("changes"),
    )
)


Happened = Counter[tuple[str, str]]
"""How often what has happened in a transaction: `noted` and the kind of event, `appended` and the role, and so on."""


class Behind(Exception):
    """The caller's epoch is above the task's: it has moved, and this is the first request to say so."""


@dataclass(frozen=True)
class Reading:
    """One state of a task, for one caller in one role. `epoch` is the task's, which may be above the caller's.

    `origin` is whose past it goes on from, if it is a fork.
    """

    connection: sa.Connection
    caller: Caller
    keys: TaskKeys
    role: Role
    status: Status
    lead: str
    head: int
    epoch: int
    working_set_version: int
    origin: Origin | None = None


def acting(caller: Caller) -> dict[str, Any]:
    """What the audit has beside the caller's identity when one client acts for another (RFC 8693 section 4.1)."""
    return {"act": list(caller.actors)} if caller.actors else {}


class Writing:
    """The right to change one task until the transaction ends, for one caller in one `role`.

    `status`, `lead` and `origin` are the task's as the transaction found them.
    """

    def __init__(
        self,
        connection: sa.Connection,
        caller: Caller,
        *,
        standing: sa.Row[Any],
        log: Log,
        chain: audit.Chain,
        keys: TaskKeys,
        reserved: int,
    ) -> None:
        self.connection = connection
        self.caller = caller
        self.role = _role_of(standing, caller)
        self.status = Status(standing.status)
        self.lead: str = standing.lead
        self.origin = origin_of(standing)
        self.keys = keys
        self.before = log.head
        self._log = log
        self._chain = chain
        self._reserved = reserved
        self._item_changes = 0
        self.happened: Happened = Counter()

    def of(self, caller: Caller) -> Self:
        """The same right for another device of the same person: what it logs goes on behind what was logged so far."""
        own = copy(self)
        own.caller, own.before, own.happened = caller, self.head, Counter()
        return own

    @property
    def now(self) -> int:
        return self._log.now

    @property
    def head(self) -> int:
        """The last sequence number, with what this transaction has logged so far."""
        return self._log.head

    @property
    def epoch(self) -> int:
        """The task's, which is the caller's in every transaction that may change the task."""
        return self.caller.epoch

    def require_working(self) -> None:
        """Whatever begins something new asks first. Raises `NotActive` while the task rests or once it has ended."""
        require_working(self.status)

    def require_not_ended(self) -> None:
        """Whatever changes the task's own record asks first. Raises `NotActive` once it is closed."""
        require_not_ended(self.status)

    def note(
        self, kind: str, body: dict[str, Any], *, sealed_for: str | None = None, state_key: str | None = None
    ) -> int:
        """Log that the state of the task has changed; the sequence number of the event. The audit gets its part.

        It is sealed under the caller's data key, or that of `sealed_for` where it tells what others wrote.
        """
        event = NewEvent(kind, "system", body)
        seq = self._log.add(event, actor=self.caller.actor, sealed_for=sealed_for, state_key=state_key)
        self.tell("noted", kind)
        about = about_event(kind, body)
        if about is not None:
            self.record(kind, about)
        return seq

    def record(self, kind: str, about: dict[str, Any]) -> None:
        """Add an entry to the audit: ids and words of ours, nothing that people or agents wrote."""
        self._chain.add(kind, seq=self.head, actor=self.caller.actor, role=self.role, about=about | acting(self.caller))

    def log(self, event: NewEvent, *, session_id: str | None) -> int:
        """Log an event of the caller; its sequence number."""
        self.tell("appended", event.role)
        return self._log.add(event, actor=self.caller.actor, session_id=session_id)

    def tell(self, what: str, which: str) -> None:
        """One more of `what` happened, if this transaction is committed."""
        self.happened[what, which] += 1

    def item_changed(self) -> None:
        """The working set as a whole has a new version."""
        self._item_changes += 1

    def settle(self, *also: tuple[sa.Table, rows.Rows]) -> None:
        """Write the log, and give back the numbers that were taken and not used. The last thing in the transaction.

        Rows `also` to be written, of tables of their own, take no statement of their own.
        """
        if self._item_changes or self.head - self.before != self._reserved:
            settled = {"the_task": self.caller.task_id, "the_head": self.head, "changes": self._item_changes}
            self.connection.execute(_SETTLE, settled)
        rows.insert(self.connection, self._log.pending, *also)
        self._chain.write()


def open_reading(connection: sa.Connection, caller: Caller, *, keeper: Keeper, now: int) -> Reading:
    """Raises `TaskNotFound` (also for a task the person has no part in), `NotYourRole` and `Behind`."""
    row = _standing(connection, caller)
    if row.epoch < caller.epoch:
        raise Behind
    keys = TaskKeys(connection, caller.task_id, keeper=keeper, now=now)
    return Reading(
        connection,
        caller,
        keys,
        role=_role_of(row, caller),
        status=Status(row.status),
        lead=row.lead,
        head=row.head,
        epoch=row.epoch,
        working_set_version=row.working_set_version,
        origin=origin_of(row),
    )


def open_writing(
    connection: sa.Connection, caller: Caller, *, keeper: Keeper, now: int, expected: int, stale_too: bool = False
) -> Writing:
    """Take the task's head row if its epoch is the caller's, and reserve the `expected` sequence numbers.

    With `stale_too` a higher epoch will do: for what says who is there, and changes nothing of the task.

    Raises `TaskNotFound`, `NotYourRole`, `Behind`, and `StaleEpoch` when the task has moved on.
    """
    take = _TAKE_STALE_TOO if stale_too else _TAKE
    taken = connection.execute(take, _asked(caller, expected=expected, now=now)).one_or_none()
    if taken is None:
        standing = _standing(connection, caller)
        if standing.epoch <= caller.epoch:  # equal if somebody raised it since the statement before
            raise Behind
        with knowing(standing):
            raise StaleEpoch
    if taken.status == Status.ERASED:
        raise NotActive(taken.status)
    return _writing(connection, caller, keeper=keeper, now=now, standing=taken, reserved=expected)


def raise_epoch(connection: sa.Connection, caller: Caller, *, keeper: Keeper, now: int) -> Happened:
    """Raise the task's epoch to the caller's and log `task.moved`, once (specs/protocol.md section 7)."""
    raised = connection.execute(_RAISE, _asked(caller, expected=1, now=now)).one_or_none()
    if raised is not None:
        writing = _writing(connection, caller, keeper=keeper, now=now, standing=raised, reserved=1)
        moved = {"epoch": caller.epoch, "device_id": caller.device_id, "transfer_id": caller.transfer_id}
        writing.note("task.moved", moved)
        writing.settle()
        return writing.happened
    return Counter()


@contextmanager
def knowing(unit: Reading | Writing | sa.Row[Any]) -> Iterator[None]:
    """Tell whoever is refused inside where the log ends."""
    before = unit.before if isinstance(unit, Writing) else unit.head
    try:
        yield
    except Refused as refusal:
        refusal.head = before
        raise


def _writing(
    connection: sa.Connection, caller: Caller, *, keeper: Keeper, now: int, standing: sa.Row[Any], reserved: int
) -> Writing:
    keys = TaskKeys(connection, caller.task_id, keeper=keeper, now=now)
    log = Log(caller.task_id, caller.actor, keys=keys, now=now, head=standing.head - reserved)
    chain = audit.Chain(connection, caller.task_id, master=keeper.master, now=now)
    return Writing(connection, caller, standing=standing, log=log, chain=chain, keys=keys, reserved=reserved)


def _role_of(standing: sa.Row[Any], caller: Caller) -> Role:
    """Raises `NotYourRole` unless the role gives what the request needs."""
    role = Role(standing.role)
    if not caller.needs <= RIGHTS[role]:
        raise NotYourRole(role)
    return role


def origin_of(standing: sa.Row[Any]) -> Origin | None:
    return None if standing.parent_task_id is None else Origin(standing.parent_task_id, standing.parent_seq)


def hold_standing(connection: sa.Connection, caller: Caller) -> sa.Row[Any]:
    """The head row and the caller's role, with the lock of the head but no change to it. Raises `TaskNotFound`."""
    return _standing(connection, caller, statement=_HOLD)


def _standing(
    connection: sa.Connection, caller: Caller, *, statement: sa.Select[tuple[Any, ...]] = _STANDING
) -> sa.Row[Any]:
    row = connection.execute(statement, {"the_task": caller.task_id, "the_sub": caller.sub}).one_or_none()
    if row is None:
        raise TaskNotFound
    return row


def _asked(caller: Caller, *, expected: int, now: int) -> dict[str, Any]:
    return {
        "the_task": caller.task_id,
        "the_sub": caller.sub,
        "the_epoch": caller.epoch,
        "expected": expected,
        "the_time": now,
    }
