"""Where a request comes from, as the server sees it, and how many of its kind it may send."""

import logging
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request

from segue_authz.domain.refusal import TooManyRequests
from segue_authz.endpoints.services import Services

_LOG = logging.getLogger("segue_authz")


def network_of(request: Request) -> str:
    """The peer's address in canonical form; of IPv6 the /64, which one subscriber holds. `unknown` without one."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        if not address.is_loopback:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


async def limit(services: Services, key: str, *, most: int, window: int) -> None:
    """Count one use of `key`; more than `most` in `window` seconds raises `TooManyRequests`."""
    if not await services.ephemeral.allow(key, limit=most, window=window):
        what = key.partition(":")[0]
        note_limited(services, what)
        raise TooManyRequests("too many requests; try again later", because=what)


def note_limited(services: Services, what: str) -> None:
    """Somebody came to a limit: for the log and the numbers. Who it was stands in no log."""
    _LOG.warning("limit reached: %s", what)
    services.tally.count("limited", what)
