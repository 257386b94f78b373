"""What an ID token says of who has signed in, once all of it is checked (OpenID Connect Core 1.0 section 3.1.3.7)."""

from dataclasses import dataclass
from typing import Any

from authlib.oidc.core.util import create_half_hash

from segue_authz.tokens.derivation import same
from segue_authz.upstream.provider import Provider
from segue_authz.upstream.signed import LEEWAY, NotBelieved, Token

OLDEST = 600
"""Seconds after which an ID token that came straight from the provider is none that was just made."""
_LONGEST = 255
"""Characters of an identifier (Core section 2, `sub`)."""
_MOST_METHODS = 16


@dataclass(frozen=True)
class Expected:
    """What was asked. `signed_in_since`: the person has to have signed in there then, or later; None if it is open."""

    nonce: str
    access_token: str
    signed_in_since: int | None = None


@dataclass(frozen=True)
class Identity:
    """Somebody at a provider, found by `issuer` and `sub` alone. `auth_time` is None where the provider tells none.

    `called` is what they are called there: shown to themselves, and believed by nobody.
    """

    issuer: str
    sub: str
    iat: int
    sid: str | None = None
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    name: str = ""
    called: str = ""


def identity(token: Token, provider: Provider, expected: Expected, *, now: int) -> Identity:
    """Whoever the token is about. Raises `NotBelieved`."""
    claims = token.claims
    fault = (
        wrong_audience(claims, provider)
        or _wrong_kind(token)
        or _wrong_time(claims, expected, now=now)
        or _wrong_answer(token, expected)
        or _malformed(claims)
    )
    if fault:
        raise NotBelieved(fault)
    return Identity(
        issuer=provider.issuer,
        sub=claims["sub"],
        iat=claims["iat"],
        sid=claims.get("sid"),
        auth_time=claims.get("auth_time"),
        acr=claims.get("acr"),
        amr=tuple(claims.get("amr", ())),
        name=_text(claims.get("name")),
        called=_text(claims.get("preferred_username")) or _text(claims.get("email")),
    )


def wrong_audience(claims: dict[str, Any], provider: Provider) -> str | None:
    """Steps 2 to 5: issued by that provider, for us and for nobody else, whom we would have to trust as well."""
    if claims.get("iss") != provider.issuer:
        return "it is of another issuer"
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        return "it is for another client, or for others too"
    if claims.get("azp", provider.client_id) != provider.client_id:
        return "it was given to another client"
    return None


def _wrong_kind(token: Token) -> str | None:
    """A token of another kind, such as one of its logout, is no ID token (RFC 8725 section 3.11)."""
    if token.header.get("typ", "JWT").upper() != "JWT" or "events" in token.claims:
        return "it is a token of another kind"
    return None


def _wrong_time(claims: dict[str, Any], expected: Expected, *, now: int) -> str | None:
    """Steps 9, 10 and 13."""
    exp, iat, auth_time = claims.get("exp"), claims.get("iat"), claims.get("auth_time")
    if type(exp) is not int or type(iat) is not int or type(claims.get("nbf", now)) is not int:
        return "it does not say when it was made and ends, in whole seconds"
    if exp <= now - LEEWAY:
        return "it has expired"
    if not now - OLDEST <= iat <= now + LEEWAY or claims.get("nbf", now) > now + LEEWAY:
        return "it was not made just now"
    if auth_time is not None and (type(auth_time) is not int or not 0 <= auth_time <= now + LEEWAY):
        return "auth_time is no time, or in the future"
    since = expected.signed_in_since
    if since is not None and (auth_time is None or auth_time < since - LEEWAY):
        return "it does not say that the person has signed in anew"
    return None


def _wrong_answer(token: Token, expected: Expected) -> str | None:
    """Step 11, and section 3.1.3.8."""
    nonce, at_hash = token.claims.get("nonce"), token.claims.get("at_hash")
    if not isinstance(nonce, str) or not same(expected.nonce, nonce):
        return "it answers another request"
    if at_hash is None:
        return None
    due = create_half_hash(expected.access_token, token.header["alg"])
    if not isinstance(at_hash, str) or not same(due.decode(), at_hash):
        return "it belongs to another access token"
    return None


def _malformed(claims: dict[str, Any]) -> str | None:
    if not is_identifier(claims.get("sub")):
        return "sub names nobody"
    if "sid" in claims and not is_identifier(claims["sid"]):
        return "sid names no session"
    if not isinstance(claims.get("acr", ""), str):
        return "acr is no text"
    amr = claims.get("amr", [])
    if not isinstance(amr, list) or len(amr) > _MOST_METHODS or not all(map(is_identifier, amr)):
        return "amr is no list of texts"
    return None


def is_identifier(value: Any) -> bool:
    """At most 255 characters of ASCII, all of which can be seen."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isascii() and value.isprintable()


def _text(value: Any) -> str:
    """What the provider calls somebody, cut to what a page shows."""
    return value.replace("\0", "").strip()[:200] if isinstance(value, str) else ""
