"""Who takes part in a task, and what each may do there (T15): a token never gives more than its person's role."""

from enum import StrEnum

from segue.authority import ACTIONS


class Role(StrEnum):
    """`CUSTOMER` is the person whose task it is; what their devices' agents do, they do on the customer's behalf."""

    CUSTOMER = "customer"
    AGENT = "agent"
    HUMAN_AGENT = "human_agent"
    SUPERVISOR = "supervisor"


_WATCHES = frozenset({"task:read", "events:read", "working_set:read", "tool_calls:read"})
_WORKS = _WATCHES | {
    "events:append",
    "working_set:write",
    "tool_calls:propose",
    "tool_calls:claim",
    "handoffs:write",
}

RIGHTS: dict[Role, frozenset[str]] = {
    Role.CUSTOMER: ACTIONS,
    Role.AGENT: _WORKS,
    Role.HUMAN_AGENT: _WORKS | {"tool_calls:approve", "task:transfer"},
    Role.SUPERVISOR: _WATCHES | {"audit:read", "task:transfer"},
}
"""The actions of each role. A person who watches on one device may go on watching on another."""

SPEAKS_AS: dict[Role, frozenset[str]] = {
    Role.CUSTOMER: frozenset({"customer", "agent", "system"}),
    Role.AGENT: frozenset({"agent", "system"}),
    Role.HUMAN_AGENT: frozenset({"human_agent"}),
    Role.SUPERVISOR: frozenset(),
}
"""The roles under which each may write events: nobody puts words into another's mouth."""
