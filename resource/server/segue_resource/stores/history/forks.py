"""Forks in the database: a new task that points to the past of another, in the transaction that says so in both (T13).

What is copied is where things lie: whose past it is, and for each item of the working set and each file which version
stood. So a fork costs the same after a million events. No participant, session, token or tool call goes along.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.fork import DEEPEST, MOST, Fork, Origin
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.refusal import CursorAhead, TooMuch
from segue_resource.domain.task import Budget, NameSource
from segue_resource.stores import tables, working_set_history
from segue_resource.stores.files import artifact_history
from segue_resource.stores.history.lineage import depth, stretches
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.new_task import FIRST_EPOCH, NewTask, insert
from segue_resource.stores.unit import Writing

INHERITED = ("sensitivity", "retention_class")
"""The columns of `tasks` that a fork has from the task it was forked from, beside its owner and its budget."""

_tasks = tables.tasks
_heads = tables.task_heads
_items = tables.working_set_items
_files = tables.artifacts
_FROM = sa.select(_tasks.c.owner, _tasks.c.budget, *(_tasks.c[name] for name in INHERITED)).where(
    _tasks.c.task_id == sa.bindparam("the_task")
)
_HOLD = (
    sa.select(_heads.c.task_id)
    .where(_heads.c.task_id == sa.bindparam("the_task"))
    .with_for_update(of=_heads, key_share=True)
)
_COUNT = sa.select(sa.func.count()).where(_heads.c.parent_task_id == sa.bindparam("the_task"))


@dataclass(frozen=True)
class Asked:
    """What a fork is asked to be. `at` is the last event that it has of the past; None for all there is."""

    task_id: str
    name: str
    at: int | None


def fork(writing: Writing, asked: Asked, *, keeper: Keeper) -> Fork:
    """Begin a task that goes on from this one's past. Raises `CursorAhead` and `TooMuch`.

    One at a point of the past that this task shares is a fork of the task that holds it: so a past is never read
    through a task that adds nothing to it.
    """
    at = writing.before if asked.at is None else asked.at
    if at > writing.before:
        raise CursorAhead
    origin = Origin(stretches(writing, at, at)[0].task_id, at)
    _hold_past(writing, origin)
    row = writing.connection.execute(_FROM, {"the_task": writing.caller.task_id}).one()
    new = NewTask(
        asked.task_id,
        row.owner,
        asked.name,
        NameSource.PERSON,
        None if row.budget is None else msgspec.json.decode(row.budget, type=Budget),
        origin,
        {name: row._mapping[name] for name in INHERITED},
    )
    seq = insert(writing.connection, new, actor=writing.caller.actor, keeper=keeper, now=writing.now)
    _point_to_items(writing, new, at)
    _point_to_files(writing, new, at)
    writing.note("task.forked", {"task_id": new.task_id, "parent_task_id": origin.task_id, "parent_seq": at})
    return Fork(new.task_id, new.name, Status.OPEN, FIRST_EPOCH, seq, origin)


def _hold_past(writing: Writing, origin: Origin) -> None:
    """Nothing of that past can be removed for good until the fork is there to be counted."""
    asked = {"the_task": origin.task_id}
    writing.connection.execute(_HOLD, asked).one()
    if writing.connection.execute(_COUNT, asked).scalar_one() >= MOST or depth(writing) >= DEEPEST:
        raise TooMuch(forks=MOST, depth=DEEPEST)


def _point_to_items(writing: Writing, new: NewTask, at: int) -> None:
    rows: list[dict[str, Any]] = [
        {
            "task_id": new.task_id,
            "item_id": row.item_id,
            "version": row.version,
            "type": row.type,
            "status": row.status,
            "size": working_set_history.size_of(row, writing.keys),
            "held_by": row.task_id,
        }
        for row in working_set_history.standing_as_of(writing, at)
    ]
    if rows:
        writing.connection.execute(sa.insert(_items), rows)


def _point_to_files(writing: Writing, new: NewTask, at: int) -> None:
    """To versions and, with them, to contents, which stay where they are: nothing is read or copied."""
    rows: list[dict[str, Any]] = [
        {
            "task_id": new.task_id,
            "artifact_id": row.artifact_id,
            "version": row.version,
            "read_first": row.read_first,
            "held_by": row.task_id,
        }
        for row in artifact_history.standing_as_of(writing, at)
    ]
    if rows:
        writing.connection.execute(sa.insert(_files), rows)
