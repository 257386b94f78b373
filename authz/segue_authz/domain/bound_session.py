"""A browser session that is bound to a key of its device (W3C Device Bound Session Credentials, DBSC).

The long-lived cookie says which session it is; a short-lived one, the bound cookie, says that the browser has lately
proved the key. Decision 0046 says what that is good for, decision 0047 how long each part lives.
"""

from dataclasses import dataclass
from enum import StrEnum

REGISTRATION_WINDOW = 60
"""Seconds after signing in in which a browser may register a key: making one in a TPM takes a few."""
CHALLENGE_LIFETIME = 60
"""Seconds in which a browser answers a challenge. Several may be on their way at once."""
BOUND_COOKIE_LIFETIME = 600
"""Seconds for which the browser keeps the bound cookie.

Chromium refreshes ahead when two minutes are left, and only so many times in a while: a shorter life would cost a proof
with every request, a longer one would be worth more to a thief.
"""
IN_FLIGHT = 30
"""Seconds for which the server honours a bound cookie that the browser was about to let go of when it sent it."""
SETTLING = 10
"""Seconds after the registration in which a request may have been sent before the browser had the bound cookie."""
UNBOUND_LIFETIME = 300
"""Seconds after signing in for which an unbound browser counts as signed in where binding is required."""


class Binding(StrEnum):
    """Whether browsers are asked to bind their sessions. One that is bound stays so under each of them."""

    OFF = "off"
    OFFER = "offer"
    """Asked; a browser that cannot is signed in as ever."""
    REQUIRE = "require"
    """Asked; a browser that cannot is signed in for `UNBOUND_LIFETIME` at a time."""


@dataclass(frozen=True)
class BoundSession:
    """`session_id` is that of the browser session, `identifier` what the browser calls it by, `jwk` its public key."""

    session_id: str
    identifier: str
    jwk: dict[str, str]
    registered_at: int
