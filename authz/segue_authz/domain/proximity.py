"""Evidence that two devices are near each other: what kind, how old, how strong (RFC 10027 section 6.1.1)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class Strength(IntEnum):
    """How hard the evidence is to forge from afar. A policy that requires nearness wants `NETWORK`."""

    CLAIM = 0
    """What the person at the claiming device says: shown, never counted."""
    PLACE = 1
    """The place a locator derives from the network: right to a region, and a proxy changes it."""
    NETWORK = 2
    """Both devices come out of one network, as the server sees it."""


@dataclass(frozen=True)
class Evidence:
    """`near` is what it says, None if that is for a person to judge, by `said`.

    `age` in seconds: how long before the decision it was taken.
    """

    kind: str
    strength: Strength
    near: bool | None
    age: int
    said: str | None = None


class Locator(Protocol):
    """Where a network is, for deployments that have a database for it."""

    def place_of(self, network: str) -> str | None:
        """A coarse place such as a country or region; None when it is not known."""
        ...


class NoLocator:
    def place_of(self, _: str) -> str | None:
        return None


def evidence(
    *,
    claim_network: str,
    claimed_at: int,
    decider_network: str,
    locator: Locator,
    now: int,
    stated_place: str | None = None,
) -> list[Evidence]:
    """All that is known of the two devices' nearness at the moment of the decision."""
    found, age = [], now - claimed_at
    if "unknown" not in (claim_network, decider_network):
        found.append(Evidence("same_network", Strength.NETWORK, claim_network == decider_network, age))
    places = locator.place_of(claim_network), locator.place_of(decider_network)
    if None not in places:
        found.append(Evidence("same_place", Strength.PLACE, places[0] == places[1], age))
    if stated_place is not None:
        found.append(Evidence("stated_place", Strength.CLAIM, None, age, stated_place))
    return found


def counted(evidence: list[Evidence]) -> list[Evidence]:
    """Without what is only claimed: anybody can say that they are near."""
    return [piece for piece in evidence if piece.strength > Strength.CLAIM]


def is_near(evidence: list[Evidence], *, least: Strength = Strength.NETWORK) -> bool:
    """Whether something strong enough says that they are near. Without evidence the answer is no."""
    return any(piece.near and piece.strength >= least for piece in counted(evidence))
