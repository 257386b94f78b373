"""The keys the server signs with: PEM files in one folder, each named after the second from which it signs.

All are published (RFC 7517), also the next one, so that whoever keeps a copy has it before the first signature; one
that was succeeded stays published as long as a token by it can live. Running servers notice changes of the folder.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from segue.clock import Clock
from segue.clock import now as clock_now
from segue.issuer_keys import UnknownKey
from segue.jose import public_jwk, thumbprint

LOOK_EVERY = 5
"""Seconds after which a server looks at the folder again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SigningKey:
    """`signs_from` in seconds since the epoch; `file` is its name in the folder."""

    kid: str
    private_key: ec.EllipticCurvePrivateKey
    signs_from: int
    file: str


class NoSigningKey(Exception):
    """The folder holds no usable key; the server cannot start."""


class SigningKeys:
    """The ES256 keys (P-256) of a folder: `current` signs, `jwks` publishes all. Raises `NoSigningKey`."""

    def __init__(self, folder: Path, *, clock: Clock = clock_now) -> None:
        self._folder = folder
        self._clock = clock
        self._looked = clock()
        self._names = _names(folder)
        self._keys = read(folder)

    @property
    def current(self) -> SigningKey:
        return signing(self._known(), now=self._clock())

    async def key(self, kid: str) -> ec.EllipticCurvePublicKey:
        """For `segue.task_token`, by which the server checks its own tokens. Raises `UnknownKey`."""
        try:
            return self.by_kid(kid).private_key.public_key()
        except KeyError as unknown:
            raise UnknownKey("no such key") from unknown

    def by_kid(self, kid: str) -> SigningKey:
        """Raises `KeyError`."""
        return {key.kid: key for key in self._known()}[kid]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        return {
            "keys": [
                public_jwk(key.private_key.public_key()) | {"kid": key.kid, "use": "sig", "alg": "ES256"}
                for key in self._known()
            ]
        }

    def _known(self) -> list[SigningKey]:
        """The keys as the folder has them. One that cannot be read leaves those that were known."""
        if abs(self._clock() - self._looked) >= LOOK_EVERY:
            self._looked = self._clock()
            try:
                names = _names(self._folder)
                if names != self._names:
                    self._keys, self._names = read(self._folder), names
            except (NoSigningKey, OSError) as fault:
                _log.error("the signing keys stay as they were: %s", fault)
        return self._keys


def signing(keys: list[SigningKey], *, now: int) -> SigningKey:
    """The youngest whose time has come; the oldest while none has."""
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


def read(folder: Path) -> list[SigningKey]:
    """Every `*.pem` of the folder, in the order in which they sign. Raises `NoSigningKey`."""
    keys = [_key(folder / name) for name in _names(folder)]
    if not keys:
        raise NoSigningKey(f"{folder} holds no *.pem file with a P-256 private key")
    return sorted(keys, key=lambda key: (key.signs_from, key.file))


def create(folder: Path, *, now: int) -> None:
    """Write a first key, readable by its owner alone, if the folder has none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _names(folder):
        add(folder, signs_from=now)


def add(folder: Path, *, signs_from: int) -> SigningKey:
    """Write a further key, whole or not at all. Raises `FileExists` where one begins at that second."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file, unfinished = folder / f"{signs_from}.pem", folder / f"{signs_from}.unfinished"
    unfinished.touch(mode=0o600, exist_ok=False)
    try:
        unfinished.write_bytes(pem)
        os.link(unfinished, file)
    finally:
        unfinished.unlink()
    return _key(file)


def remove(folder: Path, unneeded: Callable[[SigningKey], bool]) -> list[SigningKey]:
    """Delete the keys that nobody needs any more; which they were."""
    removed = [key for key in read(folder) if unneeded(key)]
    for key in removed:
        (folder / key.file).unlink()
    return removed


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.pem"))


def _key(file: Path) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError) as damaged:
        raise NoSigningKey(f"{file} does not hold a private key that can be read") from damaged
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise NoSigningKey(f"{file} does not hold a P-256 private key")
    begins = int(file.stem) if file.stem.isdecimal() and file.stem.isascii() else 0
    return SigningKey(thumbprint(public_jwk(key.public_key())), key, begins, file.name)
