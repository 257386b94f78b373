"""What an authorization request must say.

RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2.1, RFC 9101 section 5, RFC 9126 section 4,
RFC 9396 section 2, RFC 9449 section 10, RFC 9470 section 4.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from segue import authority

from segue_authz.client_auth import request_object
from segue_authz.client_auth.request_object import RequestObject
from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidAuthorizationDetails, InvalidRequest, Refusal
from segue_authz.endpoints.authorization_details import read_task
from segue_authz.endpoints.client import look_up
from segue_authz.endpoints.form import parse, spoken
from segue_authz.endpoints.reauthentication import Wanted, wanted
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
    resource: str | None
    wanted: Wanted


@dataclass(frozen=True)
class Received:
    """What the browser brought: `parameters` are those of the pushed request that it named, whose digest is `pushed`,
    or those of the object `signed`, if it brought one of them.
    """

    back: ReturnAddress
    parameters: dict[str, str]
    pushed: str | None
    signed: RequestObject | None


def names_document(services: Services, query: str) -> bool:
    """Whether the client is one that its document describes. Raises `InvalidRequest`."""
    return services.client_documents.names(parse(query.encode()).get("client_id", ""))


async def receive(services: Services, query: str, *, network: str) -> Received:
    """Raises `InvalidRequest`, which is shown and never redirected (RFC 6749 section 4.1.2.1)."""
    parameters, pushed, signed = spoken(parse(query.encode())), None, None
    client = await look_up(services, parameters.get("client_id", ""), network=network)
    if client is None:
        raise InvalidRequest("the application that sent you here is not known")
    if services.settings.profile.pushed_alone and "request_uri" not in parameters:
        raise InvalidRequest("applications have to push here what they ask for")
    if "request_uri" in parameters and "request" in parameters:  # RFC 9101 section 5
        raise InvalidRequest("request and request_uri exclude each other")
    if "request_uri" in parameters:
        kept = await _pushed(services, parameters["request_uri"])
        if kept is None or kept.client_id != client.client_id:
            raise InvalidRequest("what the application asked for is not known here, was answered, or has lapsed")
        parameters, pushed = kept.parameters, kept.digest
    else:
        signed = read_object(services, parameters, client)
        parameters = signed.parameters if signed else parameters
    return Received(registered_address(parameters, client), parameters, pushed, signed)


def read_object(services: Services, parameters: Mapping[str, str], client: Client) -> RequestObject | None:
    """The signed request object among the parameters, if there is one. Raises `InvalidRequestObject` and
    `InvalidRequest`, also when there is none and the client has to sign (RFC 9101 section 10.5).
    """
    if "request" in parameters:
        issuer = services.settings.issuer
        return request_object.verify(parameters["request"], client, issuer=issuer, now=services.clock())
    if client.require_signed_request_object:
        raise InvalidRequest("this application has to sign what it asks for")
    return None


async def first_use(services: Services, signed: RequestObject, client: Client) -> bool:
    """Whether nobody has used this object before; one without `jti` says that it may be used until it lapses."""
    if signed.jti is None:
        return True
    use = f"{request_object.TYPE} {signed.jti}"
    return await services.clients.first_assertion(client.client_id, use, until=signed.until, now=services.clock())


async def _pushed(services: Services, request_uri: str) -> PushedRequest | None:
    if not request_uri.startswith(REQUEST_URI):
        return None
    digest = services.derivation.digest("request_uri", request_uri.removeprefix(REQUEST_URI))
    kept = await services.pushed_requests.find(digest, now=services.clock())
    if kept is not None and (sealed := kept.parameters.get("authorization_details")) is not None:
        kept.parameters["authorization_details"] = services.sealing.unseal(sealed, row=digest)
    return kept


def asked_in(services: Services, received: Received) -> AuthorizationRequest:
    """What the browser brought. Raises `Refusal`, also for words of the person in the address: history keeps it."""
    asked = authorization_request(services, received.parameters, received.back.client)
    if asked.task.about is not None and received.pushed is None:
        raise InvalidAuthorizationDetails("a request that says what it is about has to be pushed")
    return asked


def registered_address(parameters: Mapping[str, str], client: Client) -> ReturnAddress:
    """Raises `InvalidRequest` for an address that is not the client's."""
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise InvalidRequest("the application that sent you here gave an address that is not registered for it")
    return ReturnAddress(client, redirect_uri, parameters.get("state"))


def authorization_request(services: Services, parameters: Mapping[str, str], client: Client) -> AuthorizationRequest:
    """Raises `Refusal`, which goes back to the client."""
    if "response_type" not in parameters:
        raise InvalidRequest("the parameter response_type is required")
    if parameters["response_type"] != "code":
        raise UnsupportedResponseType("response_type must be code")
    if parameters.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256")
    for name in ("code_challenge", "dpop_jkt"):
        if not _THUMBPRINT.fullmatch(parameters.get(name, "")):
            raise InvalidRequest(f"{name} must be a SHA-256 in base64url")
    resource = parameters.get("resource")
    if resource is not None:
        services.mint.audience(resource)
    authentication = wanted(parameters)
    task = read_task(parameters, client)
    return AuthorizationRequest(parameters["code_challenge"], parameters["dpop_jkt"], task, resource, authentication)
