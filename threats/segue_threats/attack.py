"""What an attack is, how one is written down, and how it can end.

An attack is a coroutine that takes a `Lab`. It first does the honest thing and shows that it works (`works`), then does
the hostile thing and demands a refusal (`refuses`, `holds`), then looks at what is left: a server that refuses
everything proves nothing, so one that was never seen to work cannot hold.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segue_threats.lab import Lab

Run = Callable[["Lab"], Awaitable[None]]


class Need(StrEnum):
    """What a target must offer for an attack to apply; the value ends the sentence *the target has no …*."""

    CODE = "authorization code flow for the test client"
    PULL = "device authorization endpoint"
    PUSH = "transfer endpoint"
    REVOCATION = "revocation endpoint"
    RESOURCE = "protected resource named in the configuration"
    TASK_STORE = "task store named in the configuration"
    INTROSPECTION = "introspection endpoint with two resource servers in the configuration"
    BACKCHANNEL = "backchannel authentication endpoint with a client for it in the configuration"
    REGISTRATION = "registration endpoint with an initial access token for it in the configuration"
    NONCES = "DPoP nonces"
    PAGES = "Segue pages to drive"
    PEOPLE = "second test person in the configuration"
    INSIDE = "way to look inside (an instance of the suite's own, or [inside] in the configuration)"
    OWN = "instance of the suite's own"
    BROWSER = "browser on this machine"


MISSING_FROM_THE_CONFIGURATION = frozenset({Need.RESOURCE, Need.PEOPLE})
"""A skip for these counts: whoever runs the suite could have named them."""


class PreconditionFailed(Exception):
    """The honest path does not work, so nothing can be said about the attack."""


class DoesNotApply(Exception):
    """The target is of another kind; ends the sentence *it does not apply: …*, and does not count."""


class Broken(Exception):
    """The attack succeeded, or did damage; says what the attacker has gained."""


@dataclass(frozen=True)
class Attack:
    """One executable attack. `aim` is what it tries, in the attacker's words."""

    threat: str
    name: str
    aim: str
    run: Run
    needs: frozenset[Need]
    destructive: bool


_registered: dict[str, Attack] = {}


def attack(threat: str, *needs: Need, destructive: bool = False) -> Callable[[Run], Run]:
    """Register a coroutine as an attack on a threat of the catalogue. `destructive`: it may leave damage behind."""

    def register(run: Run) -> Run:
        name = getattr(run, "__name__", "").replace("_", " ")
        aim = " ".join((run.__doc__ or "").split())
        key = f"{threat} {name}"
        if not aim or key in _registered:
            raise ValueError(f"{key} needs a docstring and a name of its own")
        _registered[key] = Attack(threat, name, aim, run, frozenset(needs), destructive)
        return run

    return register


def registered() -> list[Attack]:
    """All that were registered so far, by threat and name."""
    return [_registered[key] for key in sorted(_registered)]


def needed(attacks: Iterable[Attack]) -> set[Need]:
    """Everything that any of them needs."""
    return {need for each in attacks for need in each.needs}
