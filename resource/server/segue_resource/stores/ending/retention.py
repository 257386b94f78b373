"""Finds the tasks for which the retention policy has something to do, and does it: one act in one transaction (T19).

A task is found by index, through the time at which it may next be due. That time is never too late: whatever a person
does moves the true one further away or sets it to 0. So an idle task costs nothing until its time, and an active one is
looked at once in the shortest duration of its class. Several processes may do this at once: each act is decided under
the lock of the task's head, on what stands there then, so what another process or a person did just before wins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from segue.clock import Clock

from segue_resource.domain.agenda import Due, Expiry, Standing, Tier, agenda, expiry_of
from segue_resource.domain.elision import Why
from segue_resource.domain.lifecycle import ENDED, Status
from segue_resource.domain.retention import Retention
from segue_resource.domain.task import Task
from segue_resource.domain.tool_call import State
from segue_resource.stores import tables
from segue_resource.stores.ending.holds import living
from segue_resource.stores.tasks import task_of
from segue_resource.stores.unit import Reading

LOOK_AGAIN = 7 * 24 * 3600
"""Seconds until a task is looked at again that waits for others: for a fork of it, or after something went wrong."""

_tasks = tables.tasks
_heads = tables.task_heads
_holds = tables.holds
_calls = tables.tool_calls
_elisions = tables.elisions
_events = tables.events
_MARK: sa.BindParameter[str] = sa.bindparam("the_mark")
_NOW: sa.BindParameter[int] = sa.bindparam("the_time")
_MOST: sa.BindParameter[int] = sa.bindparam("most")

_ids = sa.select(_tasks.c.task_id).limit(_MOST)
_DUE = _ids.where(_tasks.c.reckoned == _MARK, _tasks.c.due_at <= _NOW).order_by(_tasks.c.due_at)
_EARLIER_POLICY = (_ids.where(_tasks.c.reckoned < _MARK), _ids.where(_tasks.c.reckoned > _MARK))
"""Two ranges of the index, which "another one than" is to no planner."""


def _standing() -> sa.Select[Any]:
    of_task = _tasks.c.task_id
    held = sa.exists().where(_holds.c.task_id == of_task, living)
    doubt = (State.RUNNING, State.UNKNOWN)
    in_doubt = sa.exists().where(_calls.c.task_id == of_task, tables.unfinished, _calls.c.state.in_(doubt))
    forks = _heads.alias()
    forked = sa.exists().where(forks.c.parent_task_id == of_task, forks.c.status != Status.ERASED)
    first = (
        sa.select(_elisions.c.by_seq)
        .where(_elisions.c.task_id == of_task, _elisions.c.by_seq > _tasks.c.compacted_to)
        .where(_elisions.c.why == Why.COMPACTED)
        .order_by(_elisions.c.by_seq)
        .limit(1)
        .correlate(_tasks)  # two levels up: without it this would be the first of any task
        .scalar_subquery()
    )
    compacted_at = sa.select(_events.c.at).where(_events.c.task_id == of_task, _events.c.seq == first)
    return sa.select(
        _tasks,
        _heads.c.status,
        _heads.c.head,
        _heads.c.last_at,
        held.label("held"),
        in_doubt.label("in_doubt"),
        forked.label("forked"),
        compacted_at.scalar_subquery().label("compacted_at"),
    ).join(_heads, _heads.c.task_id == of_task)


_STANDING = _standing()
_OF_TASKS = _STANDING.where(_tasks.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)))
_ONE = _STANDING.where(_tasks.c.task_id == sa.bindparam("the_task"))
_ALL = _STANDING.where(_tasks.c.task_id > sa.bindparam("after")).order_by(_tasks.c.task_id).limit(_MOST)
_its = _tasks.c.task_id == sa.bindparam("the_task")
_RECKON = (
    sa.update(_tasks).where(_its).values(reckoned=_MARK, reckoned_at=sa.bindparam("since"), due_at=sa.bindparam("due"))
)
_POSTPONE = sa.update(_tasks).where(_its).values(reckoned=_MARK, due_at=sa.bindparam("due"))


@dataclass(frozen=True)
class Found:
    """A task, where it stands, and how far the policy has come with it."""

    standing: Standing
    reckoned: str
    head: int
    dropping: int
    compacted_to: int


def due(connection: sa.Connection, policy: Retention, *, now: int, most: int) -> list[str]:
    """Tasks to look at, at most `most`: whose time has come, or that another policy has looked at last."""
    asked = {"the_mark": policy.mark, "most": most}
    found = list(connection.execute(_DUE, {**asked, "the_time": now}).scalars())
    for statement in _EARLIER_POLICY:
        found += connection.execute(statement, asked).scalars()
    return found[:most]


def of_tasks(connection: sa.Connection, task_ids: Sequence[str]) -> dict[str, Found]:
    """Where these tasks stand."""
    rows = connection.execute(_OF_TASKS, {"the_tasks": list(task_ids)})
    return {row.task_id: _found(row) for row in rows}


def after(connection: sa.Connection, task_id: str, *, most: int) -> list[Found]:
    """Where all tasks stand, in the order of their ids, from behind one on."""
    return [_found(row) for row in connection.execute(_ALL, {"after": task_id, "most": most})]


def as_reckoned(found: Found, policy: Retention, *, now: int) -> Standing:
    """Where the task stands under this policy, which counts from now on if it comes to the task only now."""
    return found.standing if found.reckoned == policy.mark else replace(found.standing, reckoned_at=now)


class Outlook:
    """Tasks, and what awaits them, for people to read."""

    def __init__(self, policy: Retention, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock

    def of(self, reading: Reading) -> tuple[Task, Expiry]:
        """The task of this transaction and what awaits it, from one row."""
        row = reading.connection.execute(_ONE, {"the_task": reading.caller.task_id}).one()
        return task_of(row, reading), expiry_of(as_reckoned(_found(row), self._policy, now=self._clock()), self._policy)


def reckon(connection: sa.Connection, found: Found, policy: Retention, *, now: int) -> Due | None:
    """What is to be done with the task now, if anything; otherwise note when to look at it again.

    The caller holds the lock of its head.
    """
    standing = as_reckoned(found, policy, now=now)
    coming = agenda(standing, policy)
    known = found.reckoned == policy.mark
    if known and coming and coming[0].at <= now:
        return coming[0]
    asked = {"the_task": standing.task_id, "the_mark": policy.mark, "since": standing.reckoned_at}
    asked["due"] = next_look(standing, policy, coming, now=now) if known else 0
    connection.execute(_RECKON, asked)
    return None


def announce(connection: sa.Connection, task_id: str, policy: Retention, *, now: int) -> None:
    """What comes next is announced from now on, and the task looked at again at once."""
    asked = {"the_task": task_id, "the_mark": policy.mark, "since": now, "due": 0}
    connection.execute(_RECKON, asked)


def postpone(connection: sa.Connection, task_id: str, policy: Retention, *, now: int) -> None:
    """Something went wrong with the task: look at it again later, so that it keeps no others waiting."""
    connection.execute(_POSTPONE, {"the_task": task_id, "the_mark": policy.mark, "due": now + LOOK_AGAIN})


def next_look(standing: Standing, policy: Retention, coming: Iterable[Due], *, now: int) -> int | None:
    """When something may be due at the earliest, whatever people do until then; None if nothing can ever be.

    A living task may be touched, compacted or settled without a word to the policy: all of that counts from now.
    """
    if standing.held or standing.status is Status.ERASED:
        return None
    times = [due.at for due in coming]
    if standing.status not in ENDED:
        rules = policy.rules(standing.retention_class)
        counted = (rules.pause_after, rules.close_after, policy.kept(standing.retention_class, "keep_compacted"))
        times += [now + duration for duration in counted if duration is not None]
    if standing.forked:
        times.append(now + LOOK_AGAIN)
    return min(times, default=None)


def _found(row: sa.Row[Any]) -> Found:
    words = set(row.dropped.split())
    standing = Standing(
        task_id=row.task_id,
        retention_class=row.retention_class,
        status=Status(row.status),
        last_at=row.last_at,
        ended_at=row.last_at if row.ended_at is None and row.status in ENDED else row.ended_at,
        reckoned_at=row.reckoned_at,
        dropped=frozenset(tier for tier in Tier if tier in words),
        held=bool(row.held),
        in_doubt=bool(row.in_doubt),
        forked=bool(row.forked),
        compacted_at=row.compacted_at,
    )
    return Found(standing, row.reckoned, row.head, row.dropping, row.compacted_to)


def expiries(connection: sa.Connection, task_ids: Sequence[str], policy: Retention, *, now: int) -> dict[str, Expiry]:
    """What awaits each of these tasks if nobody touches it, for people to read."""
    return {
        task_id: expiry_of(as_reckoned(found, policy, now=now), policy)
        for task_id, found in of_tasks(connection, task_ids).items()
    }
