"""`private_key_jwt`: a client proves itself by an assertion that it signed for this server (RFC 7523 section 3)."""

from typing import Any

import jwt

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidClient

ALGORITHMS = ("ES256", "PS256", "EdDSA")
LONGEST = 300
"""Seconds ahead of now at which an assertion may expire."""
LEEWAY = 10
"""Seconds by which the client's clock may differ."""


def subject(unverified: str) -> str:
    """Whom an assertion that comes without `client_id` says it is from (RFC 7521 section 4.2); none of it is proven."""
    try:
        return str(jwt.decode(unverified, options={"verify_signature": False}).get("sub", ""))
    except jwt.PyJWTError:
        return ""


def verify(assertion: str, client: Client, *, issuer: str, now: int) -> tuple[str, int]:
    """The assertion's `jti` and when it can be forgotten. Raises `InvalidClient`.

    The audience is the issuer and nothing else: an assertion made for another server is worth nothing here, and who
    signs one for an address that somebody else told them signs for them.
    """
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(
            assertion,
            _key(header, client),
            algorithms=list(ALGORITHMS),
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError) as invalid:
        raise InvalidClient("the client assertion is not valid", because=str(invalid)) from invalid
    fault = _fault(claims, client, issuer=issuer, now=now)
    if fault:
        raise InvalidClient("the client assertion is not valid", because=fault)
    return str(claims["jti"]), int(claims["exp"]) + LEEWAY


def _key(header: dict[str, Any], client: Client) -> Any:
    """The registered key that the header names, or the only one; `alg` has to be one for that key."""
    keys = [jwk for jwk in client.jwks if header.get("kid") in (None, jwk.get("kid"))]
    if len(keys) != 1 or "crit" in header:
        raise ValueError("no key of the client, or more than one")
    return jwt.PyJWK(keys[0], algorithm=keys[0].get("alg", header.get("alg"))).key


def _fault(claims: dict[str, Any], client: Client, *, issuer: str, now: int) -> str | None:
    expires, begins = claims.get("exp"), claims.get("nbf", claims.get("iat", now))
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        return "it is not the client's own"
    if claims.get("aud") not in (issuer, [issuer]):
        return "it is meant for another server"
    if type(expires) is not int or type(begins) is not int:
        return "it does not say when it ends, or not in whole seconds"
    if not now - LEEWAY < expires <= now + LONGEST + LEEWAY or begins > now + LEEWAY:
        return "it has lapsed, has not begun, or lives too long"
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= 200:
        return "it has no jti"
    return None
