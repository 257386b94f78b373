"""A session: one connection of a device to a task."""

from dataclasses import dataclass
from enum import StrEnum


class Joining(StrEnum):
    """Why a session begins: the device opens the task, or a connection that serves several turns to this one."""

    OPENED = "opened"
    SWITCHED = "switched"


class Leaving(StrEnum):
    """Why a session ends: the device leaves, or its connection turns to another task."""

    ENDED = "ended"
    SWITCHED = "switched"


class Began(StrEnum):
    """What a conversation is to its task: the first one, or one more that goes on with what is not finished (T22)."""

    NEW_TASK = "new_task"
    CONTINUED = "continued"


def began(*, first: bool, finished: bool, reads_only: bool) -> Began | None:
    """None for a session that is no conversation: its device only reads, or there is nothing left to do."""
    if finished or reads_only:
        return None
    return Began.NEW_TASK if first else Began.CONTINUED


@dataclass(frozen=True)
class Session:
    """`joined_seq` is the sequence number of its `session.joined`. Times in seconds since the epoch.

    `connection_id` is the device's own name of a connection that serves several tasks, the same in all of them.
    """

    session_id: str
    task_id: str
    name: str
    transport: str
    sub: str
    client_id: str
    device_id: str
    started_at: int
    last_seen_at: int
    ended_at: int | None
    joined_seq: int
    transfer_id: str | None
    connection_id: str | None
