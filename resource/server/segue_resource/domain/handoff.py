"""A hand-off: who answers the customer passes from one role to another, and back by the same mechanism (T16).

At most one is offered and at most one is in effect. *Warm*: both go on until one leaves. *Cold*: from the acceptance on
the role that has handed over says and begins nothing, until it is handed back.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from segue_resource.domain.participant import SPEAKS_AS, Role
from segue_resource.domain.refusal import NotYours, WrongHandoffState

LEADS = frozenset({Role.AGENT, Role.HUMAN_AGENT})
"""The roles that can answer the customer."""


class Mode(StrEnum):
    WARM = "warm"
    COLD = "cold"


class HandoffState(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RETURNED = "returned"
    CANCELLED = "cancelled"


LIVING = frozenset({HandoffState.OFFERED, HandoffState.ACCEPTED})


@dataclass(frozen=True)
class Handoff:
    """`limit` is the authorization limit that was met, if that is why: its `name`, and the tool call it stopped.

    The numbers are those of the events in the log that tell of each step.
    """

    handoff_id: str
    mode: Mode
    state: HandoffState
    offered_by: str
    from_role: Role
    to_role: Role
    to_sub: str | None
    accepted_by: str | None
    reason: str
    limit: dict[str, Any] | None
    offered_seq: int
    accepted_seq: int | None
    ended_seq: int | None


def accept(handoff: Handoff, *, sub: str, role: Role) -> Handoff:
    """Raises `WrongHandoffState` and `NotYours`."""
    _require(handoff, HandoffState.OFFERED)
    _require_addressed(handoff, sub=sub, role=role)
    return replace(handoff, state=HandoffState.ACCEPTED, accepted_by=sub)


def decline(handoff: Handoff, *, sub: str, role: Role) -> Handoff:
    """Raises `WrongHandoffState` and `NotYours`."""
    _require(handoff, HandoffState.OFFERED)
    _require_addressed(handoff, sub=sub, role=role)
    return replace(handoff, state=HandoffState.DECLINED)


def cancel(handoff: Handoff, *, sub: str, role: Role) -> Handoff:
    """By who offered it, or the customer. Raises `WrongHandoffState` and `NotYours`."""
    _require(handoff, HandoffState.OFFERED)
    if sub != handoff.offered_by and role is not Role.CUSTOMER:
        raise NotYours
    return replace(handoff, state=HandoffState.CANCELLED)


def give_back(handoff: Handoff, *, role: Role) -> Handoff:
    """By whoever answers the customer now, or by the customer. Raises `WrongHandoffState` and `NotYours`."""
    _require(handoff, HandoffState.ACCEPTED)
    if role is not Role.CUSTOMER and handoff.to_role not in SPEAKS_AS[role]:
        raise NotYours
    return replace(handoff, state=HandoffState.RETURNED)


def _require(handoff: Handoff, state: HandoffState) -> None:
    if handoff.state is not state:
        raise WrongHandoffState(handoff.state)


def _require_addressed(handoff: Handoff, *, sub: str, role: Role) -> None:
    if handoff.to_role not in SPEAKS_AS[role] or handoff.to_sub not in (None, sub):
        raise NotYours
