"""Changes what a browser posts, as a hostile page, an extension or a proxy would."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

import httpx2

Forge = Callable[[httpx2.Request], httpx2.Request]


class Forging(httpx2.AsyncBaseTransport):
    """Changes what is posted on its way."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, forge: Forge) -> None:
        self._inner = inner
        self._forge = forge

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        return await self._inner.handle_async_request(self._forge(request) if request.method == "POST" else request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def with_fields(request: httpx2.Request, **fields: str | None) -> httpx2.Request:
    """The same form with other values; None leaves a field out."""
    form = {**dict(parse_qsl(request.content.decode(), keep_blank_values=True)), **fields}
    content = urlencode({name: value for name, value in form.items() if value is not None}).encode()
    kept = [(name, value) for name, value in request.headers.items() if name.lower() != "content-length"]
    return httpx2.Request(request.method, request.url, headers=kept, content=content, extensions=request.extensions)


def with_header(request: httpx2.Request, name: str, value: str) -> httpx2.Request:
    """The same request under another header."""
    request.headers[name] = value
    return request
