"""What the audit keeps: who did what that decides over a task, and to whom its state was given (T17).

An entry says ids and words of ours, never what people or agents wrote, so it can outlive what it tells of.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

AUDITED: dict[str, tuple[str, ...]] = {
    "task.created": ("owner", "epoch"),
    "task.forked": ("task_id", "parent_task_id", "parent_seq", "owner", "epoch"),
    "task.reverted": ("to",),
    "task.moved": ("epoch", "transfer_id"),
    "task.status_changed": ("from", "to"),
    "task.sensitivity_changed": ("sensitivity", "before"),
    "log.compacted": ("from_seq", "to_seq", "by"),
    "session.joined": ("session_id",),
    "session.left": ("session_id",),
    "participant.joined": ("sub", "role", "invitation_id", "granted_by"),
    "participant.left": ("sub", "role", "from_seq"),
    "participant.removed": ("sub", "role", "from_seq"),
    "invitation.created": ("invitation_id", "role", "expires_at"),
    "invitation.declined": ("invitation_id", "role"),
    "invitation.withdrawn": ("invitation_id", "role"),
    "handoff.offered": ("handoff_id", "mode", "from_role", "to_role", "to_sub"),
    "handoff.escalated": ("handoff_id", "mode", "from_role", "to_role", "to_sub"),
    "handoff.accepted": ("handoff_id", "mode", "from_role", "to_role"),
    "handoff.declined": ("handoff_id",),
    "handoff.cancelled": ("handoff_id",),
    "handoff.returned": ("handoff_id", "from_role", "to_role"),
    "log.repaired": ("count",),
    "tool_call.approved": ("call_id", "state"),
    "tool_call.denied": ("call_id", "state"),
    "tool_call.settled": ("call_id", "state", "outcome"),
    "tool_call.cancelled": ("call_id", "state"),
    "tool_call.refused": ("call_id", "state"),
    "log.corrected": ("seq", "withdrawn"),
    "log.expired": ("tier", "from", "to"),
    "subject.erased": ("erasure_id", "sub", "keys"),
    "task.erased": ("erasure_id", "keys"),
}
"""The kinds of events that are audited too, and the members of their bodies that an entry repeats."""

RELEASED = "state.released"
"""The kind of entry for state that was given to the bearer of a token."""


@dataclass(frozen=True)
class Entry:
    """`n` is dense within the task, from 1; `seq` is where its log stood; `at` in seconds since the epoch.

    `link` proves everything up to here: whoever noted it once finds out if the entries before it were changed.
    """

    n: int
    at: int
    kind: str
    seq: int
    sub: str
    role: str
    client_id: str | None
    device_id: str | None
    about: dict[str, Any]
    link: str


def about_event(kind: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the audit says of an event; None if it is not audited."""
    members = AUDITED.get(kind)
    return None if members is None else {name: body[name] for name in members if name in body}


def state_read(needs: Collection[str]) -> str:
    """The kind of state that an answer gives away, by what the request had to be allowed to read; empty for none."""
    return "+".join(sorted(action.partition(":")[0] for action in needs if action.endswith(":read")))
