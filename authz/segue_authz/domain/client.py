"""A registered application, and what it may ask for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit


class Method(StrEnum):
    """How a client authenticates (RFC 8414 section 2, `token_endpoint_auth_methods_supported`)."""

    NONE = "none"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"


@dataclass(frozen=True)
class Client:
    """An OAuth client (RFC 6749 section 2.1), public unless its `method` says otherwise.

    `redirect_uris` are matched exactly; `consumption_uris` are the pages at which it takes a transfer over. `jwks` are
    the public keys of `private_key_jwt`. A resource server has the `audience` for which it may introspect tokens.
    """

    client_id: str
    name: str
    actions: frozenset[str]
    redirect_uris: tuple[str, ...] = ()
    consumption_uris: tuple[str, ...] = ()
    disabled_at: int | None = None
    method: Method = Method.NONE
    secret_digest: str | None = None
    jwks: tuple[dict[str, Any], ...] = ()
    audience: str | None = None

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


def acceptable_uri(uri: str) -> bool:
    """Whether a client may register the address: https, or http on a loopback name (RFC 8252 section 7.3)."""
    try:
        parts = urlsplit(uri)
        hostname = parts.hostname
    except ValueError:
        return False
    if parts.fragment or "@" in parts.netloc or not hostname or not uri.isascii() or any(c <= " " for c in uri):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and hostname in ("localhost", "127.0.0.1", "::1"))
