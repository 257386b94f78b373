"""What a grant is given and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidGrant, InvalidRequest
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


@dataclass(frozen=True)
class Granted:
    """What a token may now be minted from. `introduce`: the answer names the task and its owner."""

    issued: Issued
    introduce: bool


class GrantType(Protocol):
    async def grant(self, request: TokenRequest) -> Granted:
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
