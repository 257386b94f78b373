"""A device's key and the DPoP proofs it makes: the client's half of RFC 9449, for devices written in Python."""

import hashlib
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from segue import jose


class DeviceKey:
    """An ES256 key that never leaves its device."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private_key.curve, ec.SECP256R1):
            raise ValueError("a device key is on P-256")
        self._private_key = private_key
        self.jwk = jose.public_jwk(private_key.public_key())
        self.jkt = jose.thumbprint(self.jwk)

    @classmethod
    def generate(cls) -> "DeviceKey":
        """A new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "DeviceKey":
        """The key that `to_pem` wrote; `ValueError` for anything else."""
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("a device key is on P-256")
        return cls(key)

    def to_pem(self) -> bytes:
        """The private key, unencrypted, in PKCS #8: keep the file readable by its owner alone."""
        return self._private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def proof(
        self,
        htm: str,
        htu: str,
        *,
        now: int,
        nonce: str | None = None,
        access_token: str | None = None,
        jti: str | None = None,
    ) -> str:
        """A DPoP proof for one request (RFC 9449 section 4.2); `htu` loses its query and fragment."""
        claims: dict[str, str | int] = {
            "jti": jti or secrets.token_urlsafe(16),
            "htm": htm,
            "htu": htu.partition("#")[0].partition("?")[0],
            "iat": now,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            claims["ath"] = jose.b64url_encode(hashlib.sha256(access_token.encode("ascii")).digest())
        return jose.sign({"typ": "dpop+jwt", "jwk": self.jwk}, claims, self._private_key)
