"""A person who signs in."""

from dataclasses import dataclass

PASSWORD_ACR = "urn:segue:acr:password"  # noqa: S105
"""The authentication context class of a password alone; passkeys will have one of their own."""


@dataclass(frozen=True)
class Account:
    subject: str
    username: str
    name: str
    password_hash: str
    disabled_at: int | None = None
    deleted_at: int | None = None

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


@dataclass(frozen=True)
class BrowserSession:
    """A signed-in browser. `session_id` is the digest of its cookie."""

    session_id: str
    subject: str
    auth_time: int
    acr: str
    expires_at: int
