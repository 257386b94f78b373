"""The port to whatever wraps data keys: the key file, or a key service (KMS).

A wrapper has generations, each with an id. The newest wraps; the others unwrap until they are destroyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from segue_resource.stores.keys.sealing import Place


class KeysUnavailable(Exception):
    """Data keys can be neither wrapped nor unwrapped now. Nothing was done; it is no sign of damage."""


@dataclass(frozen=True)
class Wrapped:
    """A wrapped data key, and the id of the generation that opens it."""

    key_id: str
    value: bytes


class KeyWrapper(Protocol):
    """Called from the threads that hold a transaction, several at a time. All of it raises `KeysUnavailable`."""

    @property
    def key_id(self) -> str:
        """Of the newest generation that this process knows."""
        ...

    @property
    def key_ids(self) -> Sequence[str]:
        """Of all generations that can unwrap, as far as this process knows."""
        ...

    def wrap(self, data_key: bytes, *, nonce: bytes, place: Place) -> Wrapped:
        """`nonce` is random; a service that makes its own passes over it. The place is authenticated with the key."""
        ...

    def unwrap(self, wrapped: Wrapped, *, place: Place) -> bytes:
        """Raises `Damaged`."""
        ...

    def refresh(self) -> None:
        """Find out which generations there are by now."""
        ...

    def rotate(self) -> str:
        """Make another generation, durably, before it wraps anything; its id."""
        ...

    def destroy_others(self, key_id: str) -> list[str]:
        """Destroy all generations but this one, for ever; the ids of those that are gone."""
        ...
