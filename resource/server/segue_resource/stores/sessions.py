"""Sessions in the database: which connection of which device belonged to a task, and when (T2)."""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.lifecycle import ENDED
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NoConnection, NotFound, NotYourSession
from segue_resource.domain.session import Began, Joining, Leaving, Session, began
from segue_resource.stores import tables
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

LISTED = 200
"""The newest sessions of a task that one answer lists."""
LIVE = 50
TOUCHED_EVERY = 60
"""Seconds between two records that a session was seen, so that a busy one does not write each time."""

_sessions = tables.sessions
_its = _sessions.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _sessions.c.session_id == sa.bindparam("the_session"))
_newest = sa.select(_sessions).where(_its).order_by(_sessions.c.joined_seq.desc()).limit(sa.bindparam("most"))
_live = _sessions.c.ended_at.is_(None)
_SELECT = sa.select(_sessions).where(_this)
_LIST = _newest.where(
    _sessions.c.joined_seq < sa.bindparam("before"),
    _sessions.c.started_at <= sa.bindparam("until"),
    sa.or_(_live, _sessions.c.ended_at >= sa.bindparam("since")),
)
_LIST_LIVE = _newest.where(_live)
_CONVERSATION = sa.exists().where(_its, _sessions.c.began.is_not(None))
_SO_FAR = sa.select(tables.task_heads.c.epoch, _CONVERSATION.label("conversation")).where(
    tables.task_heads.c.task_id == sa.bindparam("the_task")
)
_INSERT = sa.insert(_sessions)
_TOUCH = sa.update(_sessions).where(_this).values(last_seen_at=sa.bindparam("the_time"))
_END = (
    sa.update(_sessions)
    .where(_this, _live)
    .values(ended_at=sa.bindparam("the_time"), last_seen_at=sa.bindparam("the_time"))
    .returning(_sessions.c.session_id)
)


def join(
    writing: Writing,
    *,
    session_id: str,
    name: str,
    transport: str,
    connection_id: str | None,
    reason: Joining,
) -> Session:
    """Register a connection of the caller's device. Raises `NoConnection`."""
    if reason is Joining.SWITCHED and connection_id is None:
        raise NoConnection
    caller = writing.caller
    told = {"session_id": session_id, "name": name, "transport": transport}
    seq = writing.note("session.joined", {**told, "connection_id": connection_id, "reason": reason})
    session = Session(
        session_id=session_id,
        task_id=caller.task_id,
        name=name,
        transport=transport,
        sub=caller.sub,
        client_id=caller.client_id,
        device_id=caller.device_id,
        started_at=writing.now,
        last_seen_at=writing.now,
        ended_at=None,
        joined_seq=seq,
        transfer_id=caller.transfer_id,
        connection_id=connection_id,
    )
    sealed = writing.keys.seal({"name": name}, sub=caller.sub, table="sessions", row=session_id)
    begins = _began(writing)
    row = {**session.__dict__, "key_no": sealed.key_no, "sealed": sealed.value, "began": begins}
    del row["name"]
    writing.connection.execute(_INSERT, row)
    if begins is not None:
        writing.tell("conversation", begins)
    return session


def _began(writing: Writing) -> Began | None:
    """Asked under the lock of the task, so that one session alone is the first."""
    so_far = writing.connection.execute(_SO_FAR, {"the_task": writing.caller.task_id}).one()
    return began(
        first=not so_far.conversation,
        finished=writing.status in ENDED,
        reads_only=writing.epoch < so_far.epoch,
    )


def end(writing: Writing, session_id: str, *, reason: Leaving) -> None:
    """End the session, once; its own device may. Raises `NotFound`, `NotYourSession` and `NoConnection`."""
    row = _find(writing, session_id)
    if row is None:
        raise NotFound
    if row.device_id != writing.caller.device_id:
        raise NotYourSession
    if reason is Leaving.SWITCHED and row.connection_id is None:
        raise NoConnection
    if writing.connection.execute(_END, _asked(writing, session_id)).scalar_one_or_none() is not None:
        writing.note("session.left", {"session_id": session_id, "connection_id": row.connection_id, "reason": reason})


def touch(writing: Writing, session_id: str) -> None:
    """The session is at work. Raises `NotYourSession` unless it is a living one of the caller's device at this task."""
    row = _find(writing, session_id)
    if row is None or row.ended_at is not None or row.device_id != writing.caller.device_id:
        raise NotYourSession
    if row.last_seen_at + TOUCHED_EVERY <= writing.now:
        writing.connection.execute(_TOUCH, _asked(writing, session_id))


def require_of_device(writing: Writing, session_id: str) -> None:
    """It is, or was, a session of the caller's device at this task. Raises `NotYourSession`."""
    row = _find(writing, session_id)
    if row is None or row.device_id != writing.caller.device_id:
        raise NotYourSession


def require_own(reading: Reading, session_id: str) -> Role:
    """The caller's role, if this is a living session of its device at this task. Raises `NotYourSession`."""
    row = _find(reading, session_id)
    if row is None or row.ended_at is not None or row.device_id != reading.caller.device_id:
        raise NotYourSession
    return reading.role


def live(reading: Reading) -> list[Session]:
    """The newest that have not ended, newest first."""
    asked = {"the_task": reading.caller.task_id, "most": LIVE}
    return [_session(row, reading.keys) for row in reading.connection.execute(_LIST_LIVE, asked)]


def page(
    reading: Reading, *, before: int, since: int, until: int, device_id: str | None
) -> tuple[list[Session], int | None]:
    """The newest sessions that joined before a place in the log, newest first, and before which to go on.

    Only those that were there at some moment from `since` to `until`, of this device if one is named.
    """
    statement = _LIST if device_id is None else _LIST.where(_sessions.c.device_id == device_id)
    asked = {"the_task": reading.caller.task_id, "before": before, "since": since, "until": until, "most": LISTED + 1}
    rows = reading.connection.execute(statement, asked).all()
    found = [_session(row, reading.keys) for row in rows[:LISTED]]
    return found, found[-1].joined_seq if len(rows) > LISTED else None


def _find(unit: Reading | Writing, session_id: str) -> sa.Row[Any] | None:
    asked = {"the_task": unit.caller.task_id, "the_session": session_id}
    return unit.connection.execute(_SELECT, asked).one_or_none()


def _asked(writing: Writing, session_id: str) -> dict[str, Any]:
    return {"the_task": writing.caller.task_id, "the_session": session_id, "the_time": writing.now}


def _session(row: sa.Row[Any], keys: TaskKeys) -> Session:
    opened = keys.unseal(row.key_no, row.sealed, table="sessions", row=row.session_id) or {"name": ""}
    return Session(
        session_id=row.session_id,
        task_id=row.task_id,
        name=opened["name"],
        transport=row.transport,
        sub=row.sub,
        client_id=row.client_id,
        device_id=row.device_id,
        started_at=row.started_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
        joined_seq=row.joined_seq,
        transfer_id=row.transfer_id,
        connection_id=row.connection_id,
    )
