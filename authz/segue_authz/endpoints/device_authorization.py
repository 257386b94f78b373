"""The device authorization endpoint: a Consumption Device asks for a task.

RFC 8628 section 3.1 with RFC 9396 and RFC 9449.
"""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import (
    AccessDenied,
    InvalidAuthorizationDetails,
    InvalidGrant,
    InvalidRequest,
    TooManyRequests,
    UnauthorizedClient,
)
from segue_authz.domain.transfer import DECISION_LIFETIME, Claim, Requested
from segue_authz.domain.transfer_code import normalise
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.authorization_details import asked_for, read_task
from segue_authz.endpoints.claim import DEVICE_NAME, PLACE, read_device_name, read_place
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form, spoken
from segue_authz.endpoints.fresh_code import begin_with_fresh_code
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.operation import DETAILS, SECONDS, TEXT, URI, Proof, operation
from segue_authz.endpoints.policing import (
    ATTESTING,
    attested,
    check_network,
    check_rate,
    check_reports,
    check_reviewed,
)
from segue_authz.endpoints.proof import prove_holder, prove_key
from segue_authz.endpoints.services import Services
from segue_authz.stores.port import INTERVAL


@operation(
    "A device asks for a task",
    form={"authorization_details": DETAILS, "device_name": DEVICE_NAME, "place?": PLACE},
    answers={
        200: {
            "device_code": TEXT,
            "user_code": TEXT,
            "verification_uri": URI,
            "verification_uri_complete": URI,
            "expires_in": SECONDS,
            "user_code_expires_in": SECONDS,
            "interval": SECONDS,
        }
    },
    refuses=[InvalidAuthorizationDetails, AccessDenied, TooManyRequests, UnauthorizedClient, InvalidGrant, *ATTESTING],
    client=True,
    proof=Proof.KEY,
)
async def authorize_device(services: Services, request: Request) -> Response:
    form = spoken(await read_form(request))
    client = await authenticated(services, request, form)
    check_reviewed(client)
    device_name, place = read_device_name(form), read_place(form)
    task = read_task(form, client)
    policy, network = services.policies.effective(client.client_id), network_of(request)
    check_network(policy, network)
    await check_rate(services, policy, "request", network)
    jkt, subject = await _asking(services, request)  # the key is bound here; every poll must prove it
    if subject is None and policy.authenticate_then_initiate == "require":
        raise InvalidRequest("this application must ask with a task token of the person it asks for")
    await check_reports(services, policy, client.client_id)
    now = services.clock()
    enter_until = now + 2 * policy.short_lived_codes  # twice, because the person may have to sign in first
    asked = asked_for(services, task, now=now)
    claim = Claim(client.client_id, jkt, device_name, network, now, place, attested(services, request, client, jkt=jkt))
    expires_at = enter_until + DECISION_LIFETIME
    requested = Requested(asked, claim, expires_at=expires_at, subject=subject, enter_until=enter_until)

    async def begin(letters: str) -> None:
        await services.transfers.request(requested, code_digest=user_code_digest(services, letters))

    user_code = await begin_with_fresh_code(services, begin)
    address = f"{services.settings.issuer}/device"
    return answered(
        {
            "device_code": services.derivation.device_code(asked.transfer_id, jkt),
            "user_code": user_code,
            "verification_uri": address,
            "verification_uri_complete": f"{address}#{user_code}",  # in the fragment no server and no log sees it
            "expires_in": expires_at - now,
            "user_code_expires_in": enter_until - now,
            "interval": INTERVAL,
        }
    )


async def _asking(services: Services, request: Request) -> tuple[str, str | None]:
    """The proven key, and as whom the device asks if it shows a task token (RFC 10027 section 6.1.15)."""
    shown = request.headers.getlist("authorization")
    if all(value.partition(" ")[0].lower() == "basic" for value in shown):  # the client's own, checked by now
        return await prove_key(services, request), None
    token = await prove_holder(services, request)
    return token.jkt, token.sub


def user_code_digest(services: Services, typed: str) -> str:
    """How a user code is found, in any writing that `normalise` forgives."""
    return services.derivation.digest("user_code", normalise(typed) or "")
