"""Files of a task, sent and fetched so that a break costs only what was on its way (specs/protocol.md section 8).

`upload` and `download` may be called again after anything, also by another process; nothing is ever whole in memory.
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx2

from segue_client.device import Refused, accepted
from segue_client.grant import Grant

PIECE = 4 * 2**20
"""Bytes of one request."""
TRIES = 8
"""Breaks in a row, without a byte that got through, before giving up."""
AGAIN = 0.5
"""Seconds after a break."""

Body = Mapping[str, Any]


class Damaged(Exception):
    """What came is not what the store says it is."""


async def upload(
    grant: Grant,
    path: str,
    source: Path,
    *,
    store: str,
    version: int | None = None,
    media_type: str = "application/octet-stream",
    read_first: bool | None = None,
) -> Body:
    """Make the file a new artifact, or the next one after `version`; the artifact.

    Raises `Refused` (412 if somebody was first, `body["current"]` is theirs) and `httpx2.TransportError`.
    """
    with source.open("rb") as file:
        digest = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode("ascii")
        size = file.tell()
        headers = {
            **({"If-None-Match": "*"} if version is None else {"If-Match": f'"{version}"'}),
            "Content-Type": media_type,
            "Repr-Digest": f"sha-256=:{digest}:",
            "Upload-Complete": "?0",
            "Upload-Length": str(size),
        }
        query = "" if read_first is None else f"?read_first={int(read_first)}"
        begun = await grant.request("PUT", _address(grant, path, store) + query, audience=store, headers=headers)
        accepted(begun)
        return await _send(grant, store + begun.headers["Location"], file, size=size, store=store)


async def download(grant: Grant, path: str, target: Path, *, store: str, version: int | None = None) -> None:
    """Fetch the file as it is, or one version of it; `target` appears once all of it is there and is right.

    Raises `Refused`, `Damaged` and `httpx2.TransportError`.
    """
    draft = target.with_name(f"{target.name}.part")
    query = "" if version is None else f"?version={version}"
    fetching = Fetching(grant, _address(grant, path, store) + query, draft, store=store)
    await fetching.fetch()
    with draft.open("rb") as file:
        found = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode("ascii")
    if fetching.digest != f"sha-256=:{found}:":
        draft.unlink()
        raise Damaged(path)
    draft.replace(target)


class Fetching:
    """One download; what a break leaves is gone on with if it is a part of the same version."""

    def __init__(self, grant: Grant, url: str, draft: Path, *, store: str) -> None:
        self.digest = ""
        self._grant = grant
        self._url = url
        self._draft = draft
        self._store = store
        self._etag = ""

    async def fetch(self) -> None:
        """All of it. Raises `Refused`, and `httpx2.TransportError` if nothing comes any more."""
        have = tries = 0
        while True:
            try:
                await self._go_on(have)
                return
            except httpx2.TransportError:
                before, have = have, self._draft.stat().st_size if self._etag else 0
                tries = 0 if have > before else tries + 1
                if tries == TRIES:
                    raise
            await asyncio.sleep(AGAIN)

    async def _go_on(self, have: int) -> None:
        headers = {"Range": f"bytes={have}-", "If-Range": self._etag} if have else {}
        answer = await self._grant.request("GET", self._url, audience=self._store, headers=headers, stream=True)
        try:
            if answer.is_error and not (answer.status_code == 416 and have):
                await answer.aread()
                raise Refused.from_answer(answer)
            if answer.status_code == 416:  # it broke off after the last byte
                return
            with self._draft.open("ab" if answer.status_code == 206 else "wb") as file:
                self._etag, self.digest = answer.headers["ETag"], answer.headers["Repr-Digest"]
                async for piece in answer.aiter_raw():
                    file.write(piece)
        finally:
            await answer.aclose()


async def _send(grant: Grant, url: str, file: BinaryIO, *, size: int, store: str) -> Body:
    """Piece by piece from where the store says the upload ends; the last piece makes the artifact."""
    offset = tries = 0
    while True:
        file.seek(offset)
        piece = file.read(PIECE)
        last = offset + len(piece) == size
        headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(offset)}
        headers["Upload-Complete"] = "?1" if last else "?0"
        try:
            answer = await grant.request("PATCH", url, audience=store, headers=headers, content=piece)
        except httpx2.TransportError:
            tries += 1
            if tries == TRIES:
                raise
            await asyncio.sleep(AGAIN)
            ended = await _offset(grant, url, store=store)
            offset, tries = ended, tries if ended == offset else 0
            continue
        body = accepted(answer)
        if last:
            return body
        offset, tries = offset + len(piece), 0


async def _offset(grant: Grant, url: str, *, store: str) -> int:
    """How much has come. Raises `Refused`."""
    for left in reversed(range(TRIES)):
        try:
            answer = await grant.request("HEAD", url, audience=store)
            if answer.is_error:
                raise Refused.from_answer(answer)
            return int(answer.headers["Upload-Offset"])
        except httpx2.TransportError:
            if not left:
                raise
            await asyncio.sleep(AGAIN)
    raise AssertionError


def _address(grant: Grant, path: str, store: str) -> str:
    return f"{store}/tasks/{grant.task_id}/artifacts/{quote(path)}"
