"""The one way to addresses that clients name: https, a public address, bounded size and time, no redirects.

Whoever can register or describe a client could otherwise make this server ask inside of its own network (XD-META-03;
RFC 7591 section 5, OAuth Client ID Metadata Document section 6.5). A name is resolved once, all of its addresses have
to be public ones, and the connection goes to one of those: a name that changes its mind between check and use has no
use to change it for. What comes back is a matter for who asked; an error tells nothing of it.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM
from urllib.parse import SplitResult, urlsplit

import httpcore2

TIMEOUT = 5.0
"""Seconds for all of it: a name, a connection, a request and the whole answer."""
MAX_BYTES = 65_536
AT_ONCE = 16
"""Requests under way in one process; further ones are refused, so that slow hosts cannot gather all of its work."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name. Raises `OSError`."""

_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
"""For protocols and relays; versions of Python disagree about the first (RFC 6890)."""
_ALLOCATED = IPv6Network("2000::/3")
"""Of IPv6 only what is given out as global unicast, without the ranges that wrap an IPv4 address in it."""
_WRAPPING = (IPv6Network("2002::/16"), IPv6Network("2001::/23"))


class NotReached(Exception):
    """The address may not be asked, or gave no acceptable answer; the message is for the log."""


@dataclass(frozen=True)
class Answer:
    """`headers` by their names in lower case; of one that is repeated, the first."""

    status: int
    headers: Mapping[str, str]
    content: bytes


async def resolve(host: str, port: int) -> list[str]:
    """By the machine's own resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return [str(where[0]) for *_, where in found]


def may_be_asked(text: str, networks: Iterable[Network] = ()) -> bool:
    """Whether the address is one of the public internet, and no other address in disguise; or in those networks."""
    try:
        address: Address = ip_address(text)
    except ValueError:
        return False
    if any(address in network for network in networks):
        return True
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in each for each in _SPECIAL)
    return address.is_global and address in _ALLOCATED and not any(address in each for each in _WRAPPING)


def acceptable(url: str) -> bool:
    """Whether the address may be asked at all; what its name resolves to is seen later."""
    try:
        _read(url)
    except NotReached:
        return False
    return True


class Outbound:
    """`network` and `tls` are for tests, which have an internet of their own."""

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        network: httpcore2.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._network = _Public(resolve, network or httpcore2.AnyIOBackend())
        self._tls = tls
        self._slots = asyncio.Semaphore(AT_ONCE)

    def also(self, networks: Iterable[Network]) -> "Outbound":
        """The same way, and the same room on it, for whom the operator says that they are within these networks."""
        wider = copy(self)
        wider._network = self._network.also(networks)
        return wider

    async def get(self, url: str, *, accept: str = "application/json", most: int = MAX_BYTES) -> Answer:
        """Raises `NotReached`."""
        return await self._ask("GET", url, headers={"Accept": accept}, content=b"", most=most)

    async def post(self, url: str, content: bytes, *, headers: Mapping[str, str], most: int = MAX_BYTES) -> Answer:
        """Raises `NotReached`."""
        return await self._ask("POST", url, headers=headers, content=content, most=most)

    async def _ask(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes, most: int) -> Answer:
        parts = _read(url)
        if self._slots.locked():
            raise NotReached("too many requests are under way")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        address = httpcore2.URL(scheme="https", host=parts.hostname or "", port=parts.port, target=target)
        length = {"Content-Length": str(len(content))} if content else {}
        fields = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "segue", **length, **headers}
        try:
            async with self._slots, asyncio.timeout(TIMEOUT), self._pool() as pool:
                sent = list(fields.items())
                async with pool.stream(method, address, headers=sent, content=content or None) as response:
                    return await _bounded(response, most)
        except (TimeoutError, OSError, httpcore2.TimeoutException, httpcore2.NetworkError) as failed:
            raise NotReached(f"{parts.hostname} does not answer: {type(failed).__name__}") from failed
        except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as wrong:
            raise NotReached(f"{parts.hostname} does not speak HTTP") from wrong

    def _pool(self) -> httpcore2.AsyncConnectionPool:
        """For one request: nothing is kept open, and no proxy of the environment comes between."""
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._tls or httpcore2.default_ssl_context(), max_connections=1, network_backend=self._network
        )


def _read(url: str) -> SplitResult:
    """Raises `NotReached` for anything but a plain https address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as malformed:
        raise NotReached("the address is malformed") from malformed
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise NotReached("the address is not a plain https one")
    if not url.isascii() or any(character <= " " or character in "\\\x7f" for character in url):
        raise NotReached("the address holds characters that no address has")
    if port is not None and port != 443 and port < 1024:
        raise NotReached("the port belongs to another service")
    return parts


async def _bounded(response: httpcore2.Response, most: int) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise NotReached("the answer is compressed, though nobody asked for that")
    body = bytearray()
    async for piece in response.aiter_stream():
        body += piece
        if len(body) > most:
            raise NotReached("the answer is too long")
    return Answer(response.status, headers, bytes(body))


class _Public(httpcore2.AsyncNetworkBackend):
    """Connects to a name by addresses that it has resolved and found to be public, and in no other way.

    `networks` count as public: the operator has said whose they are.
    """

    def __init__(
        self, resolve: Resolve, network: httpcore2.AsyncNetworkBackend, networks: tuple[Network, ...] = ()
    ) -> None:
        self._resolve = resolve
        self._network = network
        self._networks = networks

    def also(self, networks: Iterable[Network]) -> "_Public":
        return _Public(self._resolve, self._network, tuple(networks))

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not addresses or not all(may_be_asked(address, self._networks) for address in addresses):
            raise NotReached("the name leads to an address that is not public")
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError:
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)
