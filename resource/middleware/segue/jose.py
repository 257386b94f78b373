"""The part of JOSE that Segue speaks: compact JWS (RFC 7515) by ES256 (RFC 7518 section 3.4), and P-256 keys as JWK.

The verifier knows its algorithm; the header is only compared with it. Everything undecodable is `Malformed`.
"""

import hashlib
import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from segue.strict_json import Malformed, decode_json

__all__ = [
    "BadSignature",
    "Jws",
    "Malformed",
    "b64url_decode",
    "b64url_encode",
    "decode_json",
    "import_p256",
    "import_with_thumbprint",
    "parse",
    "parse_under",
    "public_jwk",
    "read_header",
    "sign",
    "thumbprint",
    "verify",
]

MAX_TOKEN = 8192
"""Characters of a compact JWS; a task token has about 900, a proof about 600."""

_CURVE = ec.SECP256R1()
_ES256 = ec.ECDSA(SHA256())
_ES256_OF_DIGEST = ec.ECDSA(Prehashed(SHA256()))
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
"""What is no base64url becomes what is no base64."""
_LAST = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
"""By length modulo 4: the last characters that leave no bit over (RFC 4648 section 3.5)."""


class BadSignature(ValueError):
    """The signature is not by this key over this content."""


class Jws(NamedTuple):
    """A compact JWS that was read and not yet verified."""

    header: dict[str, Any]
    payload_bytes: bytes
    signing_input: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """The payload as a JWT claims set; `Malformed` unless it is a JSON object."""
        return _object(self.payload_bytes)


def b64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of canonical, unpadded base64url; `Malformed` for every other spelling (RFC 4648 section 3.5)."""
    over = len(text) % 4
    try:
        data = a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"==="[: -over % 4], strict_mode=True)
    except ValueError as wrong:
        raise Malformed("not base64url") from wrong
    if over and text[-1] not in _LAST[over]:
        raise Malformed("not canonical base64url")
    return data


def parse(token: str) -> Jws:
    """Read a compact JWS that says it is ES256; see `read_header`."""
    if len(token) > MAX_TOKEN:
        raise Malformed("the token is too long")
    return parse_under(read_header(token.partition(".")[0]), token)


def read_header(text: str) -> dict[str, Any]:
    """Read the first part of a compact JWS. Unknown members are ignored (RFC 7515 section 4).

    No extension is supported, so `crit` (RFC 7515 section 4.1.11) and `b64` (RFC 7797) are `Malformed`.
    """
    header = _object(b64url_decode(text))
    if header.get("alg") != "ES256":
        raise Malformed("alg is not ES256")
    if "crit" in header or "b64" in header:
        raise Malformed("the header asks for an extension")
    if not (isinstance(header.get("typ", ""), str) and isinstance(header.get("kid", ""), str)):
        raise Malformed("typ and kid are strings")
    return header


def parse_under(header: dict[str, Any], token: str) -> Jws:
    """Read a compact JWS whose first part was read already, by `read_header`: that depends on its text alone."""
    if len(token) > MAX_TOKEN:
        raise Malformed("the token is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed("not a compact JWS")
    payload, signature = b64url_decode(parts[1]), b64url_decode(parts[2])
    return Jws(header, payload, token[: -len(parts[2]) - 1].encode("ascii"), signature)


def verify(jws: Jws, public_key: ec.EllipticCurvePublicKey) -> None:
    """Raise `BadSignature` unless the key signed it. The signature is r and s, 32 bytes each (RFC 7518 section 3.4).

    Whoever sees a signature can make a second valid one, (r, n - s): never remember a token by its text alone.
    """
    if len(jws.signature) != 64:
        raise BadSignature("a signature has 64 bytes")
    r, s = int.from_bytes(jws.signature[:32], "big"), int.from_bytes(jws.signature[32:], "big")
    digest = hashlib.sha256(jws.signing_input).digest()
    try:
        public_key.verify(encode_dss_signature(r, s), digest, _ES256_OF_DIGEST)
    except InvalidSignature as wrong:
        raise BadSignature("the signature does not verify") from wrong


def sign(header: Mapping[str, Any], claims: Mapping[str, Any], private_key: ec.EllipticCurvePrivateKey) -> str:
    """A compact JWS of `claims`; the header gets `alg` from here."""
    signing_input = f"{_encode_object({**header, 'alg': 'ES256'})}.{_encode_object(claims)}"
    r, s = decode_dss_signature(private_key.sign(signing_input.encode("ascii"), _ES256))
    return f"{signing_input}.{b64url_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def public_jwk(public_key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The key as a JWK with the required members alone (RFC 7518 section 6.2.1)."""
    numbers = public_key.public_numbers()
    x, y = (b64url_encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def import_p256(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    """The public key; `Malformed` for a private key, another kind of key, or a point that is not on the curve."""
    if "d" in jwk:
        raise Malformed("the key is a private one")
    x, y = _coordinates(jwk)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + x + y)
    except ValueError as wrong:
        raise Malformed("the point is not on P-256") from wrong


def import_with_thumbprint(jwk: Mapping[str, Any]) -> tuple[ec.EllipticCurvePublicKey, str]:
    """What `import_p256` and `thumbprint` say of the key, which is looked at once."""
    return import_p256(jwk), _thumbprint(jwk)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """`jkt`: the SHA-256 thumbprint of a P-256 key, in base64url (RFC 7638 section 3)."""
    _coordinates(jwk)
    return _thumbprint(jwk)


def _thumbprint(jwk: Mapping[str, Any]) -> str:
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return b64url_encode(hashlib.sha256(canonical.encode("ascii")).digest())


def _coordinates(jwk: Mapping[str, Any]) -> tuple[bytes, bytes]:
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise Malformed("not a P-256 key")
    x, y = jwk.get("x"), jwk.get("y")
    if not (isinstance(x, str) and isinstance(y, str) and len(x) == len(y) == 43):
        raise Malformed("a P-256 coordinate has 32 bytes")
    return b64url_decode(x), b64url_decode(y)


def _object(data: bytes) -> dict[str, Any]:
    value = decode_json(data)
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _encode_object(members: Mapping[str, Any]) -> str:
    return b64url_encode(json.dumps(members, separators=(",", ":"), allow_nan=False).encode("ascii"))
