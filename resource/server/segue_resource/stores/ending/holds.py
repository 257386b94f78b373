"""Holds: while an incident is looked into, or the law wants a task kept, nothing of it is deleted (T19).

A task may have several, placed for different reasons by different people; to release one leaves the others. Why it was
placed is sealed; the audit says that it was, of which kind, and when it was released.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from segue.jose import b64url_encode

from segue_resource.domain.refusal import NotFound, OnHold, TooMuch
from segue_resource.domain.retention import HoldKind
from segue_resource.stores import tables
from segue_resource.stores.ending.own_writing import OwnWriting
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.keys.task_keys import TaskKeys

MOST = 20
"""Living holds of one task."""

_holds = tables.holds
_tasks = tables.tasks
living = _holds.c.released_at.is_(None)
_OF_TASK = sa.select(_holds).where(_holds.c.task_id == sa.bindparam("the_task"), living).order_by(_holds.c.placed_at)
_COUNT = sa.select(sa.func.count()).select_from(_holds).where(_holds.c.task_id == sa.bindparam("the_task"), living)
_RELEASE = (
    sa.update(_holds)
    .where(_holds.c.hold_id == sa.bindparam("the_hold"), _holds.c.task_id == sa.bindparam("the_task"), living)
    .values(released_at=sa.bindparam("the_time"))
    .returning(_holds.c.kind)
)
_LOOK_AGAIN = sa.update(_tasks).where(_tasks.c.task_id == sa.bindparam("the_task")).values(due_at=0)


@dataclass(frozen=True)
class Hold:
    hold_id: str
    task_id: str
    kind: HoldKind
    placed_at: int
    reason: str


def place(writing: OwnWriting, kind: HoldKind, reason: str, *, random: Random) -> Hold:
    """Nothing of the task is deleted from now on. Raises `TooMuch`."""
    task_id = writing.caller.task_id
    if writing.connection.execute(_COUNT, {"the_task": task_id}).scalar_one() >= MOST:
        raise TooMuch(holds=MOST)
    hold = Hold(f"hld_{b64url_encode(random(12))}", task_id, kind, writing.now, reason)
    sealed = writing.keys.seal({"reason": reason}, sub=writing.caller.sub, table=_holds.name, row=hold.hold_id)
    row = msgspec.to_builtins(hold) | {"key_no": sealed.key_no, "sealed": sealed.value}
    del row["reason"]
    writing.connection.execute(sa.insert(_holds), row)
    writing.record("hold.placed", {"hold_id": hold.hold_id, "kind": kind})
    return hold


def release(writing: OwnWriting, hold_id: str) -> None:
    """The policy goes on for the task, unless another hold stands. Raises `NotFound`."""
    asked = {"the_task": writing.caller.task_id, "the_hold": hold_id, "the_time": writing.now}
    kind = writing.connection.execute(_RELEASE, asked).scalar_one_or_none()
    if kind is None:
        raise NotFound
    writing.connection.execute(_LOOK_AGAIN, {"the_task": writing.caller.task_id})
    writing.record("hold.released", {"hold_id": hold_id, "kind": kind})


def of_task(connection: sa.Connection, task_id: str, *, keys: TaskKeys) -> list[Hold]:
    """The living ones, oldest first."""
    return [_hold(row, keys) for row in connection.execute(_OF_TASK, {"the_task": task_id})]


def require_none(connection: sa.Connection, task_id: str) -> None:
    """Whoever deletes anything of a task asks first, under the lock of its head. Raises `OnHold`."""
    if connection.execute(_COUNT, {"the_task": task_id}).scalar_one():
        raise OnHold


def _hold(row: sa.Row[Any], keys: TaskKeys) -> Hold:
    opened = keys.unseal(row.key_no, row.sealed, table=_holds.name, row=row.hold_id)
    return Hold(row.hold_id, row.task_id, HoldKind(row.kind), row.placed_at, opened["reason"] if opened else "")
