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
