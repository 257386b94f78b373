"""Who is there now, and whether that is anybody who could see what is spent (T15, T21)."""

from collections.abc import Iterable
from typing import Literal, TypedDict

from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NobodyPresent
from segue_resource.domain.task import Budget

State = Literal["here", "away", "typing"]


class Present(TypedDict):
    """One session that says it is there. `client_id` and `device_id` are those of its token."""

    session_id: str
    sub: str
    client_id: str | None
    device_id: str | None
    role: Role
    state: State


def somebody(present: Iterable[Present]) -> bool:
    """Whether a person is there: an agent that says so attends to nothing."""
    return any(entry["state"] != "away" and entry["role"] != Role.AGENT for entry in present)


def require_attended(budget: Budget | None, *, attended: bool | None) -> None:
    """Raise `NobodyPresent` where nothing may be spent while no person is there, or nobody knows whether one is."""
    if budget is not None and budget.while_present and not attended:
        raise NobodyPresent(known=attended is not None)
