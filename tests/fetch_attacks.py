"""Attacks on what the middleware fetches by itself: by whoever answers, or sends it elsewhere."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest.mock import patch

from attacked import Attacks
from segue import fetch

attack = Attacks()
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
GOOD = b"HTTP/1.1 %d OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood"


class Pieces:
    """A body that comes in so many pieces, of one byte or of as many as are read."""

    def __init__(self, number: int, *, whole: bool = False) -> None:
        self._left = number
        self._whole = whole

    def read1(self, size: int) -> bytes:
        self._left -= 1
        return b"" if self._left < 0 else b"x" * (size if self._whole else 1)


@asynccontextmanager
async def server(host: str) -> AsyncIterator[str]:
    """At another name of this machine; `/good` is a document."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        writer.write(REDIRECT if path == b"/redirect" else GOOD % (203 if path == b"/203" else 200))
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, host, 0)
    async with listening:
        yield f"http://{host}:{listening.sockets[0].getsockname()[1]}"


async def _fetched(host: str, path: str) -> bool:
    async with server(host) as base:
        with suppress(OSError), patch.dict(os.environ, {"no_proxy": "*"}):
            return await fetch.fetch_url(base + path) == b"good"
    return False


@attack
async def a_document_comes_over_an_open_line() -> bool:
    return await _fetched("127.0.0.2", "/good")


@attack
async def a_redirect_is_followed() -> bool:
    return await _fetched("127.0.0.1", "/redirect")


@attack
async def another_answer_than_200_is_taken() -> bool:
    return await _fetched("127.0.0.1", "/203")


@attack
async def a_body_of_any_length_is_read() -> bool:
    return _read(Pieces(2, whole=True), seconds=60)


@attack
async def a_body_that_takes_for_ever_is_read() -> bool:
    return _read(Pieces(2), seconds=-1)


def _read(response: Any, *, seconds: int) -> bool:
    with suppress(fetch.FetchFailed):
        return fetch._bounded_body(response, deadline=time.monotonic() + seconds) != b""
    return False
