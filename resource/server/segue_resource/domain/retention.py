"""How long what is kept of a task: the classes of a deployment's retention policy (T19).

A task belongs to one class from its beginning. Durations are seconds; None is "never", which somebody has to write.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

DAY = 86_400
DEFAULT = "default"
"""The class of a task that was given no other, or one that the policy has no more."""


class HoldKind(StrEnum):
    """Why nothing of a task may be deleted for now: somebody looks into an incident, or the law wants it kept."""

    INCIDENT = "incident"
    LEGAL = "legal"


@dataclass(frozen=True)
class Rules:
    """What holds for the tasks of one class; the meaning of each is in `MEANINGS`."""

    pause_after: int | None = 30 * DAY
    close_after: int | None = 180 * DAY
    archive_after: int | None = 30 * DAY
    keep_compacted: int | None = 30 * DAY
    keep_messages: int | None = 180 * DAY
    keep_versions: int | None = 180 * DAY
    keep_tool_calls: int | None = 365 * DAY
    keep_artifacts: int | None = 180 * DAY
    erase_after: int | None = 730 * DAY


MEANINGS: Mapping[str, str] = {
    "debug_window": "no body is dropped and no task erased sooner than this after it ended or was compacted",
    "notice": "nothing is closed, dropped or erased sooner than this after the policy that says so came to the task",
    "pause_after": "an unfinished task is paused when nothing has happened in it for so long",
    "close_after": "it is closed when nothing has happened in it for so long, unless a tool call may have taken effect",
    "archive_after": "a closed task is archived so long after it ended",
    "keep_compacted": "bodies of messages that a summary replaces are kept so long after it was written",
    "keep_messages": "bodies of messages are kept so long after the task ended",
    "keep_versions": "earlier versions of working set items are kept so long after the task ended",
    "keep_tool_calls": "arguments and results of tool calls are kept so long after the task ended",
    "keep_artifacts": "artifacts are kept so long after the task ended",
    "erase_after": "everything but the audit is erased so long after the task ended",
}
"""Each value of a policy, in words for an operator."""
FLOORS = ("debug_window", "notice")
"""Values of the deployment, which no class can go below."""
ALWAYS: Mapping[str, tuple[str, str]] = {
    "idempotency_answers": ("7d", "answers kept for repeated requests are dropped so long after they were given"),
    "drafts": ("2min", "unfinished drafts are forgotten so long after their last word"),
    "durable": ("until erased", "decisions, facts, the working set as it is and the store's own events are kept"),
    "audit": ("kept", "ids and our own words; it outlives the task, so that what was done to it can be shown"),
}
"""What holds for every class, and is no setting."""


@dataclass(frozen=True)
class Retention:
    """The policy of a deployment: floors, values for all classes, what differs in a class, classes by client.

    `classes` holds for each class the values that it sets itself; `set_for_all` names those that `general` does.
    """

    debug_window: int = 14 * DAY
    notice: int = 7 * DAY
    general: Rules = field(default_factory=Rules)
    set_for_all: frozenset[str] = frozenset()
    classes: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    clients: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The classes, the default one first."""
        return [DEFAULT, *sorted(set(self.classes) - {DEFAULT})]

    @cached_property
    def mark(self) -> str:
        """Another one for another policy: tasks that carry an earlier one are reckoned anew."""
        return hashlib.sha256(repr(self._values()).encode()).hexdigest()[:16]

    def rules(self, name: str) -> Rules:
        """What holds for a class; for one that the policy does not know, what holds for the default one."""
        return replace(self.general, **self.classes.get(name, self.classes.get(DEFAULT, {})))

    def class_of(self, client_id: str | None) -> str:
        """The class of a new task that a client begins."""
        return self.clients.get(client_id or "", DEFAULT)

    def kept(self, name: str, value: str) -> int | None:
        """How long what `value` speaks of is kept, with the floor under it."""
        duration: int | None = getattr(self.rules(name), value)
        return None if duration is None else max(duration, self.debug_window)

    def origin(self, name: str, value: str) -> str:
        """Where the effective value comes from, in words."""
        if value in self.classes.get(name, {}):
            return f"class {name}"
        if value in self.set_for_all:
            return "set for all"
        return "built in"

    def _values(self) -> list[Any]:
        classes = sorted((name, sorted(values.items(), key=str)) for name, values in self.classes.items())
        return [self.debug_window, self.notice, self.general, classes]


BUILT_IN = Retention()
"""What holds where no deployment says otherwise: it ends too."""


def require_consistent(retention: Retention) -> None:
    """Raises ValueError, naming the key, what it holds and what would be accepted."""
    for name in retention.names:
        rules = retention.rules(name)
        _require_not_less(name, rules, "close_after", ("pause_after",))
        kept = ("keep_messages", "keep_versions", "keep_tool_calls", "keep_artifacts")
        _require_not_less(name, rules, "erase_after", kept)


def _require_not_less(name: str, rules: Rules, later: str, earlier: tuple[str, ...]) -> None:
    """Raises ValueError. What is never reached cannot be reached too late."""
    value: int | None = getattr(rules, later)
    for other in earlier:
        least: int | None = getattr(rules, other)
        if value is not None and least is not None and value < least:
            raise ValueError(
                f"retention.classes.{name}.{later} is {duration_text(value)}; it must be at least"
                f" {duration_text(least)}, which is {other} there, or never"
            )


UNITS: Mapping[str, int] = {"d": DAY, "h": 3600, "min": 60, "s": 1}


def duration_text(seconds: int | None) -> str:
    """As the policy file has it: in the largest unit that gives a whole number."""
    if seconds is None:
        return "never"
    unit = next(unit for unit, size in UNITS.items() if seconds % size == 0)
    return f"{seconds // UNITS[unit]}{unit}"


def summary(retention: Retention) -> str:
    """The policy in one line, for whoever starts a server."""
    rules = retention.rules(DEFAULT)
    idle = ("pause_after", "close_after")
    before = [f"{value} {duration_text(getattr(rules, value))}" for value in idle]
    kept = ("keep_messages", "erase_after")
    after = [f"{value} {duration_text(retention.kept(DEFAULT, value))}" for value in kept]
    others = f", and {len(retention.names) - 1} more classes" if len(retention.names) > 1 else ""
    return f"{', '.join([*before, *after])}{others}; segue tasks policy shows all"
