"""A DBSC proof: `dbsc+jwt`, by which a browser shows that it holds the key of its session (DBSC, "DBSC Proof JWT").

ES256 is all that is offered and all that is read; `segue.jose` knows no other algorithm, and `none` least of all.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from segue import jose

TYPE = "dbsc+jwt"
ALGORITHM = "ES256"
LONGEST = 1024
"""Characters of a `jti` or `authorization`; ours have about 110."""


class BadProof(ValueError):
    """It is no proof, or one by another key."""


class Registration(NamedTuple):
    """A new key, proved by itself. The challenge and the authorization are still to be compared."""

    jwk: dict[str, str]
    challenge: str
    authorization: str


def registration(text: str) -> Registration:
    """The proof of a registration, whose header carries the public key. Raises `BadProof`."""
    try:
        jws = jose.parse(text)
        jwk = jws.header.get("jwk")
        if jws.header.get("typ") != TYPE or not isinstance(jwk, dict):
            raise BadProof("typ or jwk is not that of a registration")
        key = jose.import_p256(jwk)
        jose.verify(jws, key)
        claims = jws.claims()
    except (jose.Malformed, jose.BadSignature) as wrong:
        raise BadProof(str(wrong)) from wrong
    return Registration(jose.public_jwk(key), _text(claims, "jti"), _text(claims, "authorization"))


class Refresh(NamedTuple):
    """A proof that was read; `is_by` says whether a key signed it."""

    jws: jose.Jws
    challenge: str

    def is_by(self, jwk: Mapping[str, str]) -> bool:
        try:
            jose.verify(self.jws, jose.import_p256(jwk))
        except jose.BadSignature:
            return False
        return True


def refresh(text: str) -> Refresh:
    """The proof of a refresh. Raises `BadProof`, as for one that brings a key: that would choose who verifies it."""
    try:
        jws = jose.parse(text)
        claims = jws.claims()
    except jose.Malformed as wrong:
        raise BadProof(str(wrong)) from wrong
    if jws.header.get("typ") != TYPE:
        raise BadProof("typ is another")
    if "jwk" in jws.header:
        raise BadProof("a refresh brings no key")
    return Refresh(jws, _text(claims, "jti"))


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST:
        raise BadProof(f"{name} is not a text of bounded length")
    return value
