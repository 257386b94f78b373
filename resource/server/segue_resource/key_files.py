"""The two secrets that come as files: the master key, and what nonces are made with."""

from pathlib import Path

from segue_resource.settings import Settings
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.key_wrapper import KeyWrapper
from segue_resource.stores.keys.master_key import BadKeyFile, MasterKey, Random

NONCE_SECRET = 32
"""Bytes, at least."""


def load_master_key(settings: Settings, *, random: Random, wrapper: KeyWrapper | None = None) -> MasterKey:
    """The master key; on embedded state it is made if there is none. Raises `BadKeyFile`.

    With another `wrapper` just the root of the file is used.
    """
    if wrapper is not None:
        return master_key.load_with(settings.key_file, wrapper)
    if settings.embedded:
        return master_key.load_or_create(settings.key_file, random=random)
    return master_key.load(settings.key_file, random=random)


def load_nonce_secret(settings: Settings, *, random: Random) -> bytes:
    """The secret of the file, or one for this process alone. Raises `BadKeyFile`."""
    if settings.nonce_secret_file is None:
        return random(NONCE_SECRET)
    return _read(settings.nonce_secret_file)


def _read(path: Path) -> bytes:
    try:
        secret = path.read_bytes()
    except OSError as wrong:
        raise BadKeyFile(f"{path} cannot be read as a nonce secret: {wrong.strerror}") from wrong
    if len(secret) < NONCE_SECRET:
        raise BadKeyFile(f"{path} is not a nonce secret: it must hold at least {NONCE_SECRET} random bytes")
    return secret
