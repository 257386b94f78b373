"""The way to a provider: guarded like every way to an address that others name (`segue_authz.outbound`).

A provider's own addresses come from its documents, so none is asked without the guard. A server that is itself on a
loopback address, on a developer's machine, may have its provider there too.
"""

import asyncio
from urllib.parse import urlsplit

import httpx2

from segue_authz.delivery import on_loopback
from segue_authz.outbound import MAX_BYTES, TIMEOUT, Answer, NotReached, Outbound, acceptable

_OWN = frozenset(("host", "content-length", "connection", "accept-encoding", "user-agent"))
"""Headers that the way sets itself."""


class Reach(httpx2.AsyncBaseTransport):
    """Also as what authlib's client sends its requests by; what cannot be reached raises `NotReached`."""

    def __init__(self, outbound: Outbound, *, development: bool) -> None:
        self._outbound = outbound
        self._development = development

    def may(self, url: str) -> bool:
        """Whether the address may be asked at all, or a browser be sent there."""
        return acceptable(url) or self._here(url)

    async def get(self, url: str) -> bytes:
        """What stands there. Raises `NotReached`."""
        answer = await _ask_here("GET", url) if self._here(url) else await self._outbound.get(url)
        if answer.status != 200:
            raise NotReached(f"{urlsplit(url).hostname} answered with {answer.status}")
        return answer.content

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url, content = str(request.url), await request.aread()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN}
        if self._here(url):
            answer = await _ask_here(request.method, url, content, headers)
        else:
            answer = await self._outbound.post(url, content, headers=headers)
        return httpx2.Response(answer.status, headers={"Content-Type": "application/json"}, content=answer.content)

    def _here(self, url: str) -> bool:
        return self._development and on_loopback(url)


async def _ask_here(method: str, url: str, content: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """Another program of a developer's machine, with the bounds of `Outbound`."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx2.AsyncClient(trust_env=False, follow_redirects=False) as http,
            http.stream(method, url, content=content or None, headers=headers) as answer,
        ):
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MAX_BYTES:
                    raise NotReached("the answer is too long")
            return Answer(answer.status_code, {}, bytes(body))
    except (TimeoutError, OSError, httpx2.HTTPError) as failed:
        raise NotReached(f"{urlsplit(url).hostname} does not answer: {type(failed).__name__}") from failed
