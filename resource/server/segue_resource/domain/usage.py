"""What a task has used, and whether its budget lets anything new begin (T21)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from segue_resource.domain.refusal import BudgetExhausted
from segue_resource.domain.task import Budget
from segue_resource.domain.tool_call import SPENDING, Reserved, ToolCall

LARGEST_AMOUNT = 10**12
LARGEST_TOTAL = 2**53 - 1
"""What a task may use of a unit: an integer that every JSON reader keeps exact (RFC 8259 section 6)."""
MOST_UNITS = 20
"""Units that one task may be counted in."""

EXHAUSTED = "task.budget_exhausted"
"""The event that says so."""


@dataclass(frozen=True)
class Spent:
    """Of one unit: `used` was reported, `reserved` is set aside for the tool calls that are held."""

    unit: str
    used: int
    reserved: int


@dataclass(frozen=True)
class Usage:
    """`left` is what may still begin, of the budget's unit; None without a budget. `spent` has each unit used."""

    budget: Budget | None
    left: int | None
    spent: list[Spent]


@dataclass(frozen=True)
class SessionUsage:
    """What one session has reported of one unit, in how many reports; `last_at` in seconds since the epoch."""

    session_id: str
    unit: str
    used: int
    reports: int
    last_at: int


def reserved(calls: Iterable[ToolCall]) -> Counter[str]:
    """What is set aside, by unit, of these calls."""
    found: Counter[str] = Counter()
    for call in calls:
        if call.reserved is not None and call.state in SPENDING:
            found[call.reserved.unit] += call.reserved.amount
    return found


def usage(budget: Budget | None, spent: list[Spent]) -> Usage:
    if budget is None:
        return Usage(None, None, spent)
    return Usage(budget, left(budget, next((of for of in spent if of.unit == budget.unit), None)), spent)


def left(budget: Budget, spent: Spent | None) -> int:
    """What is neither used nor reserved; never below 0, since work that was done is told even where it was too much."""
    return budget.limit if spent is None else max(0, budget.limit - spent.used - spent.reserved)


def require_left(budget: Budget | None, spent: Spent, *, asks: int = 1) -> None:
    """Raise `BudgetExhausted` unless at least `asks` is neither used nor reserved."""
    if budget is not None and left(budget, spent) < max(1, asks):
        raise _exhausted(budget, spent)


def require_startable(budget: Budget | None, spent: Spent, *, own: Reserved | None) -> None:
    """What was set aside for a call is its own, until others have in truth used all there was."""
    if budget is None or own is None or own.unit != budget.unit or own.amount == 0:
        require_left(budget, spent)
    elif spent.used >= budget.limit:
        raise _exhausted(budget, spent)


def crossed(budget: Budget | None, *, unit: str, before: int, after: int) -> bool:
    """Whether this report is the one that has reached the limit."""
    return budget is not None and budget.unit == unit and before < budget.limit <= after


def _exhausted(budget: Budget, spent: Spent) -> BudgetExhausted:
    return BudgetExhausted(unit=budget.unit, limit=budget.limit, used=spent.used, reserved=spent.reserved)
