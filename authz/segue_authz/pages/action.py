"""The actions of a task in plain words: the one table (protocol section 3)."""

from collections.abc import Iterable
from dataclasses import dataclass

ACTION_WORDS = {
    "task:read": ("the task", "see"),
    "task:write": ("the task", "rename"),
    "task:transfer": ("the task to other devices", "pass on"),
    "working_set:read": ("drafts, decisions and questions", "see"),
    "working_set:write": ("drafts, decisions and questions", "change"),
    "events:read": ("the history", "see"),
    "events:append": ("the history", "add to"),
    "tool_calls:read": ("tool calls", "see"),
    "tool_calls:propose": ("tool calls", "propose"),
    "tool_calls:approve": ("tool calls", "approve"),
    "tool_calls:claim": ("tool calls", "run"),
    "participants:manage": ("who takes part", "decide"),
    "handoffs:write": ("the task to other participants", "hand over"),
    "task:erase": ("what was written in the task", "erase for good"),
    "audit:read": ("the record of who did what", "see"),
}
"""What each action is done to, and what is done."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """One line of the page: a subject and the (action, verb) pairs that are allowed with it."""

    subject: str
    verbs: tuple[tuple[str, str], ...]


def in_words(actions: Iterable[str]) -> tuple[Allowed, ...]:
    """The actions by subject, in the table's order.

    KeyError for an action without words: nobody may be asked to approve what the page cannot say.
    """
    asked = {action: ACTION_WORDS[action] for action in actions}
    subjects: dict[str, list[tuple[str, str]]] = {}
    for action, (subject, verb) in ACTION_WORDS.items():
        if action in asked:
            subjects.setdefault(subject, []).append((action, verb))
    return tuple(Allowed(subject, tuple(verbs)) for subject, verbs in subjects.items())
