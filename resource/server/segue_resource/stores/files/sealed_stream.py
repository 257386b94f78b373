"""Seals a long content piece by piece, so that any part of it opens alone and nothing of it can be left out.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015) with AES-256-GCM: the nonce of a chunk holds
its number and whether it is the last, so a chunk that was dropped, swapped or cut off is noticed. Each part of a blob
has a key of its own, derived from the blob's (RFC 5869), so no nonce is ever used twice, however often a cut upload is
begun again: a part that was lost is written under another id. Which parts make the blob says its manifest.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from segue_resource.stores.keys.sealing import Damaged

CHUNK = 65_536
"""Bytes that are sealed together."""
TAG = 16
_SEALED_CHUNK = CHUNK + TAG


@dataclass(frozen=True)
class Part:
    """A piece of a blob that is kept as one object: where in the blob it begins, and its bytes before sealing."""

    part_id: str
    start: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass(frozen=True)
class BlobKey:
    """The key of one blob, which belongs to one task."""

    task_id: str
    blob_id: str
    secret: bytes

    def of(self, part: Part) -> AESGCM:
        """The key of the part at its place: a part that was moved does not open."""
        place = "\0".join(("segue blob part", self.task_id, self.blob_id, part.part_id, str(part.start)))
        return AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=place.encode()).derive(self.secret))


@dataclass(frozen=True)
class Window:
    """The sealed bytes of a part that hold the range asked for: whole chunks, from the chunk `first`."""

    first: int
    start: int
    size: int


def seal_part(key: BlobKey, part: Part, content: bytes) -> bytes:
    """All chunks of the part, one after the other."""
    cipher, view = key.of(part), memoryview(content)
    count = _chunks(part.size)
    return b"".join(
        cipher.encrypt(_nonce(n, last=n == count - 1), view[n * CHUNK : (n + 1) * CHUNK], None) for n in range(count)
    )


def window(part: Part, first: int, last: int) -> Window:
    """Where in the sealed part the bytes from `first` to `last` of the plain one are, both included."""
    begin, end = first // CHUNK, last // CHUNK
    size = min((end + 1) * _SEALED_CHUNK, part.size + TAG * _chunks(part.size)) - begin * _SEALED_CHUNK
    return Window(begin, begin * _SEALED_CHUNK, size)


def open_window(key: BlobKey, part: Part, found: Window, sealed: bytes) -> bytes:
    """The content of the chunks of a window. Raises `Damaged`."""
    if len(sealed) != found.size:
        raise Damaged("a part of a file is cut")
    cipher, last = key.of(part), _chunks(part.size) - 1
    try:
        return b"".join(
            cipher.decrypt(_nonce(n, last=n == last), sealed[at : at + _SEALED_CHUNK], None)
            for n, at in enumerate(range(0, len(sealed), _SEALED_CHUNK), found.first)
        )
    except InvalidTag as wrong:
        raise Damaged("a part of a file does not open") from wrong


def _chunks(size: int) -> int:
    return max(1, -(-size // CHUNK))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])
