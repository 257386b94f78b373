"""`private_key_jwt`: a client proves itself by an assertion that it signed for this server (RFC 7523 section 3)."""

from typing import Any

import jwt
from segue.jose import MAX_TOKEN, Malformed, b64url_decode, decode_json

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
        sub = read(unverified)[1].get("sub")
    except Malformed:
        return ""
    return sub if isinstance(sub, str) else ""


def verify(assertion: str, client: Client, *, issuer: str, now: int, exact: bool = False) -> tuple[str, int]:
    """The assertion's `jti` and when it can be forgotten. Raises `InvalidClient`.

    The audience is the issuer and nothing else: an assertion made for another server is worth nothing here, and who
    signs one for an address that somebody else told them signs for them. `exact`: as a string, not in a list.
    """
    try:
        header, claims = read(assertion)
        jwt.decode(
            assertion,
            registered_key(header, client),
            algorithms=list(ALGORITHMS),
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError) as invalid:
        raise InvalidClient("the client assertion is not valid", because=str(invalid)) from invalid
    fault = _fault(claims, client, audiences=(issuer,) if exact else (issuer, [issuer]), now=now)
    if fault:
        raise InvalidClient("the client assertion is not valid", because=fault)
    return str(claims["jti"]), int(claims["exp"]) + LEEWAY


def read(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, if they have one reading only (RFC 8725 section 2.6). Raises `Malformed`."""
    parts = assertion.split(".", 3)
    if len(parts) != 3 or len(assertion) > MAX_TOKEN:
        raise Malformed("not a compact JWS")
    header, payload, _ = (b64url_decode(part) for part in parts)
    members, claims = decode_json(header), decode_json(payload)
    if not isinstance(members, dict) or not isinstance(claims, dict):
        raise Malformed("not JSON objects")
    if members.get("alg") not in ALGORITHMS or "crit" in members or "b64" in members:
        raise Malformed("another algorithm, or an extension")
    return members, claims


_KINDS = {"ES256": ("EC", "P-256"), "PS256": ("RSA", None), "EdDSA": ("OKP", "Ed25519")}
"""`kty` and `crv` of the keys of each algorithm."""


def registered_key(header: dict[str, Any], client: Client) -> Any:
    """The registered key that the header names, or the only one that its `alg` can be by.

    Of keys with one name that kind and use do not tell apart, the first. Raises `ValueError` and `jwt.PyJWTError`.
    """
    alg, kid = header["alg"], header.get("kid")
    keys = [jwk for jwk in client.jwks if kid in (None, jwk.get("kid")) and _is_for(jwk, alg)]
    if not keys or (kid is None and len(keys) > 1):
        raise ValueError("no key of the client, or more than one")
    return jwt.PyJWK(keys[0], algorithm=alg)


def _is_for(jwk: dict[str, Any], alg: str) -> bool:
    """Whether a signature by that algorithm can be by that key (RFC 7517 section 4)."""
    kind = jwk.get("kty"), jwk.get("crv")
    return kind == _KINDS.get(alg) and jwk.get("alg", alg) == alg and jwk.get("use", "sig") == "sig"


def begins_at(claims: dict[str, Any], *, now: int) -> Any:
    """The later of the two times at which a JWT may say that it begins. Not an `int` if one of them is none."""
    begins = [claims.get("nbf", now), claims.get("iat", now)]
    return max(begins) if all(type(each) is int for each in begins) else None


def _fault(claims: dict[str, Any], client: Client, *, audiences: tuple[Any, ...], now: int) -> str | None:
    expires, begins = claims.get("exp"), begins_at(claims, now=now)
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        return "it is not the client's own"
    if claims.get("aud") not in audiences:
        return "it is meant for another server"
    if type(expires) is not int or type(begins) is not int:
        return "it does not say when it ends, or not in whole seconds"
    if not now - LEEWAY < expires <= now + LONGEST + LEEWAY or begins > now + LEEWAY:
        return "it has lapsed, has not begun, or lives too long"
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= 200:
        return "it has no jti"
    return None
