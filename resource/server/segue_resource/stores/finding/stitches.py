"""How many sessions were stitched to an open task, and which were not though they go on with one (R8, T22)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.lifecycle import ENDED
from segue_resource.domain.stitching import match
from segue_resource.stores import tables, tasks
from segue_resource.stores.finding.stitching import LARGEST, TAIL, message_texts, open_tasks
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.task_keys import of_tasks

FIRST = 5
"""Messages of the customer by which a task is judged that was begun as new."""

_choices, _events = tables.stitchings, tables.events
_IN = (
    sa.select(_choices)
    .where(_choices.c.at >= sa.bindparam("since"), _choices.c.at < sa.bindparam("until"))
    .order_by(_choices.c.at, _choices.c.session)
)
_BEGINNING = (
    sa.select(_events)
    .where(
        _events.c.task_id == sa.bindparam("the_task"),
        _events.c.seq <= TAIL,
        _events.c.kind == "message",
        _events.c.role == "customer",
        _events.c.size <= LARGEST,
    )
    .order_by(_events.c.seq)
    .limit(FIRST)
)
_BESIDE = (
    sa.select(tables.tasks, tables.task_heads.c.last_at)
    .join(tables.task_heads, tables.task_heads.c.task_id == tables.tasks.c.task_id)
    .join(tables.participants, tables.participants.c.task_id == tables.tasks.c.task_id)
    .where(
        tables.participants.c.sub == sa.bindparam("the_sub"),
        tables.participants.c.to_seq.is_(None),
        tables.task_heads.c.status.not_in(sorted(ENDED)),
        tables.tasks.c.task_id != sa.bindparam("the_task"),
        tables.tasks.c.created_at <= sa.bindparam("the_time"),
    )
    .order_by(tables.task_heads.c.last_at.desc(), tables.tasks.c.task_id)
    .limit(100)
)


@dataclass(frozen=True)
class Missed:
    """A task that was begun as new, and the open task of the same person that its first messages go on with."""

    task_id: str
    continues: str


@dataclass(frozen=True)
class Stitches:
    """`told` of the sessions were told which task they may continue, `followed` of these continued it."""

    sessions: int
    stitched: int
    told: int
    followed: int
    missed: list[Missed]


@dataclass(frozen=True)
class _Open:
    task_id: str
    name: str
    last_at: int


def count(connection: sa.Connection, *, keeper: Keeper, since: int, until: int) -> Stitches:
    """Of the sessions that began in the interval. A missed one is sought among the tasks that are open now."""
    rows = connection.execute(_IN, {"since": since, "until": until}).all()
    return Stitches(
        sessions=len(rows),
        stitched=sum(not row.new for row in rows),
        told=sum(bool(row.likely) for row in rows),
        followed=sum(row.chosen in row.likely for row in rows),
        missed=[missed for row in rows if row.new for missed in _missed(connection, row, keeper)],
    )


def _missed(connection: sa.Connection, row: sa.Row[Any], keeper: Keeper) -> Iterator[Missed]:
    keys = of_tasks(connection, [row.chosen], keeper=keeper, now=row.at)[row.chosen]
    said = [
        text
        for event in connection.execute(_BEGINNING, {"the_task": row.chosen})
        for text in message_texts(event, keys)
    ]
    if not said:
        return
    asked = {"the_sub": row.sub, "the_task": row.chosen, "the_time": row.at}
    rows = connection.execute(_BESIDE, asked).all()
    its = of_tasks(connection, [other.task_id for other in rows], keeper=keeper, now=row.at)
    others = [_Open(other.task_id, tasks.name_of(other, its[other.task_id]), other.last_at) for other in rows]
    known = open_tasks(connection, others, keeper=keeper, now=row.at)
    for found in match("\n".join(said), known, now=row.at):
        if found.likely:
            yield Missed(row.chosen, found.task_id)
