"""An invitation: the customer asks somebody to take part in a role, and the code that only that person gets."""

import re
from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.participant import Role

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Of codes: no vowels, so no words, and nothing that is read for something else (RFC 8628 section 6.1)."""
LENGTH = 16
"""Letters of a code: 69 bits."""
GROUP = 4
LONGEST, USUAL = 7 * 86_400, 86_400
"""Seconds for which an invitation is good."""

INVITED = frozenset({Role.AGENT, Role.HUMAN_AGENT, Role.SUPERVISOR})
"""A task has one customer, and nobody can be invited to be that."""

_TYPED = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}", re.ASCII)


class InvitationState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Invitation:
    """The code is not in it: it is said once, to who invites. Times in seconds since the epoch."""

    invitation_id: str
    role: Role
    state: InvitationState
    invited_by: str
    created_at: int
    expires_at: int
    accepted_by: str | None


def code_of(secret: bytes) -> str:
    """The letters of a code, from 32 bytes that nobody can guess."""
    number, letters = int.from_bytes(secret), []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def written(code: str) -> str:
    """The code in groups, for people."""
    return "-".join(code[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def normalise(typed: str) -> str | None:
    """The letters of a code as it was typed, with any spaces and dashes; None if it can be no code."""
    letters = re.sub(r"[ \-]", "", typed[:100])
    if not letters.isascii():
        return None
    return letters.upper() if _TYPED.fullmatch(letters.upper()) else None
