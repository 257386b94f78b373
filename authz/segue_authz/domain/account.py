"""A person who signs in."""

from dataclasses import dataclass

PASSWORD_ACR = "urn:segue:acr:password"  # noqa: S105
"""The authentication context class of a password alone."""
PASSKEY_ACR = "phr"
"""Of a passkey whose authenticator has verified who uses it: phishing-resistant.

OpenID Connect Extended Authentication Profile (EAP) ACR Values 1.0 section 2; the registry of RFC 6711 has it.
"""
RECOVERY_ACR = "urn:segue:acr:recovery"
"""Of a recovery code: enough to set up a way to sign in again, and no step up."""
UPSTREAM_ACR = "urn:segue:acr:upstream"
"""Of another provider's word that somebody signed in there, however they did; no step up."""

PASSWORD_AMR = ("pwd",)
PASSKEY_AMR = ("pop", "user", "mfa")
"""RFC 8176 section 2: possession of a key was proven, somebody was present, and it was not the only factor."""
RECOVERY_AMR = ("otp",)
AMR = {PASSWORD_ACR: PASSWORD_AMR, PASSKEY_ACR: PASSKEY_AMR, RECOVERY_ACR: RECOVERY_AMR}
"""What a way to sign in at this server consists of, by its `acr`."""


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
    amr: str = ""
    """RFC 8176 values, a space between them; empty for a session of before they were kept."""
    passkey_id: str | None = None
    """With which passkey it was begun, if it was one."""
    bound_at: int | None = None
    """When its browser bound it to a key (DBSC), if it did."""

    @property
    def bound(self) -> bool:
        """Whether it is worth nothing without its browser's key. That says nothing of how the person signed in."""
        return self.bound_at is not None
