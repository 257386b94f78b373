"""Carries contents to and from the objects, sealed, a part at a time: no file is ever whole in memory (T14)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from segue.clock import Clock
from segue_storage.database import Database

from segue_resource.domain.artifact import READ_FIRST_BYTES
from segue_resource.domain.byte_range import ByteRange
from segue_resource.domain.refusal import NotFound, WrongUploadOffset
from segue_resource.stores.files import blob_rows
from segue_resource.stores.files.blob_rows import Manifest, Upload
from segue_resource.stores.files.blobs import PART, BlobMissing, BlobStore, BlobsUnavailable, object_name
from segue_resource.stores.files.sealed_stream import CHUNK, BlobKey, Part, open_window, seal_part, window
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.keys.sealing import Damaged

READ = 16 * CHUNK
"""Bytes that a download fetches together."""


@dataclass(frozen=True)
class Received:
    """An upload after some bytes came; `sha256` of all of them, in hexadecimal, if one request brought them all."""

    upload: Upload
    sha256: str | None


class Contents:
    """Raises `BlobsUnavailable`, `Damaged`, and what the database raises."""

    def __init__(self, database: Database, blobs: BlobStore, *, random: Random, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._random = random
        self._clock = clock

    def new_blob(self) -> tuple[str, bytes]:
        """An id and a key for an upload that begins."""
        return f"upl_{self._random(16).hex()}", self._random(32)

    async def receive(self, upload: Upload, content: AsyncIterator[bytes]) -> Received:
        """Keep what comes, part by part; each part is durable before the next is taken.

        When `content` ends early, what came counts. Raises `WrongUploadOffset` if the upload grew elsewhere meanwhile,
        `NotFound` if it was dropped, and `TooMuch`.
        """
        buffer, said = bytearray(), None if upload.size else hashlib.sha256()
        async for piece in content:
            buffer += piece
            while len(buffer) >= PART:
                part = bytes(memoryview(buffer)[:PART])
                del buffer[:PART]
                upload = await self._keep(upload, part, said)
        if buffer:
            upload = await self._keep(upload, bytes(buffer), said)
        return Received(upload, said.hexdigest() if said else None)

    async def sha256(self, upload: Upload) -> str:
        """The digest of an upload that came in several requests, from what is kept of it, in hexadecimal."""
        said = hashlib.sha256()
        async for piece in self.read(Manifest(upload.key, await self.parts(upload))):
            await asyncio.to_thread(said.update, piece)
        return said.hexdigest()

    async def parts(self, upload: Upload) -> tuple[Part, ...]:
        """What is kept of the upload, in its order."""
        return await self._database.read(lambda connection: blob_rows.parts(connection, upload.blob_id))

    async def drop(self, upload: Upload) -> None:
        """Give the upload up."""
        await self._database.write(lambda connection: blob_rows.drop(connection, upload.blob_id))

    async def text(self, manifest: Manifest) -> str | None:
        """The content as text, or None if it is not UTF-8, too long, or cannot be had now."""
        if manifest.size > READ_FIRST_BYTES:
            return None
        try:
            return b"".join([piece async for piece in self.read(manifest)]).decode()
        except (UnicodeDecodeError, BlobsUnavailable, Damaged):
            return None

    async def read(self, manifest: Manifest, part: ByteRange | None = None) -> AsyncIterator[bytes]:
        """The content or a part of it; only the chunks that hold it are fetched and opened."""
        asked = part or ByteRange(0, manifest.size - 1)
        for each in manifest.parts:
            first, last = max(asked.first, each.start), min(asked.last, each.end - 1)
            while first <= last:
                end = min(last, (first - each.start) // READ * READ + each.start + READ - 1)
                yield await self._fetch(manifest.key, each, first - each.start, end - each.start)
                first = end + 1

    async def _fetch(self, key: BlobKey, part: Part, first: int, last: int) -> bytes:
        found = window(part, first, last)
        try:
            sealed = await self._blobs.read(object_name(part.part_id), start=found.start, size=found.size)
        except BlobMissing as missing:
            raise Damaged("a part of a file is missing") from missing
        opened = await asyncio.to_thread(open_window, key, part, found, sealed)
        begin = first - found.first * CHUNK
        return opened[begin : begin + last - first + 1]

    async def _keep(self, upload: Upload, content: bytes, said: "hashlib._Hash | None") -> Upload:
        """First the intention, then the object, then what counts: a crash between leaves an object that is found."""
        part = Part(self._random(16).hex(), upload.size, len(content))
        now = self._clock()
        if not await self._database.write(
            lambda connection: blob_rows.intend(connection, part, upload.blob_id, now=now)
        ):
            raise await self._elsewhere(upload)
        sealed = await asyncio.to_thread(_seal, upload.key, part, content, said)
        await self._blobs.put(object_name(part.part_id), sealed)
        grown = await self._database.write(
            lambda connection: blob_rows.grow(connection, part, upload.blob_id, now=self._clock())
        )
        if not grown:
            raise await self._elsewhere(upload)
        return replace(upload, size=part.end)

    async def _elsewhere(self, upload: Upload) -> NotFound | WrongUploadOffset:
        size = await self._database.write(lambda connection: blob_rows.size(connection, upload.blob_id))
        return NotFound() if size is None else WrongUploadOffset(size)


def _seal(key: BlobKey, part: Part, content: bytes, said: "hashlib._Hash | None") -> bytes:
    if said:
        said.update(content)
    return seal_part(key, part, content)
