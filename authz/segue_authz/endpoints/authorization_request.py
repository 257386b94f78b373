"""What an authorization request must say.

RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 9396 section 2, RFC 9449 section 10.
"""

import re
from dataclasses import dataclass

from segue import authority

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidRequest, Refusal
from segue_authz.endpoints.authorization_details import read_task
from segue_authz.endpoints.services import Services

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""A SHA-256 in base64url without padding, as a thumbprint and an S256 challenge are."""


class UnsupportedResponseType(Refusal):
    error = "unsupported_response_type"


@dataclass(frozen=True)
class ReturnAddress:
    """Where answers go; known before anything else of the request is believed."""

    client: Client
    redirect_uri: str
    state: str | None


@dataclass(frozen=True)
class AuthorizationRequest:
    code_challenge: str
    jkt: str
    task: authority.TaskRequest


async def return_address(services: Services, parameters: dict[str, str]) -> ReturnAddress:
    """Raises `InvalidRequest`, which is shown and never redirected (RFC 6749 section 4.1.2.1)."""
    client = await services.clients.enabled(parameters.get("client_id", ""))
    if client is None:
        raise InvalidRequest("the application that sent you here is not known")
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise InvalidRequest("the application that sent you here gave an address that is not registered for it")
    return ReturnAddress(client, redirect_uri, parameters.get("state"))


def authorization_request(parameters: dict[str, str], client: Client) -> AuthorizationRequest:
    """Raises `Refusal`, which goes back to the client."""
    if parameters.get("response_type") != "code":
        raise UnsupportedResponseType("response_type must be code")
    if parameters.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256")
    for name in ("code_challenge", "dpop_jkt"):
        if not _THUMBPRINT.fullmatch(parameters.get(name, "")):
            raise InvalidRequest(f"{name} must be a SHA-256 in base64url")
    return AuthorizationRequest(parameters["code_challenge"], parameters["dpop_jkt"], read_task(parameters, client))
