"""Seals what people and agents wrote: compressed, then AES-256-GCM, bound to the one row it belongs to.

A sealed value moved to another table, task or row does not open. Compression comes first: ciphertext does not shrink.
"""

import zlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
"""Bytes, random for each value: a data key may seal 2**32 so (NIST SP 800-38D section 8.3), and seals far fewer."""

_PLAIN = b"\x01"
_ZLIB = b"\x02"
_WORTH_COMPRESSING = 64


class Damaged(Exception):
    """A sealed value does not open under its key at its place: it was changed, moved, or the key is another one."""


@dataclass(frozen=True)
class Place:
    """Where a sealed value lives. No part may contain NUL."""

    table: str
    task_id: str
    row: str

    def __bytes__(self) -> bytes:
        return "\0".join(("segue", self.table, self.task_id, self.row)).encode()


def seal(key: AESGCM, content: bytes, *, nonce: bytes, place: Place) -> bytes:
    """One byte that says how it was compressed, the nonce, the ciphertext with its tag."""
    how, packed = _PLAIN, content
    if len(content) >= _WORTH_COMPRESSING and len(smaller := zlib.compress(content)) < len(content):
        how, packed = _ZLIB, smaller
    return how + nonce + key.encrypt(nonce, packed, how + bytes(place))


def unseal(key: AESGCM, sealed: bytes, *, place: Place) -> bytes:
    """What was sealed. Raises `Damaged`."""
    how, nonce, ciphertext = sealed[:1], sealed[1 : 1 + NONCE], sealed[1 + NONCE :]
    try:
        packed = key.decrypt(nonce, ciphertext, how + bytes(place))
    except (InvalidTag, ValueError) as wrong:
        raise Damaged(f"a value of {place.table} does not open") from wrong
    return zlib.decompress(packed) if how == _ZLIB else packed
