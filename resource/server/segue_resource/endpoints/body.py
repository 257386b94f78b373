"""Reads request bodies: JSON with one reading only, of bounded size, in exactly the documented shape."""

from typing import TypeVar

import msgspec
from segue.jose import Malformed, decode_json
from segue.problem import Problem
from starlette.requests import Request

MAX_BYTES = 256_000
"""Of one request: a batch of events, an item, the result of a tool call."""
MAX_DEPTH = 32

T = TypeVar("T")


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the request bodies."""


class Nothing(Shape, frozen=True):
    """The body of a request that says everything in its address: `{}`, or no body at all."""


JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
"""RFC 7396."""


async def read_body(request: Request, shape: type[T], *, media_type: str = JSON) -> tuple[T, bytes]:
    """The body in its shape, and its bytes. Raises `Problem` 400, 413 and 415."""
    content = await _read(request)
    if not content and shape is Nothing:
        return shape(), content
    _require(request, media_type)
    try:
        value = decode_json(content, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except Malformed as wrong:
        raise Problem(400, "malformed-json", "The body is not JSON", str(wrong)) from wrong
    try:
        return msgspec.convert(value, shape), content
    except msgspec.ValidationError as wrong:
        raise Problem(400, "invalid-request", "The body is not of the documented form", str(wrong)[:300]) from wrong


def _require(request: Request, media_type: str) -> None:
    """A patch of another form is told which one is understood (RFC 5789 section 2.2)."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != media_type:
        headers = {"Accept-Patch": media_type} if media_type == MERGE_PATCH else {}
        detail = f"send Content-Type: {media_type}"
        raise Problem(415, "unsupported-media-type", "The body must be JSON", detail, headers=headers)


async def _read(request: Request) -> bytes:
    """Stops reading at the bound, whatever the request says of its length."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            detail = f"a request body has at most {MAX_BYTES} bytes"
            raise Problem(413, "content-too-large", "The body is too large", detail, limits={"bytes": MAX_BYTES})
    return bytes(content)
