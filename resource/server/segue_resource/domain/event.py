"""The event log of a task: what happened, in one total order."""

from dataclasses import dataclass
from typing import Any

from segue_resource.domain.actor import Actor

_OWN_KINDS = ("task.", "session.", "working_set.", "tool_call.", "participant.", "invitation.", "handoff.", "draft.")


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


def written_by_the_store(kind: str) -> bool:
    """Whether only the store itself may log this kind: it says that the state next to the log has changed."""
    return kind.startswith(_OWN_KINDS)
