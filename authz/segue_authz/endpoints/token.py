"""The token endpoint (RFC 6749 section 3.2). Every grant passes the same steps; none can skip one."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidAuthorizationDetails,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    SlowDown,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from segue_authz.domain.task_card import CardsUnavailable
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form, spoken
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.operation import DETAILS, SECONDS, TEXT, URI, Proof, Schema, operation
from segue_authz.endpoints.policing import narrowed, token_lifetime
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.grants.request import Granted, Served, TokenRequest
from segue_authz.tokens.mint import Introduction

GRANTED: Schema = {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 1}


@operation(
    "Tokens for a code, a refresh token, a device code, a request by the backchannel or another token",
    form={
        "grant_type": {
            "enum": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
                "urn:openid:params:grant-type:ciba",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "client_credentials",
            ],
        },
        "code?": TEXT,
        "code_verifier?": TEXT,
        "redirect_uri?": URI,
        "refresh_token?": TEXT,
        "device_code?": TEXT,
        "auth_req_id?": TEXT,
        "resource?": URI,
        "audience?": URI,
        "subject_token?": TEXT,
        "subject_token_type?": {"const": "urn:ietf:params:oauth:token-type:access_token"},
        "requested_token_type?": {"const": "urn:ietf:params:oauth:token-type:access_token"},
        "authorization_details?": DETAILS,
        "scope?": TEXT,
    },
    answers={
        200: {
            "access_token": TEXT,
            "token_type": {"const": "DPoP"},
            "expires_in": SECONDS,
            "refresh_token?": TEXT,
            "issued_token_type?": {"const": "urn:ietf:params:oauth:token-type:access_token"},
            "authorization_details?": GRANTED,
            "scope?": TEXT,
            "id_token?": TEXT,
        }
    },
    refuses=[
        *(InvalidAuthorizationDetails, InvalidGrant, InvalidScope, InvalidTarget),
        *(UnauthorizedClient, UnsupportedGrantType),
        *(AuthorizationPending, SlowDown, ExpiredToken, AccessDenied),
    ],
    client=True,
    proof=Proof.KEY,
)
async def token(services: Services, request: Request) -> Response:
    form = spoken(await read_form(request))  # 1. the request is well formed
    if "grant_type" not in form:
        raise InvalidRequest("the parameter grant_type is required")
    grant_type = services.grant_types.get(form["grant_type"])  # 2. we serve its grant type
    if grant_type is None:
        raise UnsupportedGrantType("this server does not offer that grant")
    services.mint.audience(form.get("resource"))  # 3. the resource server is one of ours
    client = await authenticated(services, request, form)  # 4. the client is known, and may use that grant type
    if not client.may_use(form["grant_type"]):
        raise UnauthorizedClient("a client that nobody has reviewed cannot use that grant")
    jkt = await prove_key(services, request)  # 5. the caller holds a key; replay is refused here too
    now = services.clock()
    granted = await grant_type.grant(TokenRequest(form, client, jkt, network_of(request), now))  # 6. the credential
    if isinstance(granted, Served):
        return answered(services.mint.service_answer(granted.client_id, granted.services, jkt=jkt, now=now))
    issued = narrowed(services, granted.issued)  # 7. the policy as it is now
    task = await _introduction(services, granted)
    lifetime = token_lifetime(services, issued)
    audience = services.mint.audience(form.get("resource", issued.grant.resource))
    if granted.exchanged is not None:
        lifetime = min(lifetime, granted.exchanged.expires_at - now)
        audience = services.mint.audience(granted.exchanged.audience)
    answer = services.mint.answer(issued, audience=audience, lifetime=lifetime, now=now, task=task)  # 8. mint
    if granted.openid:
        answer["id_token"] = services.id_tokens.mint(issued.grant, now=now)
    return answered(answer)


async def _introduction(services: Services, granted: Granted) -> Introduction | None:
    """Whose task it is and how it is called, for a device that meets it for the first time (XD-PUSH-09)."""
    if not granted.introduce:
        return None
    grant = granted.issued.grant
    called = await services.cards.name(grant.subject, grant.task_id)
    account = await services.accounts.by_subject(called.owner) if called else None
    if called is None or account is None:
        raise CardsUnavailable("the task store does not know a task that was granted")
    return Introduction(called.name, account.name, account.subject)
