"""Sealing what a client entrusts to the server and wants back, so that who reads the database cannot use it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from segue_authz.domain.identifier import Random
from segue_authz.tokens.derivation import Derivation

_NONCE = 12


class Sealing:
    """AES-256-GCM under a key of its own; what is sealed for one row cannot be opened as another's."""

    def __init__(self, derivation: Derivation, random: Random) -> None:
        self._cipher = AESGCM(derivation.key("seal"))
        self._random = random

    def seal(self, text: str, *, row: str) -> str:
        nonce = self._random(_NONCE)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), row.encode())).decode()

    def unseal(self, sealed: str, *, row: str) -> str:
        """Raises `ValueError` for anything that was not sealed here for this row."""
        content = urlsafe_b64decode(sealed)
        try:
            return self._cipher.decrypt(content[:_NONCE], content[_NONCE:], row.encode()).decode()
        except InvalidTag as foreign:
            raise ValueError("not sealed here") from foreign
