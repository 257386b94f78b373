"""Dynamic client registration (RFC 7591) and its management (RFC 7592).

Who registers is let in by an invitation of the operator, unless the settings say otherwise. What registered itself is
nobody's word but its own: it asks persons in their own browser, gets no right to pass tasks on, and is shown as not
verified until an operator has reviewed it; a change of what people see or trust takes that back (XD-META-04, -06).
"""

import logging
from dataclasses import replace
from typing import Any

from segue.strict_json import Malformed, decode_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.client_auth.authenticator import digest
from segue_authz.client_metadata import (
    SELF_SERVICE_ACTIONS,
    Described,
    InvalidClientMetadata,
    InvalidRedirectURI,
    UnapprovedSoftwareStatement,
    read,
)
from segue_authz.domain.client import Client, Method, Origin
from segue_authz.domain.identifier import new, secret
from segue_authz.domain.refusal import InvalidRequest, InvalidToken, TooManyRequests
from segue_authz.endpoints.answer import NO_STORE, answered
from segue_authz.endpoints.form import read_body
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.operation import SECONDS, TEXT, URI, WORDS, Members, Proof, Schema, operation
from segue_authz.endpoints.services import Services
from segue_authz.settings import Registering
from segue_authz.stores.registrations import NotInvited, Registered, TooMany
from segue_authz.tokens.derivation import same

_LOG = logging.getLogger("segue_authz")
_PER_NETWORK, _WINDOW = 60, 60
"""Requests of any kind that one network may send here in so many seconds."""

_KEYS: Schema = {"type": "object", "properties": {"keys": {"type": "array", "items": {"type": "object"}}}}
_ASKED: Members = {
    "redirect_uris": {"type": "array", "items": URI, "minItems": 1, "maxItems": 10},
    "client_name?": TEXT,
    "token_endpoint_auth_method?": {"enum": [method.value for method in Method]},
    "grant_types?": WORDS,
    "response_types?": WORDS,
    "authorization_details_types?": WORDS,
    "jwks?": _KEYS,
    "require_signed_request_object?": {"type": "boolean"},
}
_TOLD: Members = {
    "client_id": TEXT,
    "client_id_issued_at": SECONDS,
    "registration_client_uri": URI,
    **{name.removesuffix("?"): schema for name, schema in _ASKED.items() if name != "jwks?"},
    "dpop_bound_access_tokens": {"const": True},
    "jwks?": _KEYS,
}
_CREDENTIALS: Members = {
    "registration_access_token": TEXT,
    "client_secret?": TEXT,
    "client_secret_expires_at?": SECONDS,
}
_WRONG = [InvalidClientMetadata, InvalidRedirectURI, UnapprovedSoftwareStatement]
_SEEN = ("name", "redirect_uris", "method", "jwks", "require_signed_request_object")
"""What a review looked at."""


@operation(
    "A client registers itself (RFC 7591)",
    body=_ASKED,
    answers={201: {**_TOLD, **_CREDENTIALS}},
    refuses=[*_WRONG, InvalidToken, TooManyRequests],
    proof=Proof.INVITATION,
)
async def register(services: Services, request: Request) -> Response:
    invitation = await _invitation(services, request)
    described = read(await _json(request))
    client, now = _client(described, new("cli", services.random)), services.clock()
    client, told = _with_secret(services, client, had=None)
    token = secret(services.random)
    try:
        await services.registrations.add(
            client, digest=digest(token), invitation=invitation, network=network_of(request), now=now
        )
    except NotInvited as unknown:
        raise InvalidToken("the initial access token is not valid", because="used up or unknown") from unknown
    except TooMany as many:
        raise TooManyRequests("too many clients have registered; try again later") from many
    _LOG.info("client %s registered itself with %s", client.client_id, " ".join(client.redirect_uris))
    registered = Registered(client, now)
    return answered(_told(services, registered) | told | {"registration_access_token": token}, status=201)


@operation(
    "What a client is registered as (RFC 7592)", answers={200: _TOLD}, refuses=[InvalidToken], proof=Proof.REGISTRATION
)
async def show(services: Services, request: Request) -> Response:
    registered, _ = await _own(services, request)
    return answered(_told(services, registered))


@operation(
    "A client replaces what it is registered as (RFC 7592)",
    body={"client_id": TEXT, **_ASKED},
    answers={200: {**_TOLD, **_CREDENTIALS}},
    refuses=[*_WRONG, InvalidToken, TooManyRequests],
    proof=Proof.REGISTRATION,
)
async def change(services: Services, request: Request) -> Response:
    """Whole, never in part (section 2.2). The registration token is followed by another one."""
    registered, held = await _own(services, request)
    before, metadata = registered.client, await _json(request)
    described = read(metadata)
    _require_own(metadata, before)
    wanted = _client(described, before.client_id)
    changed = [name for name in _SEEN if getattr(wanted, name) != getattr(before, name)]
    after = replace(
        wanted,
        actions=before.actions & SELF_SERVICE_ACTIONS if changed else before.actions,
        reviewed_at=None if changed else before.reviewed_at,
        secret_digest=before.secret_digest,
    )
    after, told = _with_secret(services, after, had=before)
    token = secret(services.random)
    if not await services.registrations.replace(after, digest=held, fresh=digest(token)):
        raise InvalidToken("the registration token is not valid", because="lost the race to use it")
    if changed:
        _LOG.warning("client %s changed its registration: %s", after.client_id, ", ".join(changed))
    answer = _told(services, Registered(after, registered.registered_at))
    return answered(answer | told | {"registration_access_token": token})


@operation(
    "A client removes itself (RFC 7592)",
    answers={204: {}},
    refuses=[InvalidToken, TooManyRequests],
    proof=Proof.REGISTRATION,
)
async def remove(services: Services, request: Request) -> Response:
    """All that it holds ends with it."""
    registered, held = await _own(services, request)
    if not await services.registrations.remove(registered.client.client_id, digest=held, now=services.clock()):
        raise InvalidToken("the registration token is not valid", because="lost the race to use it")
    _LOG.info("client %s removed itself", registered.client.client_id)
    return Response(status_code=204, headers=NO_STORE)


async def _invitation(services: Services, request: Request) -> str | None:
    """The digest of the initial access token; None where none is needed and none was shown."""
    await _require_offered(services, request)
    if services.settings.registration is Registering.OPEN and "authorization" not in request.headers:
        return None
    return digest(_bearer(request, "the initial access token is not valid"))


async def _own(services: Services, request: Request) -> tuple[Registered, str]:
    """The client at this address, and the digest of its registration token. Raises `InvalidToken`.

    One answer for a foreign token, a spent one and a client that is not there (section 2.1).
    """
    await _require_offered(services, request)
    held = digest(_bearer(request, "the registration token is not valid"))
    registered = await services.registrations.find(request.path_params["client_id"], digest=held)
    if registered is None:
        raise InvalidToken("the registration token is not valid", because="foreign, spent, or no such client")
    return registered, held


async def _require_offered(services: Services, request: Request) -> None:
    if services.settings.registration is Registering.OFF:
        raise HTTPException(404)
    await limit(services, f"registration:{network_of(request)}", most=_PER_NETWORK, window=_WINDOW)


def _bearer(request: Request, refusal: str) -> str:
    """RFC 6750 section 2.1. Raises `InvalidToken`."""
    shown = request.headers.getlist("authorization")
    scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken(refusal, because="none was shown")
    return token.strip()


async def _json(request: Request) -> Any:
    """Raises `InvalidRequest` and `PayloadTooLarge`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequest("the body must be application/json")
    try:
        return decode_json(await read_body(request))
    except Malformed as malformed:
        raise InvalidClientMetadata("the body is not one JSON object", because=str(malformed)) from malformed


def _client(described: Described, client_id: str) -> Client:
    return Client(
        client_id,
        described.name,
        SELF_SERVICE_ACTIONS,
        described.redirect_uris,
        method=described.method,
        jwks=described.jwks,
        require_signed_request_object=described.require_signed_request_object,
        origin=Origin.REGISTRATION,
    )


def _with_secret(services: Services, client: Client, *, had: Client | None) -> tuple[Client, dict[str, Any]]:
    """The client with a secret if its method wants one, and what it is told of a new one."""
    if client.method is not Method.CLIENT_SECRET_BASIC:
        return replace(client, secret_digest=None), {}
    if had is not None and had.secret_digest is not None:
        return client, {}
    made = secret(services.random)
    return replace(client, secret_digest=digest(made)), {"client_secret": made, "client_secret_expires_at": 0}


def _require_own(metadata: dict[str, Any], client: Client) -> None:
    """What an update says of the client's own credentials (RFC 7592 section 2.2). Raises `InvalidClientMetadata`."""
    if metadata.get("client_id") != client.client_id:
        raise InvalidClientMetadata("client_id must be the client's own")
    ours = {"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}
    if ours & metadata.keys():
        raise InvalidClientMetadata("an update does not hold what this server decides")
    if "client_secret" in metadata:
        shown = metadata["client_secret"]
        if not isinstance(shown, str) or not same(digest(shown), client.secret_digest or ""):
            raise InvalidClientMetadata("a client does not choose its secret")


def _told(services: Services, registered: Registered) -> dict[str, Any]:
    client = registered.client
    described = Described(
        client.name, client.redirect_uris, client.method, client.jwks, client.require_signed_request_object
    )
    return {
        "client_id": client.client_id,
        "client_id_issued_at": registered.registered_at,
        "registration_client_uri": f"{services.settings.issuer}/register/{client.client_id}",
        **described.told(),
    }
