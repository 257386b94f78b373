"""The event log of a task: what happened, in one total order."""

from dataclasses import dataclass
from typing import Any

from segue_resource.domain.actor import Actor

_OWN_KINDS = (
    "task.",
    "log.",
    "subject.",
    "session.",
    "working_set.",
    "tool_call.",
    "participant.",
    "invitation.",
    "handoff.",
    "draft.",
    "artifact.",
    "state.",
)
REPAIRED = "log.repaired"
"""An operator's repair put the task back to what can still be read, and this is what it found."""
LOST = "log.lost"
"""What stands in the place of an event that cannot be read any more, or is not there. Its body is empty."""


@dataclass(frozen=True)
class NewEvent:
    """An event before it has its place in the log."""

    kind: str
    role: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """`seq` is dense and total within the task, from 1; `at` in seconds since the epoch."""

    seq: int
    kind: str
    role: str
    at: int
    actor: Actor
    session_id: str | None
    body: dict[str, Any]


@dataclass(frozen=True)
class LostEvent(Event):
    """An event that an operator's repair could not bring back: its number is kept, what it said is not known."""

    damaged: bool = True


@dataclass(frozen=True)
class ExpiredEvent(Event):
    """An event whose body the retention policy has dropped: that it was, and who wrote it, is still known."""

    expired: bool = True


def written_by_the_store(kind: str) -> bool:
    """Whether only the store itself may log this kind: it says that the state next to the log has changed."""
    return kind.startswith(_OWN_KINDS)
