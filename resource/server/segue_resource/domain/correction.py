"""A correction: an event that says something else instead of another, or takes it back (T12)."""

from dataclasses import dataclass
from typing import Any

from segue_resource.domain.actor import Actor
from segue_resource.domain.event import written_by_the_store
from segue_resource.domain.participant import SPEAKS_AS, Role
from segue_resource.domain.refusal import NotCorrectable, NotYours

KIND = "log.corrected"


@dataclass(frozen=True)
class Correction:
    """`body` is what is said instead; None withdraws the event."""

    seq: int
    body: dict[str, Any] | None
    reason: str | None


@dataclass(frozen=True)
class Author:
    """Who wrote an event, and as whom."""

    actor: Actor
    role: str


def require_correctable(kind: str) -> None:
    """Raises `NotCorrectable` for what the store wrote of its own accord; a correction can be corrected."""
    if written_by_the_store(kind) and kind != KIND:
        raise NotCorrectable


def spoken_as(author: Author, corrector: Actor, role: Role, *, overrules: bool) -> str:
    """As whom the correction is said: the author as they did before; the customer in their own name, if they overrule.

    Raises `NotYours`.
    """
    if author.actor.sub == corrector.sub and author.role in SPEAKS_AS[role]:
        return author.role
    if role is Role.CUSTOMER and overrules:
        return Role.CUSTOMER
    raise NotYours
