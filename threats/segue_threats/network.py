"""The way to the target: an address of its own for each caller where that can be had, one set of trusted roots."""

import itertools
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

import httpx2
from segue.target_uri import is_loopback

from segue_threats.target import Configuration

Transport = Callable[[], httpx2.AsyncBaseTransport]


def transport_to(configuration: Configuration) -> Transport:
    """At this machine callers come from different addresses of it, for servers count tries per network."""
    trust = configuration.trust if isinstance(configuration.trust, ssl.SSLContext) else ssl.create_default_context()
    addresses: Iterator[str | None] = _own_addresses() if is_loopback(configuration.issuer) else itertools.repeat(None)

    def transport() -> httpx2.AsyncBaseTransport:
        return httpx2.AsyncHTTPTransport(verify=trust, local_address=next(addresses))

    return transport


def _own_addresses() -> Iterator[str | None]:
    """Of 127.64.0.0/10, anywhere in it; or none in particular where the machine has only the one."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.64.0.1", 0))
        except OSError:
            return itertools.repeat(None)
    first = int(IPv4Address("127.64.0.1")) + secrets.randbelow(1 << 21)
    return (str(IPv4Address(number)) for number in itertools.count(first))
