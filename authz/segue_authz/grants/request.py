"""What a grant is given and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidGrant, InvalidRequest, InvalidTarget
from segue_authz.stores.port import Issued


@dataclass(frozen=True)
class TokenRequest:
    """A token request whose client is known and whose DPoP proof, by the key `jkt`, has been checked whole."""

    form: Mapping[str, str]
    client: Client
    jkt: str
    network: str
    now: int

    def required(self, name: str) -> str:
        """The parameter. Raises `InvalidRequest` when it is missing or empty."""
        value = self.form.get(name)
        if not value:
            raise InvalidRequest(f"the parameter {name} is required")
        return value

    def check_resource(self, granted: str | None) -> None:
        """What was asked for one resource server is for no other (RFC 8707 section 2.2). Raises `InvalidTarget`."""
        if granted is not None and self.form.get("resource", granted) != granted:
            raise InvalidTarget("resource is another one than was asked for")


@dataclass(frozen=True)
class Exchanged:
    """For whom a token is minted that another one was given for, and when at the latest it ends, as that one does."""

    audience: str
    expires_at: int


@dataclass(frozen=True)
class Granted:
    """What a token may now be minted from.

    `introduce`: the answer names the task and its owner; `openid`: it has an ID token.
    """

    issued: Issued
    introduce: bool
    openid: bool = False
    exchanged: Exchanged | None = None


@dataclass(frozen=True)
class Served:
    """For which services of this server a token may be minted for the client itself."""

    client_id: str
    services: frozenset[str]


class GrantType(Protocol):
    async def grant(self, request: TokenRequest) -> Granted | Served:
        """Raises `Refusal`."""
        ...


def unknown_code(because: str) -> InvalidGrant:
    """The one answer to an unknown, lapsed, spent or out-raced code, so that the endpoint is no oracle."""
    return InvalidGrant("the code is not known", because=because)


def unused(issued: Issued) -> Issued:
    """The same answer may be given again only while its refresh token is the living one. Raises `InvalidGrant`."""
    if issued.grant.generation != 0:
        raise unknown_code("its tokens are in use already")
    return issued
