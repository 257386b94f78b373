"""The stores as they would be if nobody else were there: one small state, one call after the other.

Each model is a function of a state and a call that gives what the call answers, and the state after it.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Look:
    """Read the transfer: its state's name, its version, and the grant it was redeemed for."""


@dataclass(frozen=True)
class ReadEpoch:
    """Read the task's epoch."""


@dataclass(frozen=True)
class Change:
    """Replace the transfer that was read at `version` by one in the state `to`: whether it was done."""

    version: int
    to: str


@dataclass(frozen=True)
class Redeem:
    """Redeem the transfer that was read at `version`, for a new grant: whether it was done."""

    version: int
    grant_id: str


@dataclass(frozen=True)
class Holds:
    """Whether the grant is there."""

    grant_id: str


@dataclass(frozen=True)
class TransferState:
    name: str
    version: int
    epoch: int
    grant_id: str | None = None


def transfer(state: TransferState, call: object) -> tuple[object, TransferState]:
    """A transfer, with what its redemption brings with it."""
    match call:
        case Look():
            return (state.name, state.version, state.grant_id), state
        case ReadEpoch():
            return state.epoch, state
        case Holds(grant_id):
            return grant_id == state.grant_id, state
        case Change(version) | Redeem(version) if version != state.version:
            return False, state
        case Change(to=to):
            return True, replace(state, name=to, version=state.version + 1)
        case Redeem(version, grant_id):
            return True, TransferState("Redeemed", version + 1, state.epoch + 1, grant_id)
        case _:
            raise TypeError(f"{call} is no call of a transfer")


@dataclass(frozen=True)
class Refresh:
    """Use the refresh token of a generation: the one it leads to, or the name of the refusal."""

    generation: int


@dataclass(frozen=True)
class Revoke:
    """Whether this call revoked the grant."""


@dataclass(frozen=True)
class ReadGrant:
    """Read the grant: its generation, and whether it is revoked."""


@dataclass(frozen=True)
class GrantState:
    generation: int = 0
    revoked: bool = False


def grant(state: GrantState, call: object) -> tuple[object, GrantState]:
    """A grant whose refreshes all happen within the time in which a repeat is forgiven."""
    match call:
        case ReadGrant():
            return (state.generation, state.revoked), state
        case Revoke():
            return not state.revoked, replace(state, revoked=True)
        case Refresh() if state.revoked:
            return "Withdrawn", state
        case Refresh(generation) if generation == state.generation:
            return generation + 1, GrantState(generation + 1)
        case Refresh(generation) if generation == state.generation - 1:
            return state.generation, state
        case Refresh():
            return "Reused", replace(state, revoked=True)
        case _:
            raise TypeError(f"{call} is no call of a grant")


@dataclass(frozen=True)
class Spend:
    """Redeem the authorization code for a new grant: the grant that it is spent for."""

    grant_id: str


@dataclass(frozen=True)
class SpentFor:
    """Read what the code is spent for."""


def code(spent_for: str | None, call: object) -> tuple[object, str | None]:
    """An authorization code and the grants that were proposed for it. Its state is what it is spent for."""
    match call:
        case SpentFor():
            return spent_for, spent_for
        case Holds(grant_id):
            return grant_id == spent_for, spent_for
        case Spend(grant_id):
            return spent_for or grant_id, spent_for or grant_id
        case _:
            raise TypeError(f"{call} is no call of a code")
