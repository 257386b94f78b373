"""What was used, in the database: each report a row, and totals that its transaction raises by one increment (T21).

A report is kept for the bill, so its row refers to nothing and outlives the task. Numbers and ids alone, no content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from segue_resource.domain.refusal import NotFound, TooMuch
from segue_resource.domain.task import Budget
from segue_resource.domain.tool_call import SPENDING
from segue_resource.domain.usage import (
    EXHAUSTED,
    LARGEST_TOTAL,
    MOST_UNITS,
    SessionUsage,
    Spent,
    Usage,
    crossed,
    left,
    usage,
)
from segue_resource.stores import sessions, tables, tasks
from segue_resource.stores.unit import Reading, Writing

PAGE = 50
"""Sessions of one page."""

_reports = tables.usage_reports
_totals = tables.usage_totals
_by_session = tables.usage_by_session
_calls = tables.tool_calls

_INSERT = sa.insert(_reports)
_TOTALS = sa.select(_totals.c.unit, _totals.c.used).where(_totals.c.task_id == sa.bindparam("the_task"))
_USED = _TOTALS.where(_totals.c.unit == sa.bindparam("the_unit"))
_held = _calls.c.state.in_(sorted(SPENDING))
_RESERVED = (
    sa.select(_calls.c.reserved_unit, sa.func.sum(_calls.c.reserved).label("amount"))
    .where(
        _calls.c.task_id == sa.bindparam("the_task"),
        tables.unfinished,
        _held,
        _calls.c.reserved_unit.is_not(None),
        _calls.c.call_id != sa.bindparam("besides"),
    )
    .group_by(_calls.c.reserved_unit)
)
_this_call = sa.and_(_calls.c.task_id == sa.bindparam("the_task"), _calls.c.call_id == sa.bindparam("the_call"))
_CALL = sa.select(_calls.c.call_id).where(_this_call)
_asked = sa.bindparam("the_amount", type_=sa.BigInteger)
_DRAW = (
    sa.update(_calls)
    .where(_this_call, _calls.c.reserved_unit == sa.bindparam("the_unit"))
    .values(reserved=sa.case((_calls.c.reserved > _asked, _calls.c.reserved - _asked), else_=0))
)
_SESSIONS = (
    sa.select(_by_session)
    .where(_by_session.c.task_id == sa.bindparam("the_task"), _by_session.c.session_id > sa.bindparam("after"))
    .order_by(_by_session.c.session_id, _by_session.c.unit)
    .limit(PAGE * MOST_UNITS + 1)
)


@dataclass(frozen=True)
class Report:
    """`note` names a model or a tool, `call_id` the tool call that it was used for."""

    usage_id: str
    session_id: str
    unit: str
    amount: int
    note: str | None
    call_id: str | None


def report(writing: Writing, said: Report) -> dict[str, Any]:
    """Count what was used, even where it is too much. Raises `NotYourSession`, `NotFound` and `TooMuch`."""
    sessions.require_of_device(writing, said.session_id)
    asked = {"the_task": writing.caller.task_id, "the_call": said.call_id, "the_unit": said.unit}
    if said.call_id is not None:
        if writing.connection.execute(_CALL, asked).scalar_one_or_none() is None:
            raise NotFound
        writing.connection.execute(_DRAW, asked | {"the_amount": said.amount})
    used = _raise_total(writing, said)
    _raise_session(writing, said)
    writing.connection.execute(_INSERT, _row(writing, said))
    budget = tasks.budget(writing)
    if budget is not None and crossed(budget, unit=said.unit, before=used - said.amount, after=used):
        _note_exhausted(writing, budget, used)
    standing = spent(writing, said.unit)
    mine = budget is not None and budget.unit == said.unit
    return {
        "usage_id": said.usage_id,
        "unit": said.unit,
        "amount": said.amount,
        "used": used,
        "left": left(budget, standing) if budget is not None and mine else None,
    }


def note_if_exhausted(writing: Writing, before: Budget | None, after: Budget | None) -> None:
    """Log that the limit is reached where another budget, and no report, has done it."""
    if after is None:
        return
    used = spent(writing, after.unit).used
    was = before is not None and before.unit == after.unit and used >= before.limit
    if used >= after.limit and not was:
        _note_exhausted(writing, after, used)


def spent(unit: Reading | Writing, of: str, *, besides: str = "") -> Spent:
    """Of one unit; without what is reserved for one call."""
    asked = {"the_task": unit.caller.task_id, "the_unit": of}
    used = unit.connection.execute(_USED, asked).one_or_none()
    return Spent(of, 0 if used is None else used.used, reserved(unit, besides=besides).get(of, 0))


def standing(reading: Reading, budget: Budget | None, *, reserved: Mapping[str, int]) -> Usage:
    """What is left of the task's budget, and all that was used."""
    used = {row.unit: row.used for row in reading.connection.execute(_TOTALS, {"the_task": reading.caller.task_id})}
    names = sorted(used.keys() | reserved.keys())
    return usage(budget, [Spent(name, used.get(name, 0), reserved.get(name, 0)) for name in names])


def page(reading: Reading, *, after: str) -> tuple[list[SessionUsage], str | None]:
    """What each session has used, in the order of their ids, whole sessions; and after which to go on."""
    asked = {"the_task": reading.caller.task_id, "after": after}
    rows = reading.connection.execute(_SESSIONS, asked).all()
    names = list(dict.fromkeys(row.session_id for row in rows))
    shown = set(names[:PAGE])
    found = [
        SessionUsage(row.session_id, row.unit, row.used, row.reports, row.last_at)
        for row in rows
        if row.session_id in shown
    ]
    return found, found[-1].session_id if len(names) > PAGE else None


def reserved(unit: Reading | Writing, *, besides: str = "") -> dict[str, int]:
    """What is set aside, by unit, of the calls that are held, but one."""
    asked = {"the_task": unit.caller.task_id, "besides": besides}
    return {row.reserved_unit: int(row.amount) for row in unit.connection.execute(_RESERVED, asked)}


def _note_exhausted(writing: Writing, budget: Budget, used: int) -> None:
    writing.note(EXHAUSTED, {"unit": budget.unit, "limit": budget.limit, "used": used})


def _raise_total(writing: Writing, said: Report) -> int:
    """The new total. Raises `TooMuch` where no JSON reader could tell it exactly, and for one unit too many."""
    known = {row.unit for row in writing.connection.execute(_TOTALS, {"the_task": writing.caller.task_id})}
    if said.unit not in known and len(known) >= MOST_UNITS:
        raise TooMuch(units=MOST_UNITS)
    row = {"task_id": writing.caller.task_id, "unit": said.unit, "used": said.amount}
    upsert = _insert(writing, _totals).values(row)
    raised = upsert.on_conflict_do_update(
        index_elements=["task_id", "unit"],
        set_={"used": _totals.c.used + upsert.excluded.used},
        where=_totals.c.used <= LARGEST_TOTAL - said.amount,
    ).returning(_totals.c.used)
    used = writing.connection.execute(raised).scalar_one_or_none()
    if used is None:
        raise TooMuch(used=LARGEST_TOTAL)
    return int(used)


def _raise_session(writing: Writing, said: Report) -> None:
    row = {"task_id": writing.caller.task_id, "session_id": said.session_id, "unit": said.unit}
    counted = {"used": said.amount, "reports": 1, "last_at": writing.now}
    upsert = _insert(writing, _by_session).values(row | counted)
    raised = {
        "used": _by_session.c.used + upsert.excluded.used,
        "reports": _by_session.c.reports + 1,
        "last_at": upsert.excluded.last_at,
    }
    writing.connection.execute(
        upsert.on_conflict_do_update(index_elements=["task_id", "session_id", "unit"], set_=raised)
    )


def _insert(writing: Writing, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    if writing.connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _row(writing: Writing, said: Report) -> dict[str, Any]:
    caller = writing.caller
    identity = {"sub": caller.sub, "client_id": caller.client_id, "device_id": caller.device_id}
    return {**said.__dict__, **identity, "task_id": caller.task_id, "at": writing.now}
