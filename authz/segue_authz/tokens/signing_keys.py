"""The keys the server signs with: PEM files in one folder, the last by name signs, all are published."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from segue.issuer_keys import UnknownKey
from segue.jose import public_jwk, thumbprint


@dataclass(frozen=True)
class SigningKey:
    kid: str
    private_key: ec.EllipticCurvePrivateKey


class NoSigningKey(Exception):
    """The folder holds no usable key; the server cannot start."""


class SigningKeys:
    """ES256 keys (P-256); `current` signs, `jwks` publishes all (RFC 7517)."""

    def __init__(self, keys: list[SigningKey]) -> None:
        if not keys:
            raise NoSigningKey("there is no signing key")
        self._keys = keys
        self._public = {key.kid: key.private_key.public_key() for key in keys}

    @property
    def current(self) -> SigningKey:
        return self._keys[-1]

    async def key(self, kid: str) -> ec.EllipticCurvePublicKey:
        """For `segue.task_token`, by which the server checks its own tokens. Raises `UnknownKey`."""
        try:
            return self._public[kid]
        except KeyError as unknown:
            raise UnknownKey("no such key") from unknown

    def by_kid(self, kid: str) -> SigningKey:
        """Raises `KeyError`."""
        return {key.kid: key for key in self._keys}[kid]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        return {
            "keys": [
                public_jwk(key.private_key.public_key()) | {"kid": key.kid, "use": "sig", "alg": "ES256"}
                for key in self._keys
            ]
        }


def load(folder: Path) -> SigningKeys:
    """Every `*.pem` of the folder, by name. Raises `NoSigningKey`."""
    keys = []
    for file in sorted(folder.glob("*.pem")):
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise NoSigningKey(f"{file} does not hold a P-256 private key")
        keys.append(SigningKey(thumbprint(public_jwk(key.public_key())), key))
    if not keys:
        raise NoSigningKey(f"{folder} holds no *.pem file with a P-256 private key")
    return SigningKeys(keys)


def create(folder: Path, *, now: int) -> None:
    """Write a first key, readable by its owner alone, if the folder has none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.glob("*.pem")):
        return
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{now}.pem"
    file.touch(mode=0o600)
    file.write_bytes(pem)
