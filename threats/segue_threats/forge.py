"""Signed objects as an attacker writes them: any header, any claims, any key, or none."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from segue.clock import Clock, now
from segue.jose import b64url_decode, b64url_encode, public_jwk, thumbprint

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256."""


class Key:
    """An ES256 key of the attacker's, or of an honest device of the suite."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.private_key = private_key or ec.generate_private_key(ec.SECP256R1())
        self.jwk: dict[str, Any] = public_jwk(self.private_key.public_key())
        self.jkt = thumbprint(self.jwk)

    def sign(self, content: bytes) -> bytes:
        """The two numbers of the signature, 32 bytes each (RFC 7518 section 3.4)."""
        r, s = decode_dss_signature(self.private_key.sign(content, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def part(content: Mapping[str, Any] | bytes) -> str:
    """One part of a compact object; bytes go in as they are."""
    return b64url_encode(content if isinstance(content, bytes) else json.dumps(content).encode())


def compact(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, key: Key | None) -> str:
    """A compact JWS; without a key its signature is empty."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{b64url_encode(key.sign(signed.encode())) if key else ''}"


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a compact JWS, unverified. Raises `ValueError` for anything else."""
    header, claims, _ = token.split(".")
    return json.loads(b64url_decode(header)), json.loads(b64url_decode(claims))


def resigned(token: str, signature: bytes) -> str:
    """The same content under another signature."""
    return f"{token.rpartition('.')[0]}.{b64url_encode(signature)}"


def signature_of(token: str) -> bytes:
    """The last part, decoded."""
    return b64url_decode(token.rpartition(".")[2])


def mirrored(signature: bytes) -> bytes:
    """The other signature that verifies over the same content: (r, n - s)."""
    return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


@dataclass
class Proof:
    """A DPoP proof (RFC 9449 section 4.2) before it is signed: change what you like."""

    key: Key
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def honest(
        cls, key: Key, htm: str, htu: str, *, nonce: str | None, access_token: str | None, clock: Clock = now
    ) -> "Proof":
        """As a device makes it for one request."""
        claims: dict[str, Any] = {"jti": secrets.token_urlsafe(16), "htm": htm, "htu": htu, "iat": clock()}
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            claims["ath"] = digest_of(access_token)
        return cls(key, {"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(key.jwk)}, claims)

    def text(self) -> str:
        return compact(self.header, self.claims, self.key)


def digest_of(text: str) -> str:
    """SHA-256 in base64url, as `ath` and an S256 challenge are."""
    return b64url_encode(hashlib.sha256(text.encode()).digest())
