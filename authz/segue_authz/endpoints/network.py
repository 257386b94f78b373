"""Where a request comes from, as the server sees it, and how many of its kind it may send."""

from ipaddress import IPv6Address, ip_address

from starlette.requests import Request

from segue_authz.domain.refusal import TooManyRequests
from segue_authz.endpoints.services import Services


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
        raise TooManyRequests("too many requests; try again later", because=key.partition(":")[0])
