"""What the vectors are made with: fixed keys, and a JWS writer that also writes what no honest signer would.

It shares no code with the package under test. Signatures are deterministic (RFC 6979, and a fixed salt for PS256), so
the files never change by themselves.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (SEC 2 section 2.4.2)."""
NOW = 1_800_000_030

DEVICE, OTHER, ISSUER, CLIENT = (ec.derive_private_key(number, ec.SECP256R1()) for number in (0xD0, 0xE0, 0xA0, 0xC0))
P384 = ec.derive_private_key(0xD0, ec.SECP384R1())
EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([0xC0] * 32))
P, Q, E = 3 * 2**1022 + 1037, 7 * 2**1021 + 309, 65537
D = pow(E, -1, (P - 1) * (Q - 1))
RSA = rsa.RSAPrivateNumbers(
    P, Q, D, D % (P - 1), D % (Q - 1), pow(Q, -1, P), rsa.RSAPublicNumbers(E, P * Q)
).private_key()

Object = dict[str, Any]
Case = dict[str, Any]
Groups = dict[str, dict[str, Any]]
"""By the section that decides them: inputs by their names."""
Signer = Callable[[bytes], bytes]


def changed(members: Object, **changes: object) -> Object:
    """A copy with members replaced, or left out where the change is None."""
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk_of(key: ec.EllipticCurvePrivateKey) -> Object:
    numbers, size = key.public_key().public_numbers(), key.key_size // 8
    x, y = (b64(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": f"P-{key.key_size}", "x": x, "y": y}


def rsa_jwk() -> Object:
    return {"kty": "RSA", "n": b64((P * Q).to_bytes(256, "big")), "e": "AQAB"}


def edwards_jwk() -> Object:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(EDWARDS.public_key().public_bytes_raw())}


def thumbprint(jwk: Object) -> str:
    canonical = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return b64(hashlib.sha256(canonical.encode()).digest())


def encodings(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, jwk: Object) -> dict[str, bytes]:
    """The bytes that somebody might take a published key for."""
    public, info = key.public_key(), serialization.PublicFormat.SubjectPublicKeyInfo
    forms = {
        "PEM": public.public_bytes(serialization.Encoding.PEM, info),
        "DER": public.public_bytes(serialization.Encoding.DER, info),
        "JWK": json.dumps(jwk, separators=(",", ":")).encode(),
    }
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = serialization.PublicFormat.UncompressedPoint
        forms["point"] = key.public_key().public_bytes(serialization.Encoding.X962, point)
    return forms


def encode(part: object) -> bytes:
    """Bytes stay as they are, so that a vector can hold what is not JSON."""
    return part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()


def jws(
    header: object, payload: object, key: ec.EllipticCurvePrivateKey | Signer, *, signature: bytes | None = None
) -> str:
    """Signed by ES256 with a key, or by whatever signs; or with the signature that is given."""
    signing_input = f"{b64(encode(header))}.{b64(encode(payload))}"
    if signature is None:
        signer = es256(key) if isinstance(key, ec.EllipticCurvePrivateKey) else key
        signature = signer(signing_input.encode())
    return f"{signing_input}.{b64(signature)}"


def es256(key: ec.EllipticCurvePrivateKey) -> Signer:
    return lambda text: raw(*signed(text.decode(), key))


def es384(key: ec.EllipticCurvePrivateKey) -> Signer:
    """Also with a key of the wrong curve."""
    algorithm, size = ec.ECDSA(hashes.SHA384(), deterministic_signing=True), key.key_size // 8
    return lambda text: raw(*decode_dss_signature(key.sign(text, algorithm)), size=size)


def hs256(secret: bytes) -> Signer:
    return lambda text: hmac.digest(secret, text, "sha256")


def rs256(text: bytes) -> bytes:
    return RSA.sign(text, padding.PKCS1v15(), hashes.SHA256())


def ps256(text: bytes) -> bytes:
    """RFC 8017 sections 8.1.1 and 9.1.1, with the hash of the text as the salt."""
    digest = hashlib.sha256(text).digest()
    salt, length = digest, 256
    hashed = hashlib.sha256(bytes(8) + digest + salt).digest()
    block = bytes(length - 32 - 32 - 2) + b"\x01" + salt
    mask = b"".join(hashlib.sha256(hashed + bytes([0, 0, 0, n])).digest() for n in range(8))[: len(block)]
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=True))
    masked[0] &= 0x7F
    encoded = int.from_bytes(bytes(masked) + hashed + b"\xbc", "big")
    return pow(encoded, D, P * Q).to_bytes(length, "big")


def eddsa(text: bytes) -> bytes:
    return EDWARDS.sign(text)


def signed(signing_input: str, key: ec.EllipticCurvePrivateKey) -> tuple[int, int]:
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return decode_dss_signature(key.sign(signing_input.encode(), algorithm))


def raw(r: int, s: int, *, size: int = 32) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def mirrored(token: str, key: ec.EllipticCurvePrivateKey) -> str:
    """The same content with the other valid signature, (r, n - s)."""
    signing_input = token.rpartition(".")[0]
    r, s = signed(signing_input, key)
    return f"{signing_input}.{b64(raw(r, ORDER - s))}"


def merged(*groups: Groups) -> Groups:
    together: Groups = {}
    for each in groups:
        for section, inputs in each.items():
            together[section] = together.get(section, {}) | inputs
    return together


def cases(member: str, groups: Mapping[str, Mapping[str, Any]], expect: str) -> list[Case]:
    return [
        {"name": name, "section": section, member: value, "expect": expect}
        for section, inputs in groups.items()
        for name, value in inputs.items()
    ]
