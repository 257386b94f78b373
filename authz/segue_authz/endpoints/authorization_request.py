"""What an authorization request must say.

RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 9126 section 4, RFC 9396 section 2, RFC 9449 section 10.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from segue import authority

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidRequest, Refusal
from segue_authz.endpoints.authorization_details import read_task
from segue_authz.endpoints.form import parse
from segue_authz.endpoints.services import Services
from segue_authz.stores.pushed_requests import PushedRequest

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
"""How the name of a pushed request begins."""
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


@dataclass(frozen=True)
class Received:
    """What the browser brought: `parameters` are the pushed ones if it brought their name, whose digest is `pushed`."""

    back: ReturnAddress
    parameters: dict[str, str]
    pushed: str | None


async def receive(services: Services, query: str) -> Received:
    """Raises `InvalidRequest`, which is shown and never redirected (RFC 6749 section 4.1.2.1)."""
    parameters, pushed = parse(query.encode()), None
    client = await services.clients.enabled(parameters.get("client_id", ""))
    if client is None:
        raise InvalidRequest("the application that sent you here is not known")
    if "request_uri" in parameters:
        kept = await _pushed(services, parameters["request_uri"])
        if kept is None or kept.client_id != client.client_id:
            raise InvalidRequest("what the application asked for is not known here, was answered, or has lapsed")
        parameters, pushed = kept.parameters, kept.digest
    return Received(registered_address(parameters, client), parameters, pushed)


async def _pushed(services: Services, request_uri: str) -> PushedRequest | None:
    if not request_uri.startswith(REQUEST_URI):
        return None
    digest = services.derivation.digest("request_uri", request_uri.removeprefix(REQUEST_URI))
    return await services.pushed_requests.find(digest, now=services.clock())


def registered_address(parameters: Mapping[str, str], client: Client) -> ReturnAddress:
    """Raises `InvalidRequest` for an address that is not the client's."""
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise InvalidRequest("the application that sent you here gave an address that is not registered for it")
    return ReturnAddress(client, redirect_uri, parameters.get("state"))


def authorization_request(parameters: Mapping[str, str], client: Client) -> AuthorizationRequest:
    """Raises `Refusal`, which goes back to the client."""
    if parameters.get("response_type") != "code":
        raise UnsupportedResponseType("response_type must be code")
    if parameters.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256")
    for name in ("code_challenge", "dpop_jkt"):
        if not _THUMBPRINT.fullmatch(parameters.get(name, "")):
            raise InvalidRequest(f"{name} must be a SHA-256 in base64url")
    return AuthorizationRequest(parameters["code_challenge"], parameters["dpop_jkt"], read_task(parameters, client))
