"""For clients made on httpx2, such as the MCP SDK's: gets a task token when challenged, and proves each request."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx2

from segue_client.device import asks_for_nonce
from segue_client.grant import Grant
from segue_client.protected_resource import ProtectedResource, described

Authorize = Callable[[ProtectedResource], Awaitable[Grant]]
"""Asks the person at the resource's authorization server for a task; decide there which issuers you trust."""


class TaskTokenAuth(httpx2.Auth):
    """Authentication for one resource server. The first request goes out without a token and finds out about it."""

    def __init__(self, authorize: Authorize, *, http: httpx2.AsyncClient) -> None:
        self._authorize = authorize
        self._http = http
        self._held: tuple[Grant, ProtectedResource] | None = None

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Raises `Refused` if there is no token to be had."""
        if self._held is None:
            answer = yield request
            if answer.status_code != 401:
                return
            resource = await described(answer, http=self._http)
            self._held = await self._authorize(resource), resource
        grant, resource = self._held
        for _ in range(2):
            token = await grant.token(resource.url)
            request.headers.update(grant.device.proved(request.method, str(request.url), access_token=token))
            answer = yield request
            grant.device.take_nonce(answer)
            if not await asks_for_nonce(answer):
                return
