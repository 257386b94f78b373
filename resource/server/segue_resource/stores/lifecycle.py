"""The status of a task in the database: compared and set on its head row, next to the event that tells of it (T6)."""

import sqlalchemy as sa

from segue_resource.domain.lifecycle import ENDED, Status, require_legal, require_settled
from segue_resource.stores import tables, tool_calls
from segue_resource.stores.tool_calls import LostRace
from segue_resource.stores.unit import Writing

_heads = tables.task_heads
_tasks = tables.tasks
_CHANGE = (
    sa.update(_heads)
    .where(_heads.c.task_id == sa.bindparam("the_task"), _heads.c.status == sa.bindparam("the_status"))
    .values(status=sa.bindparam("new_status"))
    .returning(_heads.c.status)
)
_ENDED = (
    sa.update(_tasks)
    .where(_tasks.c.task_id == sa.bindparam("the_task"))
    .values(ended_at=sa.func.coalesce(_tasks.c.ended_at, sa.bindparam("the_time")), due_at=0)
)
"""What is kept of the task is counted from here, and the retention policy looks at it anew."""


def change(writing: Writing, to: Status, *, reason: str | None) -> None:
    """Raises `IllegalTransition`, `Unsettled` and `LostRace`."""
    before = writing.status
    require_legal(before, to)
    require_settled(to, tool_calls.unfinished(writing), epoch=writing.epoch, now=writing.now)
    asked = {"the_task": writing.caller.task_id, "the_status": before, "new_status": to}
    if writing.connection.execute(_CHANGE, asked).scalar_one_or_none() is None:
        raise LostRace
    writing.status = to
    if to in ENDED:
        writing.connection.execute(_ENDED, {"the_task": writing.caller.task_id, "the_time": writing.now})
    writing.note("task.status_changed", {"from": before, "to": to, "reason": reason})
