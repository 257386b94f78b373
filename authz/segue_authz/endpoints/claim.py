"""The claim endpoint: a Consumption Device binds its key to an offered transfer (specs/protocol.md section 6.2)."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import AccessDenied, InvalidGrant, InvalidRequest, TooManyRequests, UnauthorizedClient
from segue_authz.domain.transfer import AnotherKey, Claim, Claimed, NotPossible, Offer, claim, void
from segue_authz.domain.transfer_code import normalise
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.operation import SECONDS, TEXT, Proof, Schema, operation
from segue_authz.endpoints.policing import (
    ATTESTING,
    attested,
    check_network,
    check_rate,
    check_reports,
    check_reviewed,
)
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.grants.request import unknown_code
from segue_authz.stores.port import INTERVAL, Stored

_MAX_DEVICE_NAME = 100
_MAX_PLACE = 60
DEVICE_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": _MAX_DEVICE_NAME, "pattern": "\\S"}
PLACE: Schema = {"type": "string", "maxLength": _MAX_PLACE, "description": "One line of printable text."}


@operation(
    "Bind a key to an offered transfer",
    form={"transfer_code": TEXT, "device_name": DEVICE_NAME, "place?": PLACE},
    answers={200: {"device_code": TEXT, "check_value": TEXT, "expires_in": SECONDS, "interval": SECONDS}},
    refuses=[InvalidGrant, AccessDenied, TooManyRequests, UnauthorizedClient, *ATTESTING],
    client=True,
    proof=Proof.KEY,
)
async def claim_transfer(services: Services, request: Request) -> Response:
    form = await read_form(request)
    client = await authenticated(services, request, form)
    check_reviewed(client)
    device_name, place = read_device_name(form), read_place(form)
    policy, network = services.policies.effective(client.client_id), network_of(request)
    check_network(policy, network)
    await check_rate(services, policy, "claim", network)
    jkt = await prove_key(services, request)
    await check_reports(services, policy, client.client_id)
    by = Claim(
        client.client_id,
        jkt,
        device_name,
        network,
        services.clock(),
        place,
        attested(services, request, client, jkt=jkt),
    )
    claimed = await _claim(services, form.get("transfer_code", ""), by)
    transfer_id = claimed.offer.transfer_id
    return answered(
        {
            "device_code": services.derivation.device_code(transfer_id, jkt),
            "check_value": services.derivation.check_value(transfer_id, jkt),
            "expires_in": claimed.expires_at - by.claimed_at,
            "interval": INTERVAL,
        }
    )


async def _claim(services: Services, code: str, by: Claim) -> Claimed:
    stored = await services.transfers.by_code(digest_of(services, code))
    if stored is None:
        raise unknown_code("no such transfer")
    try:
        await _not_the_source(services, stored, by)
        claimed = claim(stored.transfer, by)
    except AnotherKey as second:
        await _contest(services, stored, now=by.claimed_at)
        raise unknown_code(str(second)) from second
    except NotPossible as impossible:
        raise unknown_code(str(impossible)) from impossible
    if claimed is stored.transfer or await services.transfers.replace(stored, claimed):
        return claimed
    return await _claim(services, code, by)  # the row has changed since it was read: somebody else may have won


async def _contest(services: Services, stored: Stored, *, now: int) -> None:
    """A second device has tried a claimed code: the person is shown, or the transfer is void (RFC 10027 6.1.3)."""
    await services.transfers.contest(stored.transfer.offer.transfer_id, now=now)
    transfer = stored.transfer
    if isinstance(transfer, Claimed) and isinstance(transfer.offer, Offer):
        policy = services.policies.effective(transfer.claim.client_id, transfer.offer.sensitivity)
        if policy.one_time_codes == "void" and not await services.transfers.replace(stored, void(transfer)):
            again = await services.transfers.by_id(transfer.offer.transfer_id)
            if again is not None:
                await _contest(services, again, now=now)


async def _not_the_source(services: Services, stored: Stored, by: Claim) -> None:
    offer = stored.transfer.offer
    source_grant_id = offer.source_grant_id if isinstance(offer, Offer) else None
    source = await services.grants.standing(source_grant_id) if source_grant_id else None
    if source is None or source.grant.jkt == by.jkt:
        raise NotPossible("the device that offers a task cannot claim it")


def read_device_name(form: dict[str, str]) -> str:
    """What the device calls itself. Raises `InvalidRequest`."""
    device_name = form.get("device_name", "").strip()
    if not 0 < len(device_name) <= _MAX_DEVICE_NAME:
        raise InvalidRequest("device_name must have 1 to 100 characters")
    return device_name


def read_place(form: dict[str, str]) -> str | None:
    """Where the person says the device is; None if they do not say. Raises `InvalidRequest`."""
    place = form.get("place", "").strip()
    if len(place) > _MAX_PLACE or not place.isprintable():
        raise InvalidRequest("place must be one line of at most 60 characters")
    return place or None


def digest_of(services: Services, code: str) -> str:
    """How a handle or a typed code is found; a typed one in any writing that `normalise` forgives."""
    typed = normalise(code)
    return services.derivation.digest("transfer_code", typed) if typed else services.derivation.digest("handle", code)
