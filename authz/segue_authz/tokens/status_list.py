"""Token Status List (draft-ietf-oauth-status-list): a bit for each grant says whether its tokens were withdrawn."""

import zlib
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

import jwt
from segue.clock import Clock
from segue.jose import b64url_encode

from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.signing_keys import SigningKeys

TYPE = "statuslist+jwt"
SIZE = 65_536
"""Grants in one list: 8 KiB before it is compressed."""
TTL = 5
"""Seconds for which a copy may be kept."""
LIFETIME = 60
"""Seconds after which a list says nothing any more."""
_ROUNDS = 4
_REMEMBERED = 4 * 256 * _ROUNDS
"""Bytes that a permutation is made of: those of four lists, of which the youngest is at work."""


class Places:
    """Where a grant is found.

    The place in a list is a keyed permutation of the order in which the grants were made, so that nobody can see from
    two tokens which is the younger one, or how many there are (sections 12.4 and 12.5 of the draft).
    """

    def __init__(self, *, issuer: str, derivation: Derivation) -> None:
        self._issuer = issuer
        self._mixed = lru_cache(_REMEMBERED)(partial(_mixed, derivation))

    def claim(self, status_index: int) -> dict[str, Any]:
        """The claim `status` of a token (section 6.1)."""
        number, index = divmod(status_index, SIZE)
        return {"status_list": {"idx": self.place(number, index), "uri": self.uri(number)}}

    def uri(self, number: int) -> str:
        return f"{self._issuer}/status/{number}"

    def place(self, number: int, index: int) -> int:
        """A Feistel network over the two bytes of the index: every place once, and none in sight of its neighbours."""
        left, right = divmod(index, 256)
        for step in range(_ROUNDS):
            left, right = right, left ^ self._mixed(number, step, right)
        return left * 256 + right


def _mixed(derivation: Derivation, number: int, step: int, right: int) -> int:
    return derivation.key(f"status {number} {step} {right}")[0]


class StatusLists:
    """The lists as signed tokens (sections 4.1 and 5.1)."""

    def __init__(self, places: Places, *, issuer: str, keys: SigningKeys, clock: Clock) -> None:
        self._places = places
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    def uri(self, number: int) -> str:
        return self._places.uri(number)

    def token(self, number: int, withdrawn: Iterable[int]) -> str:
        """`withdrawn` are numbers of grants in this list."""
        bits = bytearray(SIZE // 8)
        for status_index in withdrawn:
            place = self._places.place(number, status_index % SIZE)
            bits[place // 8] |= 1 << place % 8
        now = self._clock()
        claims = {
            "iss": self._issuer,
            "sub": self.uri(number),
            "iat": now,
            "exp": now + LIFETIME,
            "ttl": TTL,
            "status_list": {"bits": 1, "lst": b64url_encode(zlib.compress(bytes(bits), 9))},
        }
        key = self._keys.current
        return jwt.encode(claims, key.private_key, algorithm="ES256", headers={"typ": TYPE, "kid": key.kid})
