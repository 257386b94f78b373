"""How this server says who it is to push services (RFC 8292), by a key that is derived and need not be kept."""

from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from segue.clock import Clock
from segue.jose import b64url_encode

from segue_authz.tokens.derivation import Derivation

LIFETIME = 3_600
"""Seconds; a day is the most that a push service takes (section 2)."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SP 800-186 section 3.2.1.3)."""


class Vapid:
    def __init__(self, derivation: Derivation, *, issuer: str, clock: Clock) -> None:
        wide = derivation.key("vapid 1") + derivation.key("vapid 2")  # twice as wide, so that no number is favoured
        self._key = ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
        self._issuer = issuer
        self._clock = clock

    @property
    def public_key(self) -> str:
        """As a browser's `applicationServerKey` (section 3.2)."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return b64url_encode(point)

    def headers(self, endpoint: str) -> dict[str, str]:
        """For one message to a push service (sections 2 and 3)."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": self._clock() + LIFETIME, "sub": self._issuer}
        return {"Authorization": f"vapid t={jwt.encode(claims, self._key, algorithm='ES256')}, k={self.public_key}"}
