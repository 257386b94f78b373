"""A device with files: sends and reads artifacts as the protocol says, in one request or in several."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote

import httpx2
from resource_world import Device

OCTETS = "application/octet-stream"
PARTIAL = "application/partial-upload"
Body = Any
"""Bytes, or an asynchronous iterator of them."""


async def put(
    device: Device,
    path: str,
    content: Body,
    *,
    version: int | None = None,
    media_type: str = OCTETS,
    query: str = "",
    **headers: str,
) -> httpx2.Response:
    """Create the file, or replace it at a version."""
    condition = {"If-None-Match": "*"} if version is None else {"If-Match": f'"{version}"'}
    sent = {"Content-Type": media_type, **condition, **_fields(headers)}
    return await device.send("PUT", f"/artifacts/{quote(path, safe='/%')}{query}", content=content, headers=sent)


async def get(device: Device, path: str, *, query: str = "", **headers: str) -> httpx2.Response:
    return await device.get(f"/artifacts/{quote(path, safe='/%')}{query}", headers=_fields(headers))


async def begin(device: Device, path: str, content: Body = b"", **sent: Any) -> str:
    """Begin an upload with more to follow; where it goes on."""
    answer = await put(device, path, content, upload_complete="?0", **sent)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"]).removeprefix(device.task)


async def append(
    device: Device, upload: str, content: Body, *, offset: int, complete: bool, **headers: str
) -> httpx2.Response:
    sent = {"Upload-Offset": str(offset), "Upload-Complete": "?1" if complete else "?0", "Content-Type": PARTIAL}
    return await device.send("PATCH", upload, content=content, headers={**sent, **_fields(headers)})


async def offset(device: Device, upload: str) -> tuple[int, bool]:
    """How much of the upload has come, and whether that is all."""
    answer = await device.send("HEAD", upload)
    assert answer.status_code == 204, answer.headers
    return int(answer.headers["Upload-Offset"]), answer.headers["Upload-Complete"] == "?1"


def digest(content: bytes) -> str:
    """The value of `Repr-Digest`."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fields(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
