"""What was used in an interval, read for the bill: from `since` on and before `until`, by when it was reported (T21).

A report is in the interval of its receipt, is never changed and never removed, so an interval that is over has the same
figures for ever. It is over once no server's clock can still be in it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.tool_call import CLOCKS_DIFFER
from segue_resource.stores import tables

FINAL_AFTER = CLOCKS_DIFFER
"""Seconds after its end that an interval may still grow: by clocks that differ, and by what is being written."""
DAY = 86_400

_AT_ONCE = 1000

_reports = tables.usage_reports
_within = sa.and_(_reports.c.at >= sa.bindparam("since"), _reports.c.at < sa.bindparam("until"))
_day = (_reports.c.at // DAY * DAY).label("day")


class By(StrEnum):
    TASK = "task"
    SESSION = "session"
    PERSON = "person"
    CLIENT = "client"
    DAY = "day"


_GROUPS: dict[By, tuple[sa.ColumnElement[Any], ...]] = {
    By.TASK: (_reports.c.task_id,),
    By.SESSION: (_reports.c.task_id, _reports.c.session_id),
    By.PERSON: (_reports.c.sub,),
    By.CLIENT: (_reports.c.client_id,),
    By.DAY: (_day,),
}
_EACH = sa.select(_reports).where(_within).order_by(_reports.c.at, _reports.c.usage_id)


def columns(by: By | None) -> list[str]:
    """The names of what `rows` gives, in their order."""
    if by is None:
        return [column.name for column in _reports.columns]
    return [*(str(column.name) for column in _GROUPS[by]), "unit", "amount", "reports"]


def rows(connection: sa.Connection, *, since: int, until: int, by: By | None) -> Iterator[tuple[Any, ...]]:
    """Each report, or sums by something and unit, in a fixed order: as it comes, never all at once."""
    streaming = connection.execution_options(stream_results=True, yield_per=_AT_ONCE)
    for row in streaming.execute(_EACH if by is None else _sums(by), {"since": since, "until": until}):
        yield tuple(row) if by is None else _summed(row, by)


def _summed(row: sa.Row[Any], by: By) -> tuple[Any, ...]:
    """Its sum is a Decimal on PostgreSQL; a day is named as ISO 8601 does."""
    *group, unit, amount, reports = tuple(row)
    if by is By.DAY:
        group = [datetime.fromtimestamp(group[0], UTC).date().isoformat()]
    return *group, unit, int(amount), reports


def _sums(by: By) -> sa.Select[Any]:
    group = (*_GROUPS[by], _reports.c.unit)
    return (
        sa.select(*group, sa.func.sum(_reports.c.amount), sa.func.count())
        .where(_within)
        .group_by(*group)
        .order_by(*group)
    )
