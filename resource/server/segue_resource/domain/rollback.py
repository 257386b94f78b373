"""A rollback: a task goes on from what it was after an event; what came since stays, for the audit alone (T12)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from segue_resource.domain.refusal import AtWork
from segue_resource.domain.tool_call import HELD, State, ToolCall

LISTED = 200
"""Tool calls that one rollback lists by name; of more it says how many there are."""
_AT_WORK = HELD | {State.UNKNOWN}


@dataclass(frozen=True)
class NotUndone:
    """A tool call that was started since, and has had or may have had an effect outside: somebody has to see to it."""

    call_id: str
    effect: str
    state: str


@dataclass(frozen=True)
class BroughtBack:
    """An item of the working set that the rollback changed, and its new version."""

    item_id: str
    version: int
    deleted: bool


@dataclass(frozen=True)
class Rollback:
    """`seq` is the event that says so, `to` the one that the task is after again.

    `not_undone` are the newest `LISTED` of `not_undone_count`; `cancelled` are the ids of calls that had not begun.
    """

    seq: int
    to: int
    reason: str | None
    working_set: list[BroughtBack]
    cancelled: list[str]
    not_undone: list[NotUndone]
    not_undone_count: int


def require_at_rest(calls: Iterable[ToolCall]) -> None:
    """Nobody is at work, and nothing is in doubt: otherwise nobody could say what is not undone. Raises `AtWork`."""
    busy: list[dict[str, Any]] = [
        {"call_id": call.call_id, "title": call.title, "state": call.state} for call in calls if call.state in _AT_WORK
    ]
    if busy:
        raise AtWork(busy)
