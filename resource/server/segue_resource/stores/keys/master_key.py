"""The master key: what wraps the data keys of all tasks, in generations, and what everything else is derived from.

It is the file of `key_ring.py`, or the root of that file with a key service (KMS) that wraps in its place.
"""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from segue.clock import now
from segue.jose import b64url_encode

from segue_resource.stores.keys.durable_file import create_durably
from segue_resource.stores.keys.key_ring import SIZE, BadKeyFile, RingFile, read_ring
from segue_resource.stores.keys.key_wrapper import KeyWrapper
from segue_resource.stores.keys.sealing import NONCE

__all__ = ["BadKeyFile", "MasterKey", "Random", "data_key", "load", "load_or_create", "load_with", "nonce"]

Random = Callable[[int], bytes]
"""`random(n)` gives n random bytes fit for keys."""


class MasterKey:
    """`wrapper` wraps data keys; `derive` has nothing to do with its generations and stays what it was."""

    def __init__(self, root: bytes, wrapper: KeyWrapper) -> None:
        self.wrapper = wrapper
        self._root = root
        self._derived: dict[str, bytes] = {}

    @property
    def key_id(self) -> str:
        """Of the generation that wraps."""
        return self.wrapper.key_id

    def derive(self, purpose: str) -> bytes:
        """A key for one other purpose, from which neither the root nor the others can be found (RFC 5869)."""
        if purpose not in self._derived:
            info = b"segue " + purpose.encode()
            self._derived[purpose] = HKDFExpand(hashes.SHA256(), SIZE, info).derive(self._root)
        return self._derived[purpose]


def load(path: Path, *, random: Random | None = None, clock: Callable[[], int] = now) -> MasterKey:
    """Read the key file. Without `random` it cannot be rotated. Raises `BadKeyFile`."""
    ring = RingFile(path, random=random or _no_dice, clock=clock)
    ring.key_id  # noqa: B018 - a file without a key is none
    return MasterKey(read_ring(path).root, ring)


def load_or_create(path: Path, *, random: Random, clock: Callable[[], int] = now) -> MasterKey:
    """Read the key file, or make it: whole, readable by its owner alone, and on disk before anything needs it."""
    if not path.exists():
        create_durably(path, b64url_encode(random(SIZE)) + "\n", draft=random(8).hex())
    return load(path, random=random, clock=clock)


def load_with(path: Path, wrapper: KeyWrapper) -> MasterKey:
    """The root of the key file, and another wrapper in the place of its generations. Raises `BadKeyFile`."""
    return MasterKey(read_ring(path).root, wrapper)


def data_key(random: Random) -> bytes:
    return random(SIZE)


def nonce(random: Random) -> bytes:
    return random(NONCE)


def _no_dice(_: int) -> bytes:
    raise BadKeyFile("the key file was opened to be read only")
