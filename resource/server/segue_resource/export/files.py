"""The files of a task in its export: each as it stands, carried over piece by piece."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from segue_resource.domain.refusal import NotFound
from segue_resource.stores.files import artifacts, blob_rows
from segue_resource.stores.files.contents import Contents
from segue_resource.stores.unit import Reading

Read = Callable[[Callable[[Reading], Any]], Awaitable[Any]]


class Files(Protocol):
    """Where the files come from."""

    def contents(self, read: Read, *, only: str | None) -> AsyncIterator[tuple[str | None, bytes]]:
        """Name and first bytes of each file, then None and further bytes. With `only` those that this person wrote."""
        ...


class ArtifactFiles:
    """The artifacts of the task, a piece of a file in memory at a time. One whose writer was erased is left out."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    async def contents(self, read: Read, *, only: str | None) -> AsyncIterator[tuple[str | None, bytes]]:
        for found in await read(artifacts.artifacts):
            theirs = only in (None, found.updated_by.sub)
            manifest = await read(partial(_manifest, path=found.path)) if theirs else None
            if manifest is not None:
                yield f"artifacts/{found.path}", b""
                async for piece in self._contents.read(manifest):
                    yield None, piece


def _manifest(reading: Reading, *, path: str) -> blob_rows.Manifest | None:
    """None if the file was deleted, or its content erased, since the files were listed."""
    try:
        return blob_rows.manifest(reading, artifacts.row_of(reading, path).blob_id)
    except NotFound:
        return None
