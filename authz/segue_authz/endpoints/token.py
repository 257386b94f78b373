"""The token endpoint (RFC 6749 section 3.2). Every grant passes the same steps; none can skip one."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidTarget,
    SlowDown,
    UnsupportedGrantType,
)
from segue_authz.domain.task_card import CardsUnavailable
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.operation import SECONDS, TEXT, URI, Proof, Schema, operation
from segue_authz.endpoints.policing import narrowed, token_lifetime
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.grants.request import Granted, TokenRequest
from segue_authz.tokens.mint import Introduction

GRANTED: Schema = {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 1}


@operation(
    "Tokens for a code, a refresh token or a device code",
    form={
        "grant_type": {
            "enum": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        },
        "code?": TEXT,
        "code_verifier?": TEXT,
        "redirect_uri?": URI,
        "refresh_token?": TEXT,
        "device_code?": TEXT,
        "resource?": URI,
    },
    answers={
        200: {
            "access_token": TEXT,
            "token_type": {"const": "DPoP"},
            "expires_in": SECONDS,
            "refresh_token": TEXT,
            "authorization_details": GRANTED,
        }
    },
    refuses=[
        *(InvalidGrant, InvalidTarget, UnsupportedGrantType),
        *(AuthorizationPending, SlowDown, ExpiredToken, AccessDenied),
    ],
    client=True,
    proof=Proof.KEY,
)
async def token(services: Services, request: Request) -> Response:
    form = await read_form(request)  # 1. the request is well formed
    grant_type = services.grant_types.get(form.get("grant_type", ""))  # 2. we serve its grant type
    if grant_type is None:
        raise UnsupportedGrantType("this server does not offer that grant")
    audience = services.mint.audience(form.get("resource"))  # 3. the resource server is one of ours
    client = await authenticated(services, request, form)  # 4. the client is known
    jkt = await prove_key(services, request)  # 5. the caller holds a key; replay is refused here too
    now = services.clock()
    granted = await grant_type.grant(TokenRequest(form, client, jkt, network_of(request), now))  # 6. the credential
    issued = narrowed(services, granted.issued)  # 7. the policy as it is now
    task = await _introduction(services, granted)
    lifetime = token_lifetime(services, issued)
    return answered(services.mint.answer(issued, audience=audience, lifetime=lifetime, now=now, task=task))  # 8. mint


async def _introduction(services: Services, granted: Granted) -> Introduction | None:
    """Whose task it is and how it is called, for a device that meets it for the first time (XD-PUSH-09)."""
    if not granted.introduce:
        return None
    grant = granted.issued.grant
    card = await services.cards.card(grant.subject, grant.task_id)
    account = await services.accounts.by_subject(card.owner) if card else None
    if card is None or account is None:
        raise CardsUnavailable("the task store does not know a task that was granted")
    return Introduction(card.name, account.name, account.subject)
