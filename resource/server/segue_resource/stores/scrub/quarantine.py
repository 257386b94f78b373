"""What a repair put in quarantine of somebody who is erased since goes with the rest of what they wrote (T18)."""

import msgspec
import sqlalchemy as sa

from segue_resource.stores import tables

_KEYS = ("key_no", "proposal_key_no", "outcome_key_no")
_quarantine = tables.quarantine
_keys = tables.data_keys
_KEPT = sa.select(_quarantine.c.n, _quarantine.c.row).where(_quarantine.c.task_id == sa.bindparam("the_task"))
_DESTROYED = sa.select(_keys.c.key_no).where(_keys.c.task_id == sa.bindparam("the_task"), _keys.c.wrapped.is_(None))
_DROP = sa.delete(_quarantine).where(
    _quarantine.c.task_id == sa.bindparam("the_task"), _quarantine.c.n.in_(sa.bindparam("numbers", expanding=True))
)


def forget_erased(connection: sa.Connection, task_id: str) -> int:
    """Take out the rows that were sealed under a data key which has been destroyed; how many."""
    asked = {"the_task": task_id}
    destroyed = set(connection.execute(_DESTROYED, asked).scalars())
    numbers = [
        kept.n
        for kept in connection.execute(_KEPT, asked)
        if any(msgspec.json.decode(kept.row).get(name) in destroyed for name in _KEYS)
    ]
    return connection.execute(_DROP, {**asked, "numbers": numbers}).rowcount if numbers else 0
