"""The pushed authorization request endpoint (RFC 9126): what a client asks for does not pass through the browser."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.identifier import secret
from segue_authz.domain.refusal import InvalidAuthorizationDetails, InvalidRequest, TooManyRequests
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.authorization_request import (
    REQUEST_URI,
    UnsupportedResponseType,
    authorization_request,
    registered_address,
)
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.operation import ANYTHING, DETAILS, SECONDS, URI, Proof, Schema, operation
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.stores.pushed_requests import PushedRequest

LIFETIME = 600
"""Seconds until the person must have decided; they may have to sign in first."""
PER_NETWORK, WINDOW = 120, 60
"""Requests that one network may push in so many seconds."""
_SHA_256: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}


@operation(
    "Push an authorization request",
    form={
        "response_type": {"const": "code"},
        "redirect_uri": URI,
        "code_challenge": _SHA_256,
        "code_challenge_method": {"const": "S256"},
        "authorization_details": DETAILS,
        "dpop_jkt?": _SHA_256,
        "state?": ANYTHING,
    },
    answers={201: {"request_uri": URI, "expires_in": SECONDS}},
    refuses=[InvalidAuthorizationDetails, UnsupportedResponseType, TooManyRequests],
    client=True,
    proof=Proof.KEY_IF_ANY,
)
async def push(services: Services, request: Request) -> Response:
    """Check the request whole, keep it, and answer the `request_uri` that stands for it (section 2.2)."""
    form = await read_form(request)
    client = await authenticated(services, request, form)
    await limit(services, f"par:{network_of(request)}", most=PER_NETWORK, window=WINDOW)
    if "request_uri" in form:  # section 2.1
        raise InvalidRequest("request_uri cannot be pushed")
    if "dpop" in request.headers:  # RFC 9449 section 10.1
        jkt = await prove_key(services, request)
        if form.setdefault("dpop_jkt", jkt) != jkt:
            raise InvalidRequest("dpop_jkt is not the key of the DPoP proof")
    registered_address(form, client)
    authorization_request(form, client)
    handle = secret(services.random)
    digest, now = services.derivation.digest("request_uri", handle), services.clock()
    await services.pushed_requests.add(PushedRequest(digest, client.client_id, form, now + LIFETIME))
    return answered({"request_uri": REQUEST_URI + handle, "expires_in": LIFETIME}, status=201)
