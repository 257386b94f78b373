"""A content as it comes in, piece by piece: one that breaks off ends early, and says so."""

import asyncio
from collections.abc import AsyncIterator

from segue.problem import Problem
from starlette.requests import ClientDisconnect, Request

from segue_resource.domain import artifact
from segue_resource.endpoints.fields import integer
from segue_resource.endpoints.header import header

PATIENCE = 15.0
"""Seconds until the next piece has come."""
LONGEST = 3600.0
"""Seconds that one request may take, however steadily its pieces come."""


class Incoming:
    """Iterate it, then look at `cut`: what broke it off, if something did."""

    def __init__(self, request: Request) -> None:
        self.cut: Exception | None = None
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        ends, stream = loop.time() + LONGEST, self._request.stream()
        try:
            while True:
                async with asyncio.timeout_at(min(ends, loop.time() + PATIENCE)):
                    piece = await anext(stream, None)
                if piece is None:
                    return
                yield piece
        except ClientDisconnect as left:
            self.cut = left
        except TimeoutError:
            headers = {"Connection": "close"}
            detail = "the content came too slowly"
            self.cut = Problem(400, "invalid-request", "The content is incomplete", detail, headers=headers)
        finally:
            await stream.aclose()


def require_plain(request: Request) -> None:
    """The content is the file itself: neither a coded form nor a part of it. Raises `Problem` 400, 413 and 415."""
    if header(request, "Content-Encoding") is not None:
        detail = "send the file as it is, without Content-Encoding"
        raise Problem(415, "unsupported-media-type", "The content is coded", detail)
    if header(request, "Content-Range") is not None:  # RFC 9110 section 14.5
        detail = "a part of a file is sent to its upload"
        raise Problem(400, "invalid-request", "The request is not of the documented form", detail)
    if (integer(request, "Content-Length") or 0) > artifact.MAX_SIZE:
        detail, limits = f"a file has at most {artifact.MAX_SIZE} bytes", {"file_bytes": artifact.MAX_SIZE}
        raise Problem(413, "content-too-large", "The file is too large", detail, limits=limits)
