"""After a backup was put back: what was open in a task when it was made may have been used or done since."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.domain import tool_call
from segue_resource.domain.invitation import InvitationState
from segue_resource.domain.tool_call import REPEATABLE
from segue_resource.stores import invitations, tables, tool_calls
from segue_resource.stores.ending.own_writing import OPERATOR, open_own_writing
from segue_resource.stores.keys.keeper import Keeper

_calls = tables.tool_calls
_invitations = tables.invitations
_its: sa.BindParameter[str] = sa.bindparam("the_task")
_doubtful = sa.and_(tables.unfinished, _calls.c.effect.not_in(REPEATABLE))
_open = sa.and_(
    _invitations.c.state == InvitationState.OPEN, _invitations.c.expires_at > sa.bindparam("the_time", type_=sa.Integer)
)
_TASKS = sa.union(sa.select(_calls.c.task_id).where(_doubtful), sa.select(_invitations.c.task_id).where(_open))
_CALLS = sa.select(_calls.c.call_id).where(_calls.c.task_id == _its, _doubtful).order_by(_calls.c.proposed_seq)
_OPEN = sa.select(_invitations.c.invitation_id).where(_invitations.c.task_id == _its, _open)


@dataclass(frozen=True)
class Doubted:
    """Of how many tool calls nobody knows any more, and how many invitations were withdrawn."""

    tool_calls: int = 0
    invitations: int = 0

    def __add__(self, other: "Doubted") -> "Doubted":
        return Doubted(self.tool_calls + other.tool_calls, self.invitations + other.invitations)


def with_something_open(connection: sa.Connection, *, now: int) -> Iterator[str]:
    """The tasks that a restore concerns."""
    yield from connection.execute(_TASKS.order_by("task_id"), {"the_time": now}).scalars()


def doubt(connection: sa.Connection, task_id: str, *, keeper: Keeper, now: int) -> Doubted:
    """Believe nothing of the task that was open: one transaction, told in its log. Done again it changes nothing."""
    writing = open_own_writing(connection, task_id, keeper=keeper, now=now, expected=0, actor=OPERATOR)
    asked = {"the_task": task_id, "the_time": now}
    before = writing.head
    for call_id in connection.execute(_CALLS, {"the_task": task_id}).scalars().all():
        tool_calls.step(writing, call_id, lambda call: tool_call.restored(call, now=now))
    calls = writing.head - before
    withdrawn = connection.execute(_OPEN, asked).scalars().all()
    for invitation_id in withdrawn:
        invitations.withdraw(writing, invitation_id)
    writing.settle()
    return Doubted(calls, len(withdrawn))
