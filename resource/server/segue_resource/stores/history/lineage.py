"""Whose rows a task's past is made of: a fork goes on from the past of another, which is shared and not copied (T13).

A fork's own log begins behind the event it was forked at; what is up to there lies with the tasks it descends from. So
one dense sequence crosses the fork point, and what was written is read, and unsealed, where it was written.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.stores import tables
from segue_resource.stores.unit import Reading, Writing

_heads = tables.task_heads


@dataclass(frozen=True)
class Stretch:
    """The events from `first` to `last` of a log, which are rows of the task `task_id`."""

    task_id: str
    first: int
    last: int


def _ancestors() -> sa.Select[tuple[str, int]]:
    """Parent before grandparent. The last event that a past has of each is lower and lower, so it comes to an end."""
    parent = (
        sa.select(_heads.c.parent_task_id.label("task_id"), _heads.c.parent_seq.label("last"))
        .where(_heads.c.task_id == sa.bindparam("the_task"), _heads.c.parent_task_id.is_not(None))
        .cte("ancestors", recursive=True)
    )
    older = sa.select(_heads.c.parent_task_id, _heads.c.parent_seq).where(
        _heads.c.task_id == parent.c.task_id, _heads.c.parent_task_id.is_not(None)
    )
    found = parent.union_all(older)
    return sa.select(found.c.task_id, found.c.last).order_by(found.c.last.desc())


_ANCESTORS = _ancestors()
_LAST_SHARED = sa.select(sa.func.max(_heads.c.parent_seq)).where(_heads.c.parent_task_id == sa.bindparam("the_task"))


def stretches(unit: Reading | Writing, first: int, last: int) -> list[Stretch]:
    """Where the events from `first` to `last` lie, oldest first; one stretch, found without a query, if it is no fork.

    The past of a task that is no fork, or is not asked for, costs nothing.
    """
    own = unit.caller.task_id
    if unit.origin is None or first > unit.origin.seq:
        return [Stretch(own, first, last)]
    found, end = [], last
    for task_id, after in _from_newest(unit):
        if end > after:
            found.append(Stretch(task_id, max(first, after + 1), end))
            end = after
        if first > after:
            break
    return found[::-1]


def depth(unit: Reading | Writing) -> int:
    """How many tasks its past is read from, beside the task itself."""
    return len(_from_newest(unit)) - 1


def eldest(unit: Reading | Writing) -> str:
    """The task that all of its past began with: itself, found without a query, if it is no fork."""
    return unit.caller.task_id if unit.origin is None else _from_newest(unit)[-1][0]


def living_forks(connection: sa.Connection, task_id: str) -> int | None:
    """The last event of the task that is the past of some fork; None if it has none.

    Whoever removes rows of a task for good, under the lock of its head, keeps those up to there.
    """
    found: int | None = connection.execute(_LAST_SHARED, {"the_task": task_id}).scalar_one()
    return found


def descendants(task_id: sa.BindParameter[str]) -> sa.CTE:
    """The task and all that go on from it, each `task_id` with the `last` event of its past that the task may have."""
    itself = sa.select(_heads.c.task_id, _heads.c.head.label("last")).where(_heads.c.task_id == task_id)
    found = itself.cte("descendants", recursive=True)
    shared = sa.case((_heads.c.parent_seq < found.c.last, _heads.c.parent_seq), else_=found.c.last)
    return found.union_all(sa.select(_heads.c.task_id, shared).where(_heads.c.parent_task_id == found.c.task_id))


def _from_newest(unit: Reading | Writing) -> list[tuple[str, int]]:
    """The task and those it descends from, each with the event behind which its own rows begin."""
    task_ids, afters = [unit.caller.task_id], []
    for row in unit.connection.execute(_ANCESTORS, {"the_task": unit.caller.task_id}):
        task_ids.append(row.task_id)
        afters.append(row.last)
    return list(zip(task_ids, [*afters, 0], strict=True))
