"""Token introspection (RFC 7662), also as a signed answer (RFC 9701): what a token is worth at this moment.

A resource server learns of the tokens that are meant for it and of no others. A token that is well signed and that no
grant of ours accounts for is not active: who stole a signing key cannot make one that is.
"""

from typing import Any

import jwt
from segue.authority import InvalidAuthorizationDetails, parse_granted
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.grant import Standing, Withdrawn, mintable_actions
from segue_authz.domain.refusal import InvalidRequest, UnauthorizedClient
from segue_authz.endpoints.answer import NO_STORE, answered
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.operation import ANYTHING, TEXT, operation
from segue_authz.endpoints.services import Services

SIGNED = "application/token-introspection+jwt"
INACTIVE: dict[str, Any] = {"active": False}


@operation(
    "What a token is worth now, for the resource server that it is meant for",
    form={"token": TEXT, "token_type_hint?": ANYTHING},
    answers={200: {"active": {"type": "boolean"}}},
    refuses=[UnauthorizedClient],
    client=True,
    signed=SIGNED,
)
async def introspect(services: Services, request: Request) -> Response:
    form = await read_form(request)
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
    """RFC 7662 section 2.2; whatever is wrong with the token is not told."""
    now = services.clock()
    try:
        key = services.keys.by_kid(str(jwt.get_unverified_header(token).get("kid")))
        claims = jwt.decode(
            token,
            key.private_key.public_key(),
            algorithms=["ES256"],
            issuer=services.settings.issuer,
            audience=audience,
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "grant_id", "cnf"]},
        )
        standing = await services.grants.standing(str(claims["grant_id"]))
        if standing is None or not _accounts_for(standing, claims) or not claims["exp"] > now:
            return INACTIVE
        actions = mintable_actions(standing, now=now)
    except (jwt.PyJWTError, KeyError, TypeError, InvalidAuthorizationDetails, Withdrawn):
        return INACTIVE
    (detail,) = claims["authorization_details"]
    left = sorted(actions & frozenset(detail["actions"]))
    if not left:
        return INACTIVE
    return {"active": True, "token_type": "DPoP", **claims, "authorization_details": [detail | {"actions": left}]}


def _accounts_for(standing: Standing, claims: dict[str, Any]) -> bool:
    """Whether the grant is one from which this server could have minted that token."""
    grant, authority = standing.grant, parse_granted(claims["authorization_details"])
    return (claims["sub"], claims["client_id"], claims["device_id"], claims["cnf"], authority.task_id) == (
        grant.subject,
        grant.client_id,
        grant.device_id,
        {"jkt": grant.jkt},
        grant.task_id,
    ) and authority.actions <= grant.actions
