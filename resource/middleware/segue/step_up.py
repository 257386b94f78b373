"""Asks for a person who is here now, for actions that an old sign-in, or one of another kind, is not enough for.

RFC 9470. An operator says which actions those are; the device that is told so has the person sign in anew, and gets a
new token.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from segue.authority import ACTIONS
from segue.refusal import Refused
from segue.task_token import TaskToken


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the person must have signed in: at most `max_age` seconds ago, and in one of the ways `acr_values`."""

    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age < 1:
            raise ValueError("max_age is at least a second")
        if any(not acr.isascii() or not acr.isprintable() or set(acr) & set(' "\\') for acr in self.acr_values):
            raise ValueError("the name of a way to sign in has no spaces and quotes")

    def met_by(self, token: TaskToken, *, now: int) -> bool:
        """Whether the token tells of such a sign-in. One that tells of none is not enough."""
        recent = self.max_age is None or (token.auth_time is not None and now - token.auth_time <= self.max_age)
        return recent and (not self.acr_values or token.acr in self.acr_values)


Sensitive = Mapping[str, SignIn]
"""By action."""


class InsufficientUserAuthentication(Refused):
    """The token is good, and the person's sign-in does not suffice for the action (RFC 9470 section 3)."""

    error = "insufficient_user_authentication"

    def __init__(self, wanted: SignIn) -> None:
        super().__init__("the person has to sign in anew for this action")
        self.parameters: dict[str, str] = {}
        if wanted.acr_values:
            self.parameters["acr_values"] = " ".join(wanted.acr_values)
        if wanted.max_age is not None:
            self.parameters["max_age"] = str(wanted.max_age)


def require_known_actions(sensitive: Sensitive) -> Sensitive:
    """Raises `ValueError` for an action that no token can have: it would guard nothing."""
    if not ACTIONS.issuperset(sensitive):
        raise ValueError(f"unknown action: the actions are {', '.join(sorted(ACTIONS))}")
    return sensitive


def unmet(sensitive: Sensitive, token: TaskToken, *, now: int) -> Sensitive:
    """The actions for which the person has to sign in anew."""
    return {action: wanted for action, wanted in sensitive.items() if not wanted.met_by(token, now=now)}
