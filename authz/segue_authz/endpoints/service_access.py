"""Who asks this server for a service with a token of its own (RFC 6749 section 4.4), bound to its key (RFC 9449)."""

from typing import Any

from segue import jose
from starlette.requests import Request

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InsufficientScope, InvalidServiceToken, NonceForToken, UseDPoPNonce
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services

_TYPE = "at+jwt"


def shows_token(request: Request) -> bool:
    """Whether the request comes with a token, rather than that the client authenticates with it."""
    return any(value.partition(" ")[0].lower() == "dpop" for value in request.headers.getlist("authorization"))


async def service_client(services: Services, request: Request, *, service: str) -> Client:
    """The client of the token, looked up anew. Raises `InvalidServiceToken`, `InsufficientScope`, as `prove_key`."""
    shown = request.headers.getlist("authorization")
    if len(shown) != 1:
        raise InvalidServiceToken("the token is not valid", because="not one credential")
    access_token = shown[0].partition(" ")[2].strip()
    claims = _claims(services, access_token)
    try:
        jkt = await prove_key(services, request, access_token=access_token)
    except UseDPoPNonce as missing:
        raise NonceForToken(missing.description) from missing
    if claims.get("cnf") != {"jkt": jkt}:
        raise InvalidServiceToken("the token is not valid", because="another key")
    client = await services.clients.enabled(str(claims.get("client_id")))
    if client is None:
        raise InvalidServiceToken("the token is not valid", because="the client is not known any more")
    if service not in str(claims.get("scope")).split(" ") or service not in client.services:
        raise InsufficientScope("the token is not for that service")
    return client


def _claims(services: Services, access_token: str) -> dict[str, Any]:
    """Of a token that this server signed for itself. Raises `InvalidServiceToken`."""
    issuer = services.settings.issuer
    try:
        jws = jose.parse(access_token)
        jose.verify(jws, services.keys.by_kid(str(jws.header.get("kid"))).private_key.public_key())
        claims = jws.claims()
    except (jose.Malformed, jose.BadSignature, KeyError) as wrong:
        raise InvalidServiceToken("the token is not valid", because=str(wrong)) from wrong
    expires = claims.get("exp")
    if jws.header.get("typ") != _TYPE or (claims.get("iss"), claims.get("aud")) != (issuer, issuer):
        raise InvalidServiceToken("the token is not valid", because="it is no access token for this server")
    if type(expires) is not int or services.clock() >= expires:
        raise InvalidServiceToken("the token is not valid", because="it has expired")
    return claims
