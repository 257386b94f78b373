"""The task card: what the authorization server may know of a task, to show it where a person decides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from segue_resource.domain.lifecycle import PLAIN, Status
from segue_resource.domain.participant import Role
from segue_resource.domain.tool_call import State
from segue_resource.domain.working_set import ItemStatus, ItemType


@dataclass(frozen=True)
class TaskCard:
    """`state` is one line; `role` is what the asking person is, `actions` what that gives.

    `last_at` in seconds, as is `closes_at`: when the task will be closed if nobody touches it, None if it will not.
    """

    task_id: str
    name: str
    state: str
    owner: str
    sensitivity: str
    running_tool_calls: int
    last_at: int
    closes_at: int | None
    role: Role
    actions: list[str]


@dataclass(frozen=True)
class TaskName:
    """What a task is called, and whose it is."""

    name: str
    owner: str


def running(calls: Mapping[State, int]) -> int:
    """How many calls somebody holds."""
    return calls.get(State.RUNNING, 0) + calls.get(State.CLAIMED, 0)


def state_line(status: Status, items: Mapping[tuple[ItemType, ItemStatus], int], calls: Mapping[State, int]) -> str:
    """Where the task stands, from its status and counts alone: no text of the task is in it."""
    documents = items.get((ItemType.DOCUMENT, ItemStatus.OPEN), 0)
    questions = items.get((ItemType.QUESTION, ItemStatus.OPEN), 0)
    decisions = items.get((ItemType.DECISION, ItemStatus.SETTLED), 0)
    said = [
        "" if status in PLAIN else status.capitalize(),
        _count(running(calls), "tool call running", "tool calls running"),
        _count(calls.get(State.PROPOSED, 0), "tool call waiting for approval", "tool calls waiting for approval"),
        _count(calls.get(State.UNKNOWN, 0), "tool call to be checked", "tool calls to be checked"),
        _count(documents, "document in progress", "documents in progress"),
        _count(questions, "open question", "open questions"),
        _count(decisions, "decision made", "decisions made"),
    ]
    return _joined(said) or "Nothing written down yet"


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}" if count else ""


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(part for part in parts if part)
