"""Where somebody is, as a server sees it: addresses of this machine, from which requests are sent."""

import secrets
import socket
import ssl
from functools import cache
from ipaddress import IPv4Address

import httpx2

_FIRST, _LAST = int(IPv4Address("127.64.0.1")), int(IPv4Address("127.127.0.0"))


class ServerFailed(Exception):
    """A server has failed instead of answering: that stops no adversary, it ends the measurement."""


class _Way(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        if answer.status_code >= 500:
            raise ServerFailed(f"{request.method} {request.url.path} was answered with {answer.status_code}")
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


def way_from(address: str) -> httpx2.AsyncBaseTransport:
    """The way of whoever is at this address; using it raises `ServerFailed`.

    Nothing here goes over TLS, so nobody needs roots of their own for it.
    """
    return _Way(httpx2.AsyncHTTPTransport(verify=_no_roots(), local_address=address))


@cache
def _no_roots() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class OneAddress(Exception):
    """This machine has one loopback address, so nobody can be anywhere else."""


def addresses(number: int) -> list[str]:
    """Different ones of 127.64.0.0/10, chosen anew each time. Raises `OneAddress`."""
    with socket.socket() as probe:
        try:
            probe.bind((str(IPv4Address(_FIRST)), 0))
        except OSError as failure:
            raise OneAddress("this machine has one loopback address only: no two devices can be apart") from failure
    first = _FIRST + secrets.randbelow(_LAST - _FIRST - number)
    return [str(IPv4Address(first + each)) for each in range(number)]
