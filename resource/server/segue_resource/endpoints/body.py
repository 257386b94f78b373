"""Reads request bodies: JSON with one reading only, of bounded size, in exactly the documented shape."""

import asyncio
from typing import TypeVar

import msgspec
from segue.jose import Malformed, decode_json
from segue.problem import Problem
from starlette.requests import Request

from segue_resource.domain.credential import credential_in

MAX_BYTES = 256_000
"""Of one request: a batch of events, an item, the result of a tool call."""
MAX_DEPTH = 32
PATIENCE = 15.0
"""Seconds in which a body has come, however small its pieces are."""

T = TypeVar("T")


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the request bodies."""


class Nothing(Shape, frozen=True):
    """The body of a request that says everything in its address: `{}`, or no body at all."""


JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
"""RFC 7396."""


async def read_body(request: Request, shape: type[T], *, media_type: str = JSON) -> tuple[T, bytes]:
    """The body in its shape, and its bytes, without live credentials. Raises `Problem` 400, 413, 415 and 422."""
    content = await _read(request)
    if not content and shape is Nothing:
        return shape(), content
    _require(request, media_type)
    try:
        value = decode_json(content, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except Malformed as wrong:
        raise Problem(400, "malformed-json", "The body is not JSON", str(wrong)) from wrong
    if found := credential_in(value):
        detail = f"the body holds {found}; store a reference, which each device resolves by its own right"
        raise Problem(422, "live-credential", "A task stores no credentials", detail)
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
    """Stops reading at the bounds, whatever the request says of its length."""
    content = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise _too_large()
    except TimeoutError as slow:
        detail, headers = "the body came too slowly", {"Connection": "close"}
        raise Problem(400, "invalid-request", "The body is incomplete", detail, headers=headers) from slow
    return bytes(content)


def _too_large() -> Problem:
    detail = f"a request body has at most {MAX_BYTES} bytes"
    return Problem(413, "content-too-large", "The body is too large", detail, limits={"bytes": MAX_BYTES})
