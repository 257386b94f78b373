"""JWTs that a provider has signed: one reading, a closed list of algorithms, and the key that the provider publishes.

RFC 8725 sections 2.1, 2.6, 3.1 and 3.2. Which key may have signed by which algorithm is said here and not by the
token, so a public key is never taken for the secret of an HMAC, and `none` is no algorithm.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jwt
from segue.jose import Malformed, b64url_decode, decode_json

from segue_authz.client_auth.small_order import has_small_order

KINDS = {"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "PS256": ("RSA", None), "RS256": ("RSA", None)}
"""The algorithms, and `kty` and `crv` of the keys of each. RS256 is what every provider has to offer."""
MAX_TOKEN = 16_384
MOST_KEYS = 100
LEAST_RSA_BITS = 2048
LEEWAY = 60
"""Seconds by which a provider's clock may differ."""

Jwk = dict[str, Any]


class NotBelieved(Exception):
    """What the provider, or somebody in its name, has said is not acceptable; the message is for the log."""


class NoSuchKey(NotBelieved):
    """None of the keys can have signed it; newer ones may."""


class Token(NamedTuple):
    header: dict[str, Any]
    claims: dict[str, Any]


def read_keys(content: bytes) -> tuple[Jwk, ...]:
    """The public keys of a JWK set that may be of use (RFC 7517 section 5). Raises `NotBelieved`."""
    try:
        document = decode_json(content)
    except Malformed as malformed:
        raise NotBelieved("the keys are no JSON") from malformed
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise NotBelieved("the keys are no JWK set, or too many")
    return tuple(key for key in keys if isinstance(key, dict) and "d" not in key and key.get("use", "sig") == "sig")


def verified(text: str, keys: Sequence[Jwk]) -> Token:
    """Header and claims of a JWT that one of the keys has signed. Raises `NotBelieved` and `NoSuchKey`."""
    token = _read(text)
    key = _key(token.header, keys)
    try:
        jwt.PyJWS().decode(text, key, algorithms=[token.header["alg"]])
    except jwt.PyJWTError as wrong:
        raise NotBelieved("the signature does not verify") from wrong
    return token


def _read(text: str) -> Token:
    parts = text.split(".", 3)
    if len(text) > MAX_TOKEN or len(parts) != 3:
        raise NotBelieved("it is no compact JWS")
    try:
        header, claims = decode_json(b64url_decode(parts[0])), decode_json(b64url_decode(parts[1]))
    except Malformed as malformed:
        raise NotBelieved("it cannot be read") from malformed
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotBelieved("it holds no JSON objects")
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in KINDS or "crit" in header or "b64" in header:
        raise NotBelieved("another algorithm, or an extension")
    if not (isinstance(header.get("kid", ""), str) and isinstance(header.get("typ", ""), str)):
        raise NotBelieved("kid and typ are texts")
    return Token(header, claims)


def _key(header: dict[str, Any], keys: Sequence[Jwk]) -> Any:
    """The published key that the header names, or the only one that its `alg` can be by (Core section 10.1)."""
    alg, kid = header["alg"], header.get("kid")
    fitting = [jwk for jwk in keys if kid in (None, jwk.get("kid")) and _is_for(jwk, alg)]
    if len(fitting) != 1:
        raise NoSuchKey("no key of the provider can have signed it, or more than one")
    try:
        key = jwt.PyJWK(fitting[0], algorithm=alg)
    except (jwt.PyJWTError, ValueError, TypeError) as wrong:
        raise NotBelieved("the key cannot be read") from wrong
    if key.key_type == "RSA" and key.key.key_size < LEAST_RSA_BITS:
        raise NotBelieved("the key is too short")
    if key.key_type == "OKP" and has_small_order(key.key.public_bytes_raw()):
        raise NotBelieved("the key has a point of small order")
    return key


def _is_for(jwk: Jwk, alg: str) -> bool:
    return (jwk.get("kty"), jwk.get("crv")) == KINDS[alg] and jwk.get("alg", alg) == alg
