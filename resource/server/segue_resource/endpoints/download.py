"""A file going out: whole or a range of it, so that it never runs in the store's origin (XD-WEB-11).

Whatever its writer called it, a browser gets bytes to save: `attachment`, no sniffing, a sandbox without rights, and a
type that nothing executes.
"""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from segue.problem import Problem
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from segue_resource.domain.artifact import Artifact, served_as
from segue_resource.domain.byte_range import ByteRange, Unsatisfiable, byte_range
from segue_resource.endpoints.fields import digest_field
from segue_resource.endpoints.header import header
from segue_resource.stores.files.blob_rows import Manifest
from segue_resource.stores.files.contents import Contents

_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")
_MARKS = "!#$&+^`|"
"""What may stand unescaped beside letters, digits and `-._~` (RFC 8187 section 3.2.1)."""


async def download(request: Request, contents: Contents, found: Artifact, manifest: Manifest, *, head: int) -> Response:
    """200 with all of it, 206 with the range that the request asks for, or 416. The first bytes are read before."""
    asked = _range(request, found)
    pieces = contents.read(manifest, asked)
    first = await anext(pieces, b"")
    headers = _headers(found, head=head)
    headers["Content-Length"] = str(asked.size if asked else found.size)
    if asked:
        headers["Content-Range"] = f"bytes {asked.first}-{asked.last}/{found.size}"
    return StreamingResponse(_from(first, pieces), 206 if asked else 200, headers=headers)


def disposition(path: str) -> str:
    """`Content-Disposition` with the last segment of the path, for old readers in ASCII (RFC 6266, RFC 8187)."""
    name = path.rpartition("/")[2]
    return f"attachment; filename=\"{_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe=_MARKS)}"


def _headers(found: Artifact, *, head: int) -> dict[str, str]:
    return {
        "Content-Type": served_as(found.media_type),
        "Content-Disposition": disposition(found.path),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Accept-Ranges": "bytes",
        "Repr-Digest": digest_field(found.sha256),
        "ETag": f'"{found.version}"',
        "Task-Head": str(head),
    }


def _range(request: Request, found: Artifact) -> ByteRange | None:
    """What is asked for if the file still is what the client has a part of (RFC 9110 sections 13.1.5 and 14.2)."""
    said, condition = header(request, "Range"), header(request, "If-Range")
    if said is None or (condition is not None and condition != f'"{found.version}"'):
        return None
    try:
        return byte_range(said, size=found.size)
    except Unsatisfiable as beyond:
        headers = {"Content-Range": f"bytes */{found.size}"}
        detail = "the header Content-Range says how long it is"
        raise Problem(416, "range-not-satisfiable", "The file has nothing there", detail, headers=headers) from beyond


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
