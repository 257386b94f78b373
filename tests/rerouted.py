"""A way to the servers that goes elsewhere than their addresses say, as a proxy's does."""

from collections.abc import Mapping

import httpx2

Place = tuple[str, int]
"""Host and port."""


class Rerouted(httpx2.AsyncHTTPTransport):
    """Requests for a port of this machine go to the place that stands for it; the others where they say."""

    def __init__(self, places: Mapping[int, Place]) -> None:
        super().__init__()
        self._places = places

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        place = self._places.get(request.url.port or 0)
        if place is None:
            return await super().handle_async_request(request)
        url = request.url.copy_with(host=place[0], port=place[1])
        return await super().handle_async_request(
            httpx2.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )
