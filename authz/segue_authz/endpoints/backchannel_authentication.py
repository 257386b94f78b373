"""The backchannel authentication endpoint: a client asks a person for a task (CIBA Core sections 7.1 to 7.3, and 13).

With RFC 9396, for one task, and RFC 9449: the key that proves the request is the one that gets the task. Who has an
account here cannot be found out: `unknown_user_id` and `access_denied` are not among the answers (decision 0026).
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.backchannel import (
    LEAST_EXPIRY,
    PEOPLE_PER_RATE,
    BackchannelRequest,
    Proof,
    TooOften,
    acceptable_message,
    acceptable_notification_token,
)
from segue_authz.domain.client import Client
from segue_authz.domain.policy import TransferPolicy
from segue_authz.domain.refusal import (
    AccessDenied,
    ExpiredLoginHintToken,
    InvalidAuthorizationDetails,
    InvalidBindingMessage,
    InvalidRequest,
    InvalidScope,
    InvalidUserCode,
    MissingUserCode,
    TooManyRequests,
    UnauthorizedClient,
)
from segue_authz.domain.transfer import DECISION_LIFETIME, Asked, Claim, Requested
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.authorization_details import asked_for, read_task
from segue_authz.endpoints.claim import DEVICE_NAME, PLACE, read_device_name, read_place
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.hint import Hinted, read_hint
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.operation import ANYTHING, DETAILS, SECONDS, TEXT, operation
from segue_authz.endpoints.operation import Proof as Proved
from segue_authz.endpoints.policing import ATTESTING, attested, check_network, check_reports, check_reviewed
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.stores.port import INTERVAL

_PARAMETERS = {
    "scope": {"const": "openid"},
    "authorization_details": DETAILS,
    "login_hint?": TEXT,
    "id_token_hint?": TEXT,
    "login_hint_token?": TEXT,
    "binding_message?": {"type": "string", "maxLength": 20, "pattern": "^[A-Za-z0-9# -]+$"},
    "user_code?": TEXT,
    "requested_expiry?": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    "client_notification_token?": TEXT,
    "acr_values?": ANYTHING,
    "device_name?": DEVICE_NAME,
    "place?": PLACE,
}


@operation(
    "A client asks a person for a task",
    form=_PARAMETERS,
    answers={200: {"auth_req_id": TEXT, "expires_in": SECONDS, "interval": SECONDS}},
    refuses=[
        *(InvalidAuthorizationDetails, InvalidBindingMessage, InvalidScope, MissingUserCode, InvalidUserCode),
        *(ExpiredLoginHintToken, AccessDenied, TooManyRequests, UnauthorizedClient, *ATTESTING),
    ],
    client=True,
    proof=Proved.KEY,
)
async def authenticate(services: Services, request: Request) -> Response:
    form = await read_form(request)
    client = await authenticated(services, request, form)
    check_reviewed(client)
    _check_client(client, form)
    policy, network = services.policies.effective(client.client_id), network_of(request)
    check_network(policy, network)
    await limit(services, f"backchannel:{client.client_id}", most=policy.rate_limits, window=60)
    asked, claim, message = _read_request(services, form, client, network)
    jkt = await prove_key(services, request)  # the key is bound here; every poll must prove it
    await check_reports(services, policy, client.client_id)
    hinted = await _check_user_code(services, form, client, await read_hint(services, form, client))
    if policy.authenticate_then_initiate == "require" and hinted.proof is Proof.NOTHING:
        raise InvalidRequest("this application must ask with an id_token_hint or the person's user_code")
    now = services.clock()
    enter_until = now + 2 * policy.short_lived_codes
    expires_at = now + _lifetime(form, policy)
    requested = Requested(
        asked,
        replace(claim, jkt=jkt, attester=attested(services, request, client, jkt=jkt)),
        expires_at=expires_at,
        subject=hinted.account.subject if hinted.account else None,
        enter_until=min(enter_until, expires_at),
    )
    auth_req_id = services.derivation.auth_req_id(asked.transfer_id, jkt)
    token = form.get("client_notification_token") if client.is_pinged else None
    try:
        await services.backchannel.begin(
            BackchannelRequest(
                requested,
                hinted.person,
                hinted.proof,
                message,
                services.sealing.seal(token, row=asked.transfer_id) if token else None,
            ),
            code_digest=services.derivation.digest("auth_req_id", auth_req_id),
            people_an_hour=PEOPLE_PER_RATE * policy.rate_limits,
            now=now,
        )
    except TooOften as too_often:
        raise TooManyRequests("too many requests; try again later", because=str(too_often)) from too_often
    return answered({"auth_req_id": auth_req_id, "expires_in": expires_at - now, "interval": INTERVAL})


def _check_client(client: Client, form: dict[str, str]) -> None:
    """Registered for this, and keeping to what it is registered for. Raises `Refusal`."""
    if client.backchannel_token_delivery_mode is None:
        raise UnauthorizedClient("this client is not registered for the backchannel")
    if "request" in form or "request_uri" in form or client.require_signed_request_object:
        raise InvalidRequest("signed requests are not supported at this endpoint")
    scopes = form.get("scope", "").split()
    if "openid" not in scopes:
        raise InvalidRequest("scope must be openid")
    if scopes != ["openid"]:
        raise InvalidScope("scope must be openid; what may be done is in authorization_details")
    token = form.get("client_notification_token", "")
    if client.is_pinged and not acceptable_notification_token(token):
        raise InvalidRequest("client_notification_token must be a bearer token of 22 to 1024 characters")
    if not client.backchannel_user_code_parameter and "user_code" in form:
        raise InvalidRequest("this client is not registered to send a user_code")
    if client.backchannel_user_code_parameter and not form.get("user_code"):
        raise MissingUserCode("this client has to send the person's user_code")


def _read_request(
    services: Services, form: dict[str, str], client: Client, network: str
) -> tuple[Asked, Claim, str | None]:
    """What is asked for and who says so; the key of the claim is not known yet. Raises `Refusal`."""
    task, now = read_task(form, client), services.clock()
    message = form.get("binding_message")
    if message is not None and not acceptable_message(message):
        raise InvalidBindingMessage("binding_message is at most 20 letters, digits, hyphens, # and single spaces")
    device_name = read_device_name(form) if "device_name" in form else client.name
    asked = asked_for(services, task, now=now)
    return asked, Claim(client.client_id, "", device_name, network, now, read_place(form)), message


def _lifetime(form: dict[str, str], policy: TransferPolicy) -> int:
    """Seconds: what the client wishes, within what the policy gives any request. Raises `InvalidRequest`."""
    longest = 2 * policy.short_lived_codes + DECISION_LIFETIME
    wished = form.get("requested_expiry")
    if wished is None:
        return longest
    if not (wished.isascii() and wished.isdigit() and len(wished) < 10 and int(wished) > 0):
        raise InvalidRequest("requested_expiry must be a positive whole number")
    return max(LEAST_EXPIRY, min(int(wished), longest))


async def _check_user_code(services: Services, form: dict[str, str], client: Client, hinted: Hinted) -> Hinted:
    """The hint with what the code proves. A wrong code and one for nobody take as long and get one answer.

    Raises `InvalidUserCode`.
    """
    if not client.backchannel_user_code_parameter:
        return hinted
    may_try = await services.backchannel.may_try_code(client.client_id, hinted.person, now=services.clock())
    code_hash = await services.user_codes.hash_of(hinted.account.subject if hinted.account else "")
    right = await services.passwords.matches(form["user_code"], code_hash if may_try else None)
    if not right:
        raise InvalidUserCode("user_code is not valid", because="wrong" if may_try else "too many tries")
    return replace(hinted, proof=Proof.USER_CODE)
