"""The port through which the store keeps what is too large for the database: sealed objects under names of our own.

An object is at most a few megabytes, is written once and never changed. What it means is in the database.
"""

from collections.abc import Sequence
from typing import Protocol

PART = 4 * 2**20
"""Bytes of a file in one object, before sealing: as much as one transfer holds in memory."""


class BlobsUnavailable(Exception):
    """The objects cannot be reached now; nothing is known of whether this one was written."""


class BlobMissing(Exception):
    """There is no object of that name."""


class BlobStore(Protocol):
    """Raises `BlobsUnavailable` where it cannot be reached. Names are made by `object_name`."""

    async def put(self, name: str, content: bytes) -> None:
        """Keep the object durably; once this returns, every process finds it."""
        ...

    async def read(self, name: str, *, start: int, size: int) -> bytes:
        """Bytes of the object; fewer if it is shorter. Raises `BlobMissing`."""
        ...

    async def delete(self, names: Sequence[str]) -> None:
        """Remove the objects; those that are not there are removed already."""
        ...


def object_name(part_id: str) -> str:
    """Where a part is kept: nothing of it was said by a user."""
    return f"{part_id[:2]}/{part_id}"
