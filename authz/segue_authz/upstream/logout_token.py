"""A provider tells that a session there is over (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6)."""

from dataclasses import dataclass

from segue_authz.upstream.id_token import is_identifier, wrong_audience
from segue_authz.upstream.provider import Provider
from segue_authz.upstream.signed import LEEWAY, NotBelieved, Token

EVENT = "http://schemas.openid.net/event/backchannel-logout"
OLDEST = 600
"""Seconds for which a logout token may be on its way, and for which its `jti` is kept."""
TYPES = ("LOGOUT+JWT", "JWT")


@dataclass(frozen=True)
class Logout:
    """At least one of `sub` and `sid` says whose session it was."""

    issuer: str
    jti: str
    iat: int
    sub: str | None = None
    sid: str | None = None


def logout(token: Token, provider: Provider, *, now: int) -> Logout:
    """What has ended there. Whether it was told before is seen where it is kept. Raises `NotBelieved`."""
    claims = token.claims
    fault = wrong_audience(claims, provider) or _wrong_kind(token) or _wrong_time(token, now=now)
    if fault:
        raise NotBelieved(fault)
    if not is_identifier(claims.get("jti")):
        raise NotBelieved("it has no jti")
    named = {name: claims[name] for name in ("sub", "sid") if name in claims}
    if not named or not all(map(is_identifier, named.values())):
        raise NotBelieved("it does not say whose session has ended")
    return Logout(provider.issuer, claims["jti"], claims["iat"], **named)


def _wrong_kind(token: Token) -> str | None:
    """Explicit types are recommended and not required; what no ID token has, and what each of them has, decides."""
    events = token.claims.get("events")
    if token.header.get("typ", "JWT").upper() not in TYPES:
        return "it is a token of another kind"
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        return "it tells of no logout"
    return "it has a nonce, as an ID token has" if "nonce" in token.claims else None


def _wrong_time(token: Token, *, now: int) -> str | None:
    exp, iat = token.claims.get("exp"), token.claims.get("iat")
    if type(exp) is not int or type(iat) is not int:
        return "it does not say when it was made and ends, in whole seconds"
    return "it has expired, or was not made just now" if exp <= now - LEEWAY or abs(now - iat) > OLDEST else None
