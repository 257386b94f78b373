"""What the store does to a task by itself: the same transaction as for a caller, in nobody's name and no role (T19).

It is no activity: the time at which somebody last did something in the task stays what it was.
"""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor, Caller
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.participant import Role
from segue_resource.stores import audit, tables
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.log import Log
from segue_resource.stores.unit import Reading, Writing, acting, origin_of

STORE = Actor("segue:store", None, None)
"""Who has done what no person and no device did. No `sub` of an authorization server begins so."""
OPERATOR = Actor("segue:operator", None, None)
"""Who runs `segue tasks`. Which person that is the operating system knows."""

_heads = tables.task_heads
_LOOK = sa.select(_heads).where(_heads.c.task_id == sa.bindparam("the_task"))
_TAKE = (
    sa.update(_heads)
    .values(head=_heads.c.head + sa.bindparam("expected"))
    .where(_heads.c.task_id == sa.bindparam("the_task"))
    .returning(*_heads.c, sa.literal(Role.CUSTOMER.value).label("role"))
)


class Itself(Caller):
    """A caller without a token, a client and a device."""

    @property
    def actor(self) -> Actor:
        return OPERATOR if self.sub == OPERATOR.sub else STORE


class OwnWriting(Writing):
    """What it does asks no role, and the audit names none."""

    def record(self, kind: str, about: dict[str, Any]) -> None:
        actor = self.caller.actor
        self._chain.add(kind, seq=self.head, actor=actor, role="", about=about | acting(self.caller))


def open_own_reading(
    connection: sa.Connection, task_id: str, *, keeper: Keeper, now: int, actor: Actor = STORE
) -> Reading:
    """One state of a task, whoever has it. Raises `NoResultFound` for a task that is not there."""
    row = connection.execute(_LOOK, {"the_task": task_id}).one()
    return Reading(
        connection,
        Itself(actor.sub, "", "", task_id, row.epoch, None, frozenset()),
        TaskKeys(connection, task_id, keeper=keeper, now=now),
        role=Role.CUSTOMER,
        status=Status(row.status),
        lead=row.lead,
        head=row.head,
        epoch=row.epoch,
        working_set_version=row.working_set_version,
        origin=origin_of(row),
    )


def open_own_writing(
    connection: sa.Connection, task_id: str, *, keeper: Keeper, now: int, expected: int = 1, actor: Actor = STORE
) -> OwnWriting:
    """Take the task's head row, whoever has the task, and reserve the `expected` sequence numbers.

    The lock is held until the transaction ends: what is read of the task afterwards does not change meanwhile.
    Raises `NoResultFound` for a task that is not there.
    """
    standing = connection.execute(_TAKE, {"the_task": task_id, "expected": expected}).one()
    caller = Itself(actor.sub, "", "", task_id, standing.epoch, None, frozenset())
    keys = TaskKeys(connection, task_id, keeper=keeper, now=now)
    log = Log(task_id, actor, keys=keys, now=now, head=standing.head - expected)
    chain = audit.Chain(connection, task_id, master=keeper.master, now=now)
    return OwnWriting(connection, caller, standing=standing, log=log, chain=chain, keys=keys, reserved=expected)
