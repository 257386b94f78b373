"""A fork: a task that begins with the past of another, and goes its own way from there (T13)."""

from dataclasses import dataclass

from segue_resource.domain.lifecycle import Status

MOST = 1000
"""Forks of one task."""
DEEPEST = 32
"""Tasks that a past is read from: each costs a statement."""


@dataclass(frozen=True)
class Origin:
    """The task that holds a fork's past, and its last event that belongs to it."""

    task_id: str
    seq: int


@dataclass(frozen=True)
class Fork:
    """A fork as it begins. `head` is the last event of its log, its own first."""

    task_id: str
    name: str
    status: Status
    epoch: int
    head: int
    forked_from: Origin
