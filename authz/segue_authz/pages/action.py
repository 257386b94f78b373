"""The actions of a task in plain words: the one table (protocol section 3)."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from segue_authz.pages.text import gettext, listed, marked, marked_in, pgettext

ACTION_WORDS = {
    "task:read": ("task", marked_in("task", "see")),
    "task:write": ("task", marked_in("task", "rename")),
    "task:transfer": ("other devices", marked_in("other devices", "pass on")),
    "working_set:read": ("drafts", marked_in("drafts", "see")),
    "working_set:write": ("drafts", marked_in("drafts", "change")),
    "events:read": ("history", marked_in("history", "see")),
    "events:append": ("history", marked_in("history", "add to")),
    "tool_calls:read": ("tool calls", marked_in("tool calls", "see")),
    "tool_calls:propose": ("tool calls", marked_in("tool calls", "propose")),
    "tool_calls:approve": ("tool calls", marked_in("tool calls", "approve")),
    "tool_calls:claim": ("tool calls", marked_in("tool calls", "run")),
    "participants:manage": ("participants", marked_in("participants", "decide")),
    "handoffs:write": ("other participants", marked_in("other participants", "hand over")),
    "task:erase": ("what was written", marked_in("what was written", "erase for good")),
    "audit:read": ("record", marked_in("record", "see")),
}
"""What each action is done to, and what is done."""

LINES = {
    "task": marked("%(verbs)s the task"),
    "other devices": marked("%(verbs)s the task to other devices"),
    "drafts": marked("%(verbs)s drafts, decisions and questions"),
    "history": marked("%(verbs)s the history"),
    "tool calls": marked("%(verbs)s tool calls"),
    "participants": marked("%(verbs)s who takes part"),
    "other participants": marked("%(verbs)s the task to other participants"),
    "what was written": marked("%(verbs)s what was written in the task"),
    "record": marked("%(verbs)s the record of who did what"),
}
"""What is allowed, a line for each subject. The verbs of a subject are said for it alone, and stand together."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """One line of the page: a subject and the (action, verb) pairs that are allowed with it."""

    subject: str
    verbs: tuple[tuple[str, str], ...]

    @property
    def line(self) -> Markup:
        """As the page says it, each action marked as a fact."""
        fact = Markup('<span data-fact="action" data-value="{}">{}</span>')
        return self._line(fact.format(action, verb) for action, verb in self.verbs)

    @property
    def words(self) -> str:
        """The same as plain text."""
        return self._line(verb for _, verb in self.verbs).unescape()

    def _line(self, verbs: Iterable[str]) -> Markup:
        return Markup(gettext(LINES[self.subject], verbs=listed(verbs)))  # noqa: S704 (the verbs are escaped)


def in_words(actions: Iterable[str]) -> tuple[Allowed, ...]:
    """The actions by subject, in the table's order.

    KeyError for an action without words: nobody may be asked to approve what the page cannot say.
    """
    asked = {action: ACTION_WORDS[action] for action in actions}
    subjects: dict[str, list[tuple[str, str]]] = {}
    for action, (subject, verb) in ACTION_WORDS.items():
        if action in asked:
            subjects.setdefault(subject, []).append((action, pgettext(subject, verb)))
    return tuple(Allowed(subject, tuple(verbs)) for subject, verbs in subjects.items())
