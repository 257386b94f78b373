"""The status of a task in the database: compared and set on its head row, next to the event that tells of it (T6)."""

import sqlalchemy as sa

from segue_resource.domain.lifecycle import Status, require_legal, require_settled
from segue_resource.stores import tables, tool_calls
from segue_resource.stores.tool_calls import LostRace
from segue_resource.stores.unit import Writing

_heads = tables.task_heads
_CHANGE = (
    sa.update(_heads)
    .where(_heads.c.task_id == sa.bindparam("the_task"), _heads.c.status == sa.bindparam("the_status"))
    .values(status=sa.bindparam("new_status"))
    .returning(_heads.c.status)
)


def change(writing: Writing, to: Status, *, reason: str | None) -> None:
    """Raises `IllegalTransition`, `Unsettled` and `LostRace`."""
    before = writing.status
    require_legal(before, to)
    require_settled(to, tool_calls.unfinished(writing), epoch=writing.epoch, now=writing.now)
    asked = {"the_task": writing.caller.task_id, "the_status": before, "new_status": to}
    if writing.connection.execute(_CHANGE, asked).scalar_one_or_none() is None:
        raise LostRace
    writing.status = to
    writing.note("task.status_changed", {"from": before, "to": to, "reason": reason})
