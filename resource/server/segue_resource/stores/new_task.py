"""A task as it begins: its row, its head, its owner, its first event and the first entry of its audit."""

from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.audit import about_event
from segue_resource.domain.event import NewEvent
from segue_resource.domain.fork import Origin
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.participant import Role
from segue_resource.domain.task import Budget, NameSource
from segue_resource.stores import audit, tables, tasks
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.log import Log

FIRST_EPOCH = 1


@dataclass(frozen=True)
class NewTask:
    """`inherits` are columns of `tasks` that a fork has from the task that it goes on from."""

    task_id: str
    owner: str
    name: str
    name_source: NameSource
    budget: Budget | None
    origin: Origin | None = None
    inherits: dict[str, Any] | None = None


def insert(connection: sa.Connection, new: NewTask, *, actor: Actor, keeper: Keeper, now: int) -> int:
    """Write it; the number of its first event. A task id that is taken breaks the primary key."""
    keys = TaskKeys(connection, new.task_id, keeper=keeper, now=now, known={})
    row = tasks.new_row(
        new.task_id,
        new.name,
        name_source=new.name_source,
        budget=new.budget,
        owner=new.owner,
        keys=keys,
        now=now,
    )
    row |= new.inherits or {}
    connection.execute(sa.insert(tables.tasks), row)
    log = Log(new.task_id, actor, keys=keys, now=now, head=new.origin.seq if new.origin else 0)
    kind, opening = _opening(row, new)
    seq = log.add(NewEvent(kind, "system", opening))
    connection.execute(sa.insert(tables.task_heads), _head(new, seq=seq, now=now))
    customer = {
        "task_id": new.task_id,
        "sub": new.owner,
        "from_seq": seq,
        "role": Role.CUSTOMER,
        "granted_by": new.owner,
    }
    connection.execute(sa.insert(tables.participants), customer)
    log.write(connection)
    chain = audit.Chain(connection, new.task_id, master=keeper.master, now=now)
    chain.add(kind, seq=seq, actor=actor, role=Role.CUSTOMER, about=about_event(kind, opening) or {})
    chain.write()
    return seq


def _head(new: NewTask, *, seq: int, now: int) -> dict[str, Any]:
    return {
        "task_id": new.task_id,
        "head": seq,
        "epoch": FIRST_EPOCH,
        "status": Status.OPEN,
        "lead": Role.AGENT,
        "working_set_version": 0,
        "last_at": now,
        "parent_task_id": new.origin and new.origin.task_id,
        "parent_seq": new.origin and new.origin.seq,
    }


def _opening(row: dict[str, Any], new: NewTask) -> tuple[str, dict[str, Any]]:
    """The first entry of the log: which task this is, whose past it goes on from, and the state that it begins in."""
    state = {
        "task_id": row["task_id"],
        "owner": row["owner"],
        "name": new.name,
        "name_source": row["name_source"],
        "status": Status.OPEN,
        "epoch": FIRST_EPOCH,
        "sensitivity": row["sensitivity"],
        "budget": msgspec.to_builtins(new.budget),
    }
    if new.origin is None:
        return "task.created", state
    return "task.forked", {"parent_task_id": new.origin.task_id, "parent_seq": new.origin.seq, **state}
