"""What has happened to the ways in which an account is signed in to, for the person to see."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    PASSKEY_SUSPECT = "passkey-suspect"
    PASSWORD_SET = "password-set"  # noqa: S105
    PASSWORD_REMOVED = "password-removed"  # noqa: S105
    CODES_MADE = "codes-made"
    CODE_USED = "code-used"
    CODE_BY_OPERATOR = "code-by-operator"
    UPSTREAM_LINKED = "upstream-linked"
    UPSTREAM_UNLINKED = "upstream-unlinked"
    SIGNED_OUT_ELSEWHERE = "signed-out-elsewhere"
    SESSION_UNPROVED = "session-unproved"
    """A bound session came again and again without its proof: a copy, or its browser has lost the key."""


@dataclass(frozen=True)
class AccountEvent:
    """`about` is the name of the passkey, or of what else there are several of; a command has no `network`."""

    event_id: str
    subject: str
    kind: str
    about: str | None
    network: str | None
    happened_at: int
