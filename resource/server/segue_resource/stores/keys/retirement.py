"""One act of the retention policy on one task, in one transaction: pause, close, archive, drop, erase (T19)."""

from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.domain import tool_call
from segue_resource.domain.agenda import Act, Due, Tier
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.retention import Retention, duration_text
from segue_resource.stores import lifecycle, tool_calls
from segue_resource.stores.ending import erasures, expiry, retention
from segue_resource.stores.ending.own_writing import OwnWriting, open_own_writing
from segue_resource.stores.ending.retention import Found
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.keys.task_keys import Keeper


@dataclass(frozen=True)
class Done:
    """What was done to a task; `rows` were emptied by it. With `more` the act goes on in the next transaction."""

    task_id: str
    retention_class: str
    act: Act
    tier: Tier | None = None
    rows: int = 0
    more: bool = False


def visit(connection: sa.Connection, task_id: str, policy: Retention, *, keeper: Keeper, now: int) -> Done | None:
    """Do the next thing that is due for the task, if anything is, as the task stands once its lock is held."""
    writing = open_own_writing(connection, task_id, keeper=keeper, now=now, expected=0)
    found = retention.of_tasks(connection, [task_id])[task_id]
    due = retention.reckon(connection, found, policy, now=now)
    if due is None:
        return None
    done = _do(writing, found, due, policy, keeper.random)
    writing.settle()
    return done


def _do(writing: OwnWriting, found: Found, due: Due, policy: Retention, random: Random) -> Done:
    name = found.standing.retention_class
    rules, rows, task_id = policy.rules(name), 0, writing.caller.task_id
    match due.act:
        case Act.PAUSE:
            lifecycle.change(writing, Status.PAUSED, reason=_inactive(rules.pause_after))
            retention.announce(writing.connection, task_id, policy, now=writing.now)
        case Act.CLOSE:
            _cancel_what_never_ran(writing)
            lifecycle.change(writing, Status.CLOSED, reason=_inactive(rules.close_after))
        case Act.ARCHIVE:
            lifecycle.change(writing, Status.ARCHIVED, reason=f"closed for {duration_text(rules.archive_after)}")
        case Act.DROP if due.tier is not None:
            rows = expiry.drop(writing, found, due.tier)
        case Act.ERASE:
            erasures.erase(writing, erasure_id=f"era_{random(12).hex()}", sub=None)
    return Done(task_id, name, due.act, due.tier, rows, more=rows > 0)


def _cancel_what_never_ran(writing: OwnWriting) -> None:
    """A call that was never started took no effect. Of one that was only a person can say: such a task stays paused."""
    for call in tool_calls.unfinished(writing):
        tool_calls.step(writing, call.call_id, lambda one: tool_call.cancel(one, None, now=writing.now))


def _inactive(duration: int | None) -> str:
    return f"nothing has happened for {duration_text(duration)}"
