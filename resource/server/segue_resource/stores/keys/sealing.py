"""Seals what people and agents wrote: compressed, then AES-256-GCM, bound to the one row it belongs to.

A sealed value moved to another table, task or row does not open. Compression comes first: ciphertext does not shrink.
A value may also hold a digest of what stands readable beside it in its row, so that this cannot be changed unseen.
"""

import hashlib
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from segue_resource.stores.keys.vocabulary import VOCABULARY

NONCE = 12
"""Bytes, random for each value: a data key may seal 2**32 so (NIST SP 800-38D section 8.3), and seals far fewer."""

_PLAIN = 0x01
_ZLIB = 0x02  # what releases before the vocabulary wrote; it is read for ever
_WITH_VOCABULARY = 0x03
_BESIDE = 0x10  # a digest of the columns beside the value comes before it
_DIGEST = 16
_RAW = -15  # deflate without header and checksum: the tag of the encryption is the better one
_WORTH_COMPRESSING = 24


class Damaged(Exception):
    """A sealed value does not open under its key at its place: it was changed, moved, or the key is another one.

    `place` says which, where that is known.
    """

    def __init__(self, what: str, *, place: "Place | None" = None) -> None:
        super().__init__(what)
        self.place = place


class ChangedBeside(Damaged):
    """The value opens, and what stands readable beside it is not what it was sealed with."""


class Place(NamedTuple):
    """Where a sealed value lives. No part may contain NUL."""

    table: str
    task_id: str
    row: str

    def __bytes__(self) -> bytes:
        return f"segue\0{self.table}\0{self.task_id}\0{self.row}".encode()


def seal(key: AESGCM, content: bytes, *, nonce: bytes, place: Place, beside: Sequence[Any] = ()) -> bytes:
    """One byte that says how it was packed, the nonce, the ciphertext with its tag.

    `beside` are the readable columns of the row that must stay as they are.
    """
    how, packed = _PLAIN, content
    if len(content) >= _WORTH_COMPRESSING and len(smaller := _compressed(content)) < len(content):
        how, packed = _WITH_VOCABULARY, smaller
    if beside:
        how, packed = how | _BESIDE, _digest(beside) + packed
    first = bytes((how,))
    return first + nonce + key.encrypt(nonce, packed, first + bytes(place))


def unseal(key: AESGCM, sealed: bytes, *, place: Place, beside: Sequence[Any] = ()) -> bytes:
    """What was sealed. Raises `Damaged`, also if what is `beside` it is not what it was sealed with.

    Values that earlier releases sealed hold no digest; those open whatever is beside them.
    """
    first, nonce, ciphertext = sealed[:1], sealed[1 : 1 + NONCE], sealed[1 + NONCE :]
    try:
        packed = key.decrypt(nonce, ciphertext, first + bytes(place))
    except (InvalidTag, ValueError) as wrong:
        raise Damaged(f"a value of {place.table} does not open", place=place) from wrong
    how = first[0]
    if how & _BESIDE:
        digest, packed = packed[:_DIGEST], packed[_DIGEST:]
        if beside and digest != _digest(beside):
            raise ChangedBeside(f"what is beside a value of {place.table} was changed", place=place)
    return _unpacked(how & ~_BESIDE, packed)


def _unpacked(how: int, packed: bytes) -> bytes:
    if how == _WITH_VOCABULARY:
        return zlib.decompressobj(_RAW, VOCABULARY).decompress(packed)
    return zlib.decompress(packed) if how == _ZLIB else packed


def _compressed(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=_RAW, zdict=VOCABULARY)
    return compressor.compress(content) + compressor.flush()


def _digest(beside: Sequence[Any]) -> bytes:
    """Nobody without the key sees it, so nobody can look for other columns that have the same."""
    return hashlib.sha256(msgspec.json.encode(beside)).digest()[:_DIGEST]
