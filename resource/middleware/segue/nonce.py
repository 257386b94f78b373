"""Server-provided DPoP nonces (RFC 9449 sections 8 and 9) that need no memory of their own.

A nonce is a keyed digest of its time slot and of the incarnation of the memory of uses. So all processes with the same
secret agree on it, it dies of age, and it dies with the memory that would have recognised a replay.
"""

import hmac

from segue.jose import b64url_encode

MIN_SECRET = 32


class Nonces:
    """Issues and recognises nonces. One is good for `lifetime` to twice `lifetime` seconds."""

    def __init__(self, secret: bytes, *, lifetime: int = 60) -> None:
        if len(secret) < MIN_SECRET:
            raise ValueError(f"the nonce secret needs at least {MIN_SECRET} bytes")
        if lifetime < 1:
            raise ValueError("the lifetime of a nonce is at least a second")
        self._secret = secret
        self._lifetime = lifetime
        self._known: tuple[tuple[int, bytes] | None, str] = (None, "")
        """The nonce that was asked for last: one and the same for a minute."""

    def issue(self, now: int, incarnation: bytes) -> str:
        """The nonce of the time slot that `now` (seconds) is in."""
        slot = (now // self._lifetime, incarnation)
        known_slot, known = self._known
        if known_slot != slot:
            known = self._of_slot(*slot)
            self._known = (slot, known)
        return known

    def accepts(self, nonce: str, now: int, incarnation: bytes) -> bool:
        """Whether it is the nonce of the current slot or the one before."""
        if not nonce.isascii():
            return False
        return hmac.compare_digest(nonce, self.issue(now, incarnation)) or hmac.compare_digest(
            nonce, self._of_slot(now // self._lifetime - 1, incarnation)
        )

    def _of_slot(self, slot: int, incarnation: bytes) -> str:
        message = b"segue dpop nonce\0" + slot.to_bytes(8, "big", signed=True) + incarnation
        return b64url_encode(hmac.digest(self._secret, message, "sha256"))
