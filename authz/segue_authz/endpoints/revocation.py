"""The revocation endpoint (RFC 7009): withdrawing a token withdraws its grant, so all that came of it.

A device code is a token too: the device that waits with it gives up. What moves a transfer takes the key that claimed
it, so this takes a proof as polling does (specs/protocol.md section 6.7).
"""

from segue import jose
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import InvalidRequest
from segue_authz.domain.transfer import Claim, NotPossible, Redeemed, cancel
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.client import authenticated
from segue_authz.endpoints.decision import transfer_id_of
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.operation import ANYTHING, TEXT, Proof, operation
from segue_authz.endpoints.proof import prove_key
from segue_authz.endpoints.services import Services
from segue_authz.tokens.derivation import same

TRANSFER_PREFIX = "trf_"
"""How device codes begin, and neither refresh nor access tokens do."""


@operation(
    "Withdraw a token and all that came of its grant; with a device code, give up",
    form={"token": TEXT, "token_type_hint?": ANYTHING},
    answers={200: {}},
    client=True,
    proof=Proof.KEY_IF_ANY,
)
async def revoke(services: Services, request: Request) -> Response:
    form = await read_form(request)
    client = await authenticated(services, request, form)
    if not form.get("token"):
        raise InvalidRequest("the parameter token is required")
    if form["token"].startswith(TRANSFER_PREFIX):
        await _give_up(services, form["token"], client_id=client.client_id, jkt=await prove_key(services, request))
        return answered({})
    grant_id = _grant_of(services, form["token"])
    standing = await services.grants.standing(grant_id) if grant_id else None
    if standing is not None and standing.grant.client_id == client.client_id:
        await services.grants.revoke(standing.grant.grant_id, now=services.clock())
    return answered({})  # an unknown token is no error: section 2.2


async def _give_up(services: Services, device_code: str, *, client_id: str, jkt: str) -> None:
    """End the transfer that this device waits for, and what it has become meanwhile; any other stays as it is."""
    stored = await services.transfers.by_id(device_code.partition(".")[0])
    claim: Claim | None = getattr(stored.transfer, "claim", None) if stored else None
    if stored is None or claim is None or (claim.client_id, claim.jkt) != (client_id, jkt):
        return
    if not same(services.derivation.device_code(transfer_id_of(stored), jkt), device_code):
        return
    if isinstance(stored.transfer, Redeemed):
        await services.grants.revoke(stored.transfer.grant_id, now=services.clock())
        return
    try:
        cancelled = cancel(stored.transfer)
    except NotPossible:
        return  # it has ended already
    if not await services.transfers.replace(stored, cancelled):
        await _give_up(services, device_code, client_id=client_id, jkt=jkt)


def _grant_of(services: Services, token: str) -> str | None:
    """The grant of a refresh or access token of ours, whichever it is (section 2.1: the hint may be wrong)."""
    known = services.derivation.read_refresh_token(token)
    if known is not None:
        return known[0]
    try:
        jws = jose.parse(token)
        jose.verify(jws, services.keys.by_kid(jws.header.get("kid", "")).private_key.public_key())
        claims = jws.claims()
    except (jose.Malformed, jose.BadSignature, KeyError):
        return None
    grant_id = claims.get("grant_id")
    ours = claims.get("iss") == services.settings.issuer and jws.header.get("typ") == "at+jwt"
    return grant_id if ours and isinstance(grant_id, str) else None
