"""Gets a small document over HTTP with the standard library alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from segue.target_uri import is_loopback, is_protected

Fetch = Callable[[str], Awaitable[bytes]]
"""Answers the body of a 200 answer to a GET, or raises."""

MAX_BYTES = 262_144
TIMEOUT = 5


class FetchFailed(OSError):
    """The address may not be asked, or its answer is not acceptable."""


async def fetch_url(url: str) -> bytes:
    """GET an https address, or an http one of this machine, in a thread.

    Raises `OSError` after 5 seconds, above 256 KiB, on a redirect, and on any status but 200.
    """
    return await asyncio.to_thread(_get, url)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """None makes urllib raise the redirect as an `HTTPError`."""


def _get(url: str) -> bytes:
    if not is_protected(url):
        raise FetchFailed("only https, or http to this machine, is fetched")
    deadline = time.monotonic() + TIMEOUT
    proxies: list[Any] = [ProxyHandler({})] if is_loopback(url) else []
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  the scheme was checked
    with build_opener(_NoRedirect, *proxies).open(request, timeout=TIMEOUT) as response:
        if response.status != 200:
            raise FetchFailed(f"the answer has status {response.status}")
        return _bounded_body(response, deadline=deadline)


def _bounded_body(response: HTTPResponse, *, deadline: float) -> bytes:
    """Piece by piece: a timeout of the socket alone begins again with every byte that trickles in."""
    body = b""
    while piece := response.read1(MAX_BYTES + 1 - len(body)):
        body += piece
        if len(body) > MAX_BYTES:
            raise FetchFailed("the answer is too long")
        if time.monotonic() > deadline:
            raise FetchFailed("the answer took too long")
    return body
