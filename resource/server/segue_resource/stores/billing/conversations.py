"""How many conversations went on with a task that was not finished, out of all that began in an interval (T22)."""

from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.domain.session import Began
from segue_resource.stores import tables

_sessions = tables.sessions
_COUNT = (
    sa.select(_sessions.c.began, sa.func.count().label("many"))
    .where(
        _sessions.c.started_at >= sa.bindparam("since"),
        _sessions.c.started_at < sa.bindparam("until"),
        _sessions.c.began.is_not(None),
    )
    .group_by(_sessions.c.began)
)


@dataclass(frozen=True)
class Conversations:
    new_task: int
    continued: int

    @property
    def share(self) -> float | None:
        """Of those that continued a task; None where nobody conversed."""
        both = self.new_task + self.continued
        return self.continued / both if both else None


def count(connection: sa.Connection, *, since: int, until: int) -> Conversations:
    """Those that began from `since` on and before `until`, in seconds since the epoch."""
    found = {row.began: row.many for row in connection.execute(_COUNT, {"since": since, "until": until})}
    return Conversations(found.get(Began.NEW_TASK, 0), found.get(Began.CONTINUED, 0))
