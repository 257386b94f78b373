"""Objects as files of one folder: the default, for one machine or a file system that all processes share."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from segue_resource.stores.files.blobs import BlobMissing, BlobsUnavailable


class BlobFiles:
    """A `BlobStore`. The folder is made when the first object is kept, readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._put, name, content)

    async def read(self, name: str, *, start: int, size: int) -> bytes:
        return await asyncio.to_thread(self._read, name, start, size)

    async def delete(self, names: Sequence[str]) -> None:
        await asyncio.to_thread(self._delete, names)

    def _put(self, name: str, content: bytes) -> None:
        """Whole or not at all, and on disk: the name appears once the content is there."""
        path = self._folder / name
        draft = path.with_name(path.name + ".new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            _sync_folder(path.parent)
        except OSError as wrong:
            raise BlobsUnavailable(f"a file cannot be written: {wrong.strerror}") from wrong

    def _read(self, name: str, start: int, size: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError as wrong:
            raise BlobMissing(name) from wrong
        except OSError as wrong:
            raise BlobsUnavailable(f"a file cannot be read: {wrong.strerror}") from wrong

    def _delete(self, names: Sequence[str]) -> None:
        try:
            for name in names:
                for path in (self._folder / name, self._folder / f"{name}.new"):
                    with contextlib.suppress(FileNotFoundError):
                        path.unlink()
        except OSError as wrong:
            raise BlobsUnavailable(f"a file cannot be removed: {wrong.strerror}") from wrong


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
