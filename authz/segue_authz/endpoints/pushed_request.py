"""The pushed authorization request endpoint (RFC 9126): what a client asks for does not pass through the browser."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.identifier import secret
from segue_authz.domain.refusal import (
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidRequestObject,
    InvalidTarget,
    TooManyRequests,
    UnmetAuthenticationRequirements,
)
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.authorization_request import (
    REQUEST_URI,
    UnsupportedResponseType,
    authorization_request,
    first_use,
    read_object,
    registered_address,
)
from segue_authz.endpoints.client import authenticated, look_up
from segue_authz.endpoints.form import read_form, spoken
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.operation import ANYTHING, DETAILS, SECONDS, TEXT, URI, Proof, Schema, operation
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.stores.pushed_requests import PushedRequest

PER_NETWORK, WINDOW = 120, 60
"""Requests that one network may push in so many seconds."""
_OBJECT: Schema = {"type": "string", "description": "All that follows, signed (RFC 9101); else it is required here."}
_SHA_256: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}


@operation(
    "Push an authorization request",
    form={
        "request?": _OBJECT,
        "response_type?": {"const": "code"},
        "redirect_uri?": URI,
        "code_challenge?": _SHA_256,
        "code_challenge_method?": {"const": "S256"},
        "authorization_details?": DETAILS,
        "dpop_jkt?": _SHA_256,
        "resource?": URI,
        "state?": ANYTHING,
        "max_age?": TEXT,
        "prompt?": TEXT,
        "acr_values?": TEXT,
        "ui_locales?": TEXT,
    },
    answers={201: {"request_uri": URI, "expires_in": SECONDS}},
    refuses=[
        *(InvalidAuthorizationDetails, InvalidRequestObject, InvalidTarget),
        *(UnsupportedResponseType, TooManyRequests, UnmetAuthenticationRequirements),
    ],
    client=True,
    proof=Proof.KEY_IF_ANY,
)
async def push(services: Services, request: Request) -> Response:
    """Check the request whole, keep it, and answer the `request_uri` that stands for it (section 2.2)."""
    form = spoken(await read_form(request))
    await look_up(services, form.get("client_id", ""), network=network_of(request))
    client = await authenticated(services, request, form)
    await limit(services, f"par:{network_of(request)}", most=PER_NETWORK, window=WINDOW)
    if "request_uri" in form:  # section 2.1
        raise InvalidRequest("request_uri cannot be pushed")
    signed = read_object(services, form, client)
    parameters = signed.parameters if signed else form  # RFC 9126 section 3
    if "dpop" in request.headers:  # RFC 9449 section 10.1
        jkt = await prove_key(services, request)
        if parameters.setdefault("dpop_jkt", jkt) != jkt:
            raise InvalidRequest("dpop_jkt is not the key of the DPoP proof")
    registered_address(parameters, client)
    authorization_request(services, parameters, client)
    if signed is not None and not await first_use(services, signed, client):
        raise InvalidRequestObject("the request object was used before")
    handle = secret(services.random)
    lifetime = services.settings.profile.request_lifetime
    digest, now = services.derivation.digest("request_uri", handle), services.clock()
    if "authorization_details" in parameters:  # may hold words of the person: they are kept for no other reader
        parameters["authorization_details"] = services.sealing.seal(parameters["authorization_details"], row=digest)
    await services.pushed_requests.add(PushedRequest(digest, client.client_id, parameters, now + lifetime))
    return answered({"request_uri": REQUEST_URI + handle, "expires_in": lifetime}, status=201)
