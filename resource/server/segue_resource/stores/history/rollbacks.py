"""Rollbacks in the database: everything is added and nothing deleted, in the transaction that says so (T12).

The log gets one event, the working set new versions that point to the text they bring back, and the elision hides what
came since. The cost is that of what changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.elision import Elision, Why
from segue_resource.domain.refusal import Conflict
from segue_resource.domain.rollback import LISTED, BroughtBack, NotUndone, Rollback, require_at_rest
from segue_resource.domain.tool_call import Effect, cancel
from segue_resource.stores import tables, tool_calls
from segue_resource.stores.history import elisions
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.keys import restoring
from segue_resource.stores.unit import Writing

_calls = tables.tool_calls
_of_past = sa.and_(_calls.c.task_id == sa.bindparam("the_task"), _calls.c.effect != Effect.PURE)
_STARTED = sa.select(_calls.c.call_id, _calls.c.effect, _calls.c.state, _calls.c.started_seq.label("seq")).where(
    _of_past, _calls.c.started_seq >= sa.bindparam("first"), _calls.c.started_seq <= sa.bindparam("last")
)
_STARTED_BY_FORMER_RELEASE = sa.select(
    _calls.c.call_id, _calls.c.effect, _calls.c.state, _calls.c.proposed_seq.label("seq")
).where(
    _of_past,
    _calls.c.proposed_seq >= sa.bindparam("first"),
    _calls.c.proposed_seq <= sa.bindparam("last"),
    _calls.c.started_seq.is_(None),
    _calls.c.started_at.is_not(None),
)


@dataclass(frozen=True)
class Asked:
    """`head` is the end of the log as whoever asks has seen it: nothing is taken back that they have not seen."""

    to: int
    head: int
    reason: str | None


def revert(writing: Writing, asked: Asked) -> Rollback:
    """Raises `NotActive`, `Conflict` with the head as it is, `AtWork` and `TooMuch`. `to` is below `head`."""
    writing.require_not_ended()
    if asked.head != writing.before:
        raise Conflict({"head": writing.before})
    calls = tool_calls.unfinished(writing)
    require_at_rest(calls)
    cancelled = [call.call_id for call in calls if call.proposed_seq > asked.to]
    for call_id in cancelled:
        tool_calls.step(writing, call_id, lambda call: cancel(call, None, now=writing.now))
    started = sorted(_started_since(writing, asked.to), key=lambda row: int(row.seq), reverse=True)
    changes = restoring.changes(writing, asked.to)
    done = Rollback(
        seq=writing.head + 1,
        to=asked.to,
        reason=asked.reason,
        working_set=[BroughtBack(change.item_id, change.version, change.back is None) for change in changes],
        cancelled=cancelled,
        not_undone=[NotUndone(row.call_id, row.effect, row.state) for row in started[:LISTED]],
        not_undone_count=len(started),
    )
    writing.note("task.reverted", _told(done))
    restoring.carry_out(writing, changes)
    elisions.elide(writing, Elision(asked.to + 1, writing.before, done.seq, Why.REVERTED))
    return done


def _started_since(writing: Writing, to: int) -> Iterator[Any]:
    for part in stretches(writing, to + 1, writing.before):
        for statement in (_STARTED, _STARTED_BY_FORMER_RELEASE):
            asked = {"the_task": part.task_id, "first": part.first, "last": part.last}
            yield from writing.connection.execute(statement, asked)


def _told(done: Rollback) -> dict[str, Any]:
    """The event: all of it but its own number."""
    told: Mapping[str, Any] = msgspec.to_builtins(done)
    return {name: value for name, value in told.items() if name != "seq"}
