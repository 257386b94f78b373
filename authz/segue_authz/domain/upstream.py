"""Signing in by way of another provider, as it is kept here."""

from dataclasses import dataclass

REQUEST_LIFETIME = 600
"""Seconds in which somebody comes back from the provider: they may have to find their telephone first."""


@dataclass(frozen=True)
class UpstreamIdentity:
    """An account here is known as `sub` to an issuer; `called` is what it calls them, for nobody but themselves."""

    identity_id: str
    subject: str
    issuer: str
    sub: str
    called: str
    linked_at: int


@dataclass(frozen=True)
class UpstreamRequest:
    """Somebody was sent to a provider. `digest` is that of the state, `browser` the session of the browser.

    `subject` is who links an identity to their account; None when somebody signs in. `anew` as for the sign-in page.
    """

    digest: str
    provider: str
    browser: str
    subject: str | None
    return_to: str
    anew: bool
    created_at: int
    expires_at: int
    answered_at: int | None = None


@dataclass(frozen=True)
class UpstreamSession:
    """Of which session there a session here was begun. `iat`: when the provider said so."""

    issuer: str
    sub: str
    sid: str | None
    iat: int
