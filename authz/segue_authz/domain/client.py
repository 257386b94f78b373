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


class Origin(StrEnum):
    """Who brought a client here."""

    OPERATOR = "operator"
    """Whoever runs the server, by command."""
    REGISTRATION = "registration"
    """It registered itself (RFC 7591)."""
    DOCUMENT = "document"
    """Its identifier is the address of a document in which it describes itself."""


SELF_SERVICE = frozenset({"authorization_code", "refresh_token"})
"""The grants of a client for which nobody here answers: those that begin in the person's own browser (XD-META-04)."""


SERVICES = frozenset({"introspection", "signals"})
"""What a server may ask of this one as itself (RFC 6749 section 4.4), as scopes. None of them is about one person."""


@dataclass(frozen=True)
class Client:
    """An OAuth client (RFC 6749 section 2.1), public unless its `method` says otherwise.

    `redirect_uris` are matched exactly; `consumption_uris` are the pages at which it takes a transfer over. `jwks` are
    the public keys of `private_key_jwt`. A resource server has the `audience` for which it may introspect tokens.

    Unless they are named here, a client gets none of them: `exchange_actions` and `exchange_audiences`, which it may
    get for a task token that was sent to it (RFC 8693), and `services` of this server, for which no person is needed
    (RFC 6749 section 4.4). With `require_signed_request_object` it asks a person by nothing else (RFC 9101).

    The members that begin with `backchannel_` are those of CIBA Core section 4; without a delivery mode a client cannot
    ask by the backchannel.

    What a client says of itself is nobody's word but its own until an operator has looked at it, at `reviewed_at`.
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
    exchange_actions: frozenset[str] = frozenset()
    exchange_audiences: tuple[str, ...] = ()
    services: frozenset[str] = frozenset()
    require_signed_request_object: bool = False
    backchannel_token_delivery_mode: str | None = None
    backchannel_client_notification_endpoint: str | None = None
    backchannel_user_code_parameter: bool = False
    origin: Origin = Origin.OPERATOR
    reviewed_at: int | None = None

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def is_pinged(self) -> bool:
        """Whether it wants to be told that a request of its is decided (CIBA Core section 5)."""
        return self.backchannel_client_notification_endpoint is not None

    @property
    def verified(self) -> bool:
        """Whether somebody here answers for what it says of itself."""
        return self.origin is Origin.OPERATOR or self.reviewed_at is not None

    @property
    def document_host(self) -> str | None:
        """Whose word the client is, if it is a document's."""
        return urlsplit(self.client_id).netloc if self.origin is Origin.DOCUMENT else None

    def may_use(self, grant_type: str) -> bool:
        """Whether it may use a grant of that type at all; the grant itself may ask for more."""
        return self.verified or grant_type in SELF_SERVICE


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
