"""Records that state of a task was given away: once for each token and kind of state, before the answer goes out (T17).

The table decides; what this process has found there or written it remembers, so that reads stay reads.
"""

from typing import Any

import sqlalchemy as sa
from segue.bounded import Recent

from segue_resource.domain.actor import Caller
from segue_resource.domain.audit import RELEASED
from segue_resource.stores import audit, tables
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.unit import Reading, acting, hold_standing

REMEMBERED = 50_000
"""Releases that a process keeps in mind; one more costs the next read of an old one a look into the table."""

_audit = tables.audit
_FIND = sa.select(_audit.c.n).where(
    _audit.c.task_id == sa.bindparam("the_task"),
    _audit.c.about == sa.bindparam("the_release"),
    tables.released,
)


class Releases:
    """What has been recorded. Shared by the threads of one process."""

    def __init__(self, *, keeper: Keeper) -> None:
        self._keeper = keeper
        self._known: Recent[tuple[str, str], str] = Recent(REMEMBERED)

    def recorded(self, reading: Reading, state: str) -> bool:
        """Whether the audit has it already, or there is nothing that it should have."""
        if not state:
            return True
        caller, about = reading.caller, _about(reading.caller, state)
        if self._known.get((caller.task_id, about)):
            return True
        found = _found(reading.connection, caller, about)
        if found:
            self._known.put((caller.task_id, about), state)
        return found

    def record(self, connection: sa.Connection, caller: Caller, state: str, *, now: int) -> None:
        """Write it, unless somebody else just has. Raises `TaskNotFound` if the person takes part no longer."""
        standing, about = hold_standing(connection, caller), _about(caller, state)
        if not _found(connection, caller, about):
            chain = audit.Chain(connection, caller.task_id, master=self._keeper.master, now=now)
            release = _release(caller, state)
            chain.add(RELEASED, seq=standing.head, actor=caller.actor, role=standing.role, about=release)
            chain.write()

    def remember(self, caller: Caller, state: str) -> None:
        """It has been committed."""
        self._known.put((caller.task_id, _about(caller, state)), state)


def _found(connection: sa.Connection, caller: Caller, about: str) -> bool:
    asked = {"the_task": caller.task_id, "the_release": about}
    return connection.execute(_FIND, asked).one_or_none() is not None


def _about(caller: Caller, state: str) -> str:
    return audit.text_of(_release(caller, state))


def _release(caller: Caller, state: str) -> dict[str, Any]:
    return {"state": state, "token": caller.token} | acting(caller)
