"""Tool calls in the database. The domain says what follows; one compare-and-set says whether it was first.

The transition and the event that tells of it are one transaction, so the log and the state never disagree.
"""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.refusal import NotFound, ReferenceTaken, Refused, TooMuch
from segue_resource.domain.tool_call import Effect, State, Step, ToolCall, first_state
from segue_resource.stores import tables
from segue_resource.stores.tool_call_row import CHANGING, changed, from_row, new_row
from segue_resource.stores.unit import Reading, Writing

MAX_UNFINISHED = 50
"""Unfinished calls of one task: all of them are read at every resume."""
PAGE = 100
PAGE_BYTES = 1_000_000

_calls = tables.tool_calls
_its = _calls.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _calls.c.call_id == sa.bindparam("the_call"))
_ONE = sa.select(_calls).where(_this)
_REFERRED = sa.select(_calls).where(_its, _calls.c.reference == sa.bindparam("the_reference"))
_UNFINISHED = sa.select(_calls).where(_its, tables.unfinished).order_by(_calls.c.proposed_seq)
_COUNT_UNFINISHED = sa.select(sa.func.count()).select_from(_calls).where(_its, tables.unfinished)
_SIZES = (
    sa.select(_calls.c.proposed_seq, _calls.c.size)
    .where(_its, _calls.c.proposed_seq < sa.bindparam("before"))
    .order_by(_calls.c.proposed_seq.desc())
    .limit(PAGE)
)
_BETWEEN = (
    sa.select(_calls)
    .where(_its, _calls.c.proposed_seq >= sa.bindparam("first"), _calls.c.proposed_seq < sa.bindparam("before"))
    .order_by(_calls.c.proposed_seq.desc())
)
_INSERT = sa.insert(_calls)
_COMPARE_AND_SET = (
    sa.update(_calls)
    .where(_this, _calls.c.version == sa.bindparam("the_version"))
    .values(
        version=_calls.c.version + 1,
        started_seq=sa.bindparam("new_started_seq"),
        **{column: sa.bindparam(f"new_{column}") for column in CHANGING},
    )
    .returning(_calls.c.version)
)


class LostRace(Refused):
    """Another request changed the call between our reading and our writing of it."""


def propose(
    writing: Writing,
    *,
    call_id: str,
    tool: str,
    title: str,
    arguments: dict[str, Any],
    effect: Effect,
    reference: str | None = None,
) -> ToolCall:
    """Record a new call. Raises `NotActive` and `TooMuch`."""
    writing.require_working()
    caller = writing.caller
    if writing.connection.execute(_COUNT_UNFINISHED, {"the_task": caller.task_id}).scalar_one() >= MAX_UNFINISHED:
        raise TooMuch(unfinished_tool_calls=MAX_UNFINISHED)
    call = ToolCall(
        task_id=caller.task_id,
        call_id=call_id,
        tool=tool,
        title=title,
        arguments=arguments,
        effect=effect,
        state=first_state(effect),
        attempt=0,
        fence=None,
        holder=None,
        result=None,
        error=None,
        proposed_seq=writing.head + 1,
        started_at=None,
        finished_at=None,
        reference=reference,
    )
    writing.note("tool_call.proposed", _told(call) | ({} if reference is None else {"reference": reference}))
    row = {"version": 1, **new_row(call, writing.keys, sub=caller.sub)}
    writing.connection.execute(_INSERT, row)
    return call


def known_as(
    writing: Writing, reference: str, *, tool: str, arguments: dict[str, Any], effect: Effect
) -> ToolCall | None:
    """The call that was proposed under that reference before. Raises `ReferenceTaken` if it asks for something else."""
    asked = {"the_task": writing.caller.task_id, "the_reference": reference}
    row = writing.connection.execute(_REFERRED, asked).one_or_none()
    if row is None:
        return None
    call = from_row(row, writing.keys)
    if (call.tool, call.arguments, call.effect) != (tool, arguments, effect):
        raise ReferenceTaken(call.call_id)
    return call


def step(writing: Writing, call_id: str, decide: Callable[[ToolCall], Step]) -> Step:
    """Do what the domain decides and log it. Raises `NotFound`, `LostRace` and what `decide` raises."""
    row = _find(writing, call_id)
    call = from_row(row, writing.keys)
    step = decide(call)
    if step.call != call:
        _compare_and_set(writing, row, step.call)
    if step.logs is not None:
        writing.note(step.logs, _told(step.call) | step.about)
    return step


def note_refusal(writing: Writing, call_id: str) -> None:
    """Log that a former holder came too late. Raises `NotFound`."""
    writing.note("tool_call.refused", _told(from_row(_find(writing, call_id), writing.keys)))


def find(unit: Reading | Writing, call_id: str) -> ToolCall:
    """Raises `NotFound`."""
    return from_row(_find(unit, call_id), unit.keys)


def unfinished(unit: Reading | Writing) -> list[ToolCall]:
    """All of them, oldest first."""
    rows = unit.connection.execute(_UNFINISHED, {"the_task": unit.caller.task_id})
    return [from_row(row, unit.keys) for row in rows]


def page(reading: Reading, *, before: int) -> list[ToolCall]:
    """The newest calls proposed before a sequence number, newest first, in a bounded number of bytes."""
    asked = {"the_task": reading.caller.task_id, "before": before}
    first = _within((row.proposed_seq, row.size) for row in reading.connection.execute(_SIZES, asked))
    if first is None:
        return []
    rows = reading.connection.execute(_BETWEEN, {**asked, "first": first})
    return [from_row(row, reading.keys) for row in rows]


def _within(sizes: Iterable[tuple[int, int]]) -> int | None:
    """The oldest of the newest that fit into a page; the newest fits always."""
    first, budget = None, PAGE_BYTES
    for seq, size in sizes:
        budget -= size
        if first is not None and budget < 0:
            break
        first = seq
    return first


def _find(unit: Reading | Writing, call_id: str) -> sa.Row[Any]:
    asked = {"the_task": unit.caller.task_id, "the_call": call_id}
    row = unit.connection.execute(_ONE, asked).one_or_none()
    if row is None:
        raise NotFound
    return row


def _compare_and_set(writing: Writing, row: sa.Row[Any], call: ToolCall) -> None:
    asked = {"the_task": call.task_id, "the_call": call.call_id, "the_version": row.version}
    asked |= {
        f"new_{column}": value for column, value in changed(row, call, writing.keys, sub=writing.caller.sub).items()
    }
    starts = call.state is State.RUNNING and row.state != State.RUNNING
    asked["new_started_seq"] = writing.head + 1 if starts else row.started_seq
    if writing.connection.execute(_COMPARE_AND_SET, asked).scalar_one_or_none() is None:
        raise LostRace


def _told(call: ToolCall) -> dict[str, Any]:
    """What the log says of a call: enough to show it, never a fence."""
    return {
        "call_id": call.call_id,
        "title": call.title,
        "state": call.state,
        "attempt": call.attempt,
        "effect": call.effect,
    }
