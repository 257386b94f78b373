"""Who takes part in a task, in the database: everybody who does or did, from which event to which (T15).

A person takes part through one row whose `to_seq` is empty. Ending it is one compare-and-set, and every statement that
reads or changes the task asks for that row: so who has been removed gets nothing more, from that commit on.
"""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import CustomerStays, NotFound
from segue_resource.domain.tool_call import HELD, Step, ToolCall
from segue_resource.stores import handoffs, tables, tool_calls
from segue_resource.stores.unit import Reading, Writing

LISTED = 200
"""The newest participations that one answer lists."""

_people = tables.participants
_events = tables.events
_began, _ended = _events.alias("began"), _events.alias("ended")
_its = _people.c.task_id == sa.bindparam("the_task")
_living = _people.c.to_seq.is_(None)
_LIST = (
    sa.select(_people, _began.c.at.label("joined_at"), _ended.c.at.label("left_at"), _ended.c.sub.label("ended_by"))
    .outerjoin(_began, sa.and_(_began.c.task_id == _people.c.task_id, _began.c.seq == _people.c.from_seq))
    .outerjoin(_ended, sa.and_(_ended.c.task_id == _people.c.task_id, _ended.c.seq == _people.c.to_seq))
    .where(_its)
    .order_by(_people.c.from_seq.desc())
    .limit(LISTED)
)
_LIST_LIVING = _LIST.where(_living)
_ONE = sa.select(_people).where(_its, _people.c.sub == sa.bindparam("the_sub"), _living)
_END = (
    sa.update(_people)
    .where(_its, _people.c.sub == sa.bindparam("the_sub"), _people.c.from_seq == sa.bindparam("the_from"), _living)
    .values(to_seq=sa.bindparam("the_seq"))
    .returning(_people.c.sub)
)
_CLAIMED_BY = (
    sa.select(_events.c.seq)
    .where(
        _events.c.task_id == sa.bindparam("the_task"),
        _events.c.seq > sa.bindparam("after"),
        _events.c.device_id == sa.bindparam("the_device"),
        _events.c.sub == sa.bindparam("the_sub"),
    )
    .limit(1)
)


@dataclass(frozen=True)
class Participant:
    """`to_seq`, `left_at` and `ended_by` are None while the person takes part. Times in seconds since the epoch."""

    sub: str
    role: Role
    from_seq: int
    to_seq: int | None
    joined_at: int | None
    left_at: int | None
    granted_by: str
    ended_by: str | None


def everybody(reading: Reading) -> list[Participant]:
    """Those who take part and those who did, the newest first."""
    return _list(reading, _LIST)


def living(reading: Reading) -> list[Participant]:
    """Those who take part now, the newest first."""
    return _list(reading, _LIST_LIVING)


def leave(writing: Writing) -> None:
    """The caller takes part no longer. Raises `CustomerStays`."""
    _end(writing, writing.caller.sub, kind="participant.left")


def remove(writing: Writing, sub: str) -> None:
    """Somebody takes part no longer. Raises `NotFound` and `CustomerStays`."""
    _end(writing, sub, kind="participant.removed")


def _end(writing: Writing, sub: str, *, kind: str) -> None:
    asked = {"the_task": writing.caller.task_id, "the_sub": sub}
    row = writing.connection.execute(_ONE, asked).one_or_none()
    if row is None:
        raise NotFound
    if row.role == Role.CUSTOMER:
        raise CustomerStays
    _let_go(writing, sub)
    handoffs.without(writing, sub)
    seq = writing.note(kind, {"sub": sub, "role": row.role, "from_seq": row.from_seq})
    ended = writing.connection.execute(_END, {**asked, "the_from": row.from_seq, "the_seq": seq})
    if ended.scalar_one_or_none() is None:
        raise NotFound


def _let_go(writing: Writing, sub: str) -> None:
    """The fences of what the person's devices hold are void; what follows is decided by each call's effect (T9)."""
    for call in tool_calls.unfinished(writing):
        if call.state in HELD and call.holder is not None and _claimed_by(writing, call, sub):
            tool_calls.step(writing, call.call_id, lambda held: Step(replace(held, fence=None)))


def _claimed_by(writing: Writing, call: ToolCall, sub: str) -> bool:
    """Whether the holder is a device of the person: its claim stands in the log behind the proposal."""
    device_id = call.holder.device_id if call.holder else None
    asked = {"the_task": call.task_id, "after": call.proposed_seq - 1, "the_device": device_id, "the_sub": sub}
    return writing.connection.execute(_CLAIMED_BY, asked).one_or_none() is not None


def _list(reading: Reading, statement: sa.Select[Any]) -> list[Participant]:
    rows = reading.connection.execute(statement, {"the_task": reading.caller.task_id})
    return [
        Participant(
            sub=row.sub,
            role=Role(row.role),
            from_seq=row.from_seq,
            to_seq=row.to_seq,
            joined_at=row.joined_at,
            left_at=row.left_at,
            granted_by=row.granted_by,
            ended_by=row.ended_by,
        )
        for row in rows
    ]
