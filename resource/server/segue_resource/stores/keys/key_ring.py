"""The key file: a ring of master keys, the newest of which wraps data keys while the older ones still unwrap.

```
segue-key-ring 1
root 4Yh…                                what audit links, codes and drafts are derived from; stays for ever
key 5f0c2a9be1d07c44 1800000000 kD3…     a generation: id, when it was made, 32 random bytes; the newest is the last
```

A file of one line, as earlier releases made it, is a ring of one. The root is what HKDF extracts from the first key
(RFC 5869 section 2.2): all that was derived stays the same, and the first key cannot be found from it.
"""

import hashlib
import hmac
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from segue.jose import Malformed, b64url_decode, b64url_encode

from segue_resource.stores.keys.durable_file import replace_durably
from segue_resource.stores.keys.key_wrapper import Wrapped
from segue_resource.stores.keys.sealing import Damaged, Place, seal, unseal

SIZE = 32
HEADER = "segue-key-ring 1"
_KEY = re.compile(r"key ([0-9a-f]{16}) ([0-9]{1,15}) ([A-Za-z0-9_-]+)", re.ASCII)
_ROOT = re.compile(r"root ([A-Za-z0-9_-]+)", re.ASCII)


class BadKeyFile(Exception):
    """The file does not hold a master key. Says what would be accepted, never what it holds."""


@dataclass(frozen=True)
class Generation:
    """One master key. `key_id` tells it from others and gives nothing away; `made_at` is 0 where nobody noted it."""

    secret: bytes
    made_at: int

    @property
    def key_id(self) -> str:
        return hashlib.sha256(b"segue master key id\0" + self.secret).hexdigest()[:16]

    def __str__(self) -> str:
        return f"key {self.key_id} {self.made_at} {b64url_encode(self.secret)}"


@dataclass(frozen=True)
class KeyRing:
    """What a key file holds. `generations` from the oldest to the newest; none where a key service has them."""

    root: bytes
    generations: tuple[Generation, ...]

    def __str__(self) -> str:
        return "\n".join((HEADER, f"root {b64url_encode(self.root)}", *map(str, self.generations), ""))


def ring_of_one(secret: bytes) -> KeyRing:
    """What the one key of an earlier release stands for."""
    return KeyRing(hmac.digest(bytes(32), secret, hashlib.sha256), (Generation(secret, 0),))


def read_ring(path: Path) -> KeyRing:
    """Raises `BadKeyFile`."""
    try:
        return _parse(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError, Malformed) as wrong:
        raise BadKeyFile(f"{path} cannot be read as a master key: {_reason(wrong)}") from wrong
    except ValueError as wrong:
        raise BadKeyFile(f"{path} is not a master key: {wrong}") from wrong


class RingFile:
    """A `KeyWrapper` over the key file. Reads it again when it meets a generation that it does not know."""

    def __init__(self, path: Path, *, random: Callable[[int], bytes], clock: Callable[[], int]) -> None:
        self._path = path
        self._random = random
        self._clock = clock
        self._reading = threading.Lock()
        self._ring = read_ring(path)
        self._opened = _opened(self._ring)

    @property
    def key_id(self) -> str:
        return _newest(self._ring, self._path).key_id

    @property
    def key_ids(self) -> list[str]:
        return list(self._opened)

    def wrap(self, data_key: bytes, *, nonce: bytes, place: Place) -> Wrapped:
        newest = _newest(self._ring, self._path)
        return Wrapped(newest.key_id, seal(AESGCM(newest.secret), data_key, nonce=nonce, place=place))

    def unwrap(self, wrapped: Wrapped, *, place: Place) -> bytes:
        """Raises `Damaged`, and says so when it was wrapped by a generation that the file does not hold."""
        if wrapped.key_id not in self._opened:
            self.refresh()
        key = self._opened.get(wrapped.key_id)
        if key is None:
            raise Damaged(f"wrapped by the master key {wrapped.key_id}, and the key file holds {self._shown()}")
        return unseal(key, wrapped.value, place=place)

    def refresh(self) -> None:
        """A file that cannot be read now changes nothing: it may be about to be replaced."""
        with self._reading:
            try:
                ring = read_ring(self._path)
            except BadKeyFile:
                return
            self._opened = _opened(ring)
            self._ring = ring

    def rotate(self) -> str:
        newest = Generation(self._random(SIZE), self._clock())
        ring = read_ring(self._path)
        self._write(replace(ring, generations=(*ring.generations, newest)))
        return newest.key_id

    def destroy_others(self, key_id: str) -> list[str]:
        ring = read_ring(self._path)
        kept = tuple(generation for generation in ring.generations if generation.key_id == key_id)
        if not kept:
            raise BadKeyFile(f"{self._path} does not hold the master key {key_id}, so nothing was destroyed")
        self._write(replace(ring, generations=kept))
        return [generation.key_id for generation in ring.generations if generation.key_id != key_id]

    def _write(self, ring: KeyRing) -> None:
        replace_durably(self._path, str(ring), draft=self._random(8).hex())
        self.refresh()

    def _shown(self) -> str:
        return ", ".join(sorted(self._opened)) or "none"


def _opened(ring: KeyRing) -> dict[str, AESGCM]:
    return {generation.key_id: AESGCM(generation.secret) for generation in ring.generations}


def _newest(ring: KeyRing, path: Path) -> Generation:
    if not ring.generations:
        raise BadKeyFile(f"{path} is not a master key: it must hold a line that begins with key")
    return ring.generations[-1]


def _parse(text: str) -> KeyRing:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != HEADER:
        return ring_of_one(_secret(text.strip()))
    root = _ROOT.fullmatch(lines[1]) if len(lines) > 1 else None
    if root is None:
        raise ValueError("its second line must hold root and what is derived from")
    return KeyRing(_secret(root[1]), tuple(_generation(line) for line in lines[2:]))


def _generation(line: str) -> Generation:
    found = _KEY.fullmatch(line)
    generation = None if found is None else Generation(_secret(found[3]), int(found[2]))
    if found is None or generation is None or generation.key_id != found[1]:
        raise ValueError("each line after the second must hold key, the id, a time, and the key of that id")
    return generation


def _secret(text: str) -> bytes:
    secret = b64url_decode(text)
    if len(secret) != SIZE:
        raise ValueError(f"it must hold {SIZE} random bytes in base64url without padding")
    return secret


def _reason(wrong: Exception) -> str:
    if isinstance(wrong, OSError):
        return os.strerror(wrong.errno) if wrong.errno else "it cannot be opened"
    return "it must hold base64url"
