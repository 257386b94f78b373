"""What the retention policy would do, counted over all tasks by class, act and tier: for a dry run (T19)."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from segue_resource.domain.agenda import agenda
from segue_resource.domain.lifecycle import ENDED
from segue_resource.domain.retention import Retention
from segue_resource.stores.ending import retention
from segue_resource.stores.ending.retention import Found

PAGE = 500
"""Tasks looked at in one transaction."""

Key = tuple[str, str, str]
"""Class, act, tier; `held` and `waits` stand for acts where the policy has to leave a task alone."""


@dataclass
class Line:
    """How many tasks it is due for now and later, and when it is due for the first and the last of them."""

    due: int = 0
    later: int = 0
    first: int | None = None
    last: int | None = None

    def count(self, at: int, *, now: int) -> None:
        self.due += at <= now
        self.later += at > now
        self.first = min(at, at if self.first is None else self.first)
        self.last = max(at, at if self.last is None else self.last)


@dataclass
class Forecast:
    """`after` is the last task that was counted; `more` whether there may be others."""

    lines: dict[Key, Line] = field(default_factory=dict)
    after: str = ""
    more: bool = True

    def line(self, *key: str) -> Line:
        return self.lines.setdefault((key[0], key[1], key[2]), Line())


def forecast(connection: sa.Connection, policy: Retention, told: Forecast, *, now: int) -> None:
    """Count the next page of tasks."""
    page = retention.after(connection, told.after, most=PAGE)
    for found in page:
        _count(found, policy, told, now=now)
        told.after = found.standing.task_id
    told.more = len(page) == PAGE


def _count(found: Found, policy: Retention, told: Forecast, *, now: int) -> None:
    standing = retention.as_reckoned(found, policy, now=now)
    name = standing.retention_class
    if standing.held:
        told.line(name, "held", "").count(now, now=now)
    elif standing.in_doubt and standing.status not in ENDED:
        told.line(name, "waits", "tool_calls").count(now, now=now)
    for due in agenda(standing, policy):
        told.line(name, due.act, due.tier or "").count(due.at, now=now)
