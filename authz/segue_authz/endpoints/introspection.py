"""Token introspection (RFC 7662), also as a signed answer (RFC 9701): what a token is worth at this moment.

A resource server learns of the tokens that are meant for it and of no others. A token that is well signed and that no
grant of ours accounts for is not active: who stole a signing key cannot make one that is.
"""

from typing import Any

import jwt
from segue import jose
from segue.issuer_keys import KeysUnavailable
from segue.task_token import InvalidToken, TaskTokenVerifier
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.grant import Withdrawn, mintable_actions
from segue_authz.domain.refusal import (
    InsufficientScope,
    InvalidRequest,
    InvalidServiceToken,
    NonceForToken,
    UnauthorizedClient,
)
from segue_authz.endpoints.answer import NO_STORE, answered
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.operation import ANYTHING, TEXT, Proof, operation
from segue_authz.endpoints.service_access import service_client, shows_token
from segue_authz.endpoints.services import Services
from segue_authz.tokens.accounting import accounts_for

SIGNED = "application/token-introspection+jwt"
INACTIVE: dict[str, Any] = {"active": False}


@operation(
    "What a token is worth now, for the resource server that it is meant for",
    form={"token": TEXT, "token_type_hint?": ANYTHING},
    answers={200: {"active": {"type": "boolean"}}},
    refuses=[UnauthorizedClient, InvalidServiceToken, InsufficientScope, NonceForToken],
    client=True,
    proof=Proof.KEY_IF_ANY,
    signed=SIGNED,
)
async def introspect(services: Services, request: Request) -> Response:
    form = await read_form(request)
    if shows_token(request):  # RFC 7662 section 2.1: either way will do
        client = await service_client(services, request, service="introspection")
    else:
        client = await authenticated(services, request, form)
    if client.audience is None:
        raise UnauthorizedClient("the client is not registered as a resource server")
    if not form.get("token"):
        raise InvalidRequest("the parameter token is required")
    content = await _worth(services, form["token"], audience=client.audience)
    if SIGNED not in request.headers.get("accept", ""):
        return answered(content)
    claims = {
        "iss": services.settings.issuer,
        "aud": client.audience,
        "iat": services.clock(),
        "token_introspection": content,
    }
    key = services.keys.current
    headers = {"typ": "token-introspection+jwt", "kid": key.kid}
    signed = jwt.encode(claims, key.private_key, algorithm="ES256", headers=headers)
    return Response(signed, media_type=SIGNED, headers=NO_STORE)


async def _worth(services: Services, token: str, *, audience: str) -> dict[str, Any]:
    """RFC 7662 section 2.2; whatever is wrong with the token is not told.

    The token is checked as its resource server checks it, by the same code, so that the two never differ.
    """
    now, issuer = services.clock(), services.settings.issuer
    verifier = TaskTokenVerifier(issuer=issuer, audience=audience, keys=services.keys, clock=services.clock)
    try:
        verified = await verifier.verify(token)
        standing = await services.grants.standing(verified.grant_id)
        if standing is None or not accounts_for(standing, verified):
            return INACTIVE
        left = sorted(mintable_actions(standing, now=now) & verified.authority.actions)
    except (InvalidToken, KeysUnavailable, Withdrawn):
        return INACTIVE
    if not left:
        return INACTIVE
    claims = jose.parse(token).claims()
    (detail,) = claims["authorization_details"]
    return {"active": True, "token_type": "DPoP", **claims, "authorization_details": [detail | {"actions": left}]}
