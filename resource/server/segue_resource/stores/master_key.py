"""The master key: one file of 32 random bytes in base64url that wraps the data keys of all tasks."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from segue.jose import Malformed, b64url_decode, b64url_encode

from segue_resource.stores.sealing import NONCE, Damaged, Place, seal, unseal

SIZE = 32

Random = Callable[[int], bytes]
"""`random(n)` gives n random bytes fit for keys."""


class BadKeyFile(Exception):
    """The file does not hold a master key. Says what would be accepted, never what it holds."""


class MasterKey:
    """Wraps and unwraps data keys. `key_id` tells master keys apart and gives nothing away."""

    def __init__(self, secret: bytes) -> None:
        self._key = AESGCM(secret)
        self._secret = secret
        self._derived: dict[str, bytes] = {}
        self.key_id = hashlib.sha256(b"segue master key id\0" + secret).hexdigest()[:16]

    def wrap(self, data_key: bytes, *, nonce: bytes, place: Place) -> bytes:
        return seal(self._key, data_key, nonce=nonce, place=place)

    def derive(self, purpose: str) -> bytes:
        """A key for one other purpose, from which neither this one nor the others can be found (RFC 5869)."""
        if purpose not in self._derived:
            info = b"segue " + purpose.encode()
            self._derived[purpose] = HKDF(hashes.SHA256(), SIZE, salt=None, info=info).derive(self._secret)
        return self._derived[purpose]

    def unwrap(self, wrapped: bytes, *, master_key_id: str, place: Place) -> bytes:
        """The data key. Raises `Damaged`, and says so when it was wrapped by another master key."""
        if master_key_id != self.key_id:
            raise Damaged(f"wrapped by the master key {master_key_id}, and the key file holds {self.key_id}")
        return unseal(self._key, wrapped, place=place)


def load(path: Path) -> MasterKey:
    """Read the key file. Raises `BadKeyFile`."""
    try:
        secret = b64url_decode(path.read_text("ascii").strip())
    except (OSError, UnicodeDecodeError, Malformed) as wrong:
        raise BadKeyFile(f"{path} cannot be read as a master key: {_reason(wrong)}") from wrong
    if len(secret) != SIZE:
        raise BadKeyFile(f"{path} is not a master key: it must hold {SIZE} random bytes in base64url without padding")
    return MasterKey(secret)


def load_or_create(path: Path, *, random: Random) -> MasterKey:
    """Read the key file, or make it: whole, readable by its owner alone, and on disk before anything needs it."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{random(8).hex()}")
        _write_durably(draft, b64url_encode(random(SIZE)) + "\n")
        with contextlib.suppress(FileExistsError):  # another process was first, and its key counts
            os.link(draft, path)
        draft.unlink()
        _sync_folder(path.parent)
    return load(path)


def data_key(random: Random) -> bytes:
    return random(SIZE)


def nonce(random: Random) -> bytes:
    return random(NONCE)


def _write_durably(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(wrong: Exception) -> str:
    return wrong.strerror or "it cannot be opened" if isinstance(wrong, OSError) else "it must hold base64url"
