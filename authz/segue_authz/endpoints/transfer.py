"""The transfer endpoint: the Authorization Device offers its task, watches, and may withdraw.

specs/protocol.md section 6.1. Protected by the same middleware as any resource server; the audience is the issuer.
"""

from typing import Any, cast
from urllib.parse import quote

from segue.challenge import resource_metadata_url
from segue.task_token import TaskToken
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account import PASSKEY_ACR
from segue_authz.domain.client import Client
from segue_authz.domain.grant import Grant, Standing, Withdrawn, mintable_actions
from segue_authz.domain.identifier import new, secret
from segue_authz.domain.refusal import (
    AccessDenied,
    InsufficientUserAuthentication,
    InvalidGrant,
    InvalidRequest,
    TooManyRequests,
    UnauthorizedClient,
)
from segue_authz.domain.task_card import CardsUnavailable
from segue_authz.domain.transfer import (
    Mode,
    NotPossible,
    Offer,
    Offered,
    Transfer,
    cancel,
    state_name,
)
from segue_authz.endpoints import step_up
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.fresh_code import begin_with_fresh_code
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.operation import SECONDS, TEXT, URI, Members, Proof, operation
from segue_authz.endpoints.policing import check_network, check_reports
from segue_authz.endpoints.services import Services
from segue_authz.stores.port import Stored

TRANSFER = "task:transfer"
_STATE: Members = {
    "transfer_id": TEXT,
    "state": {
        "enum": ["offered", "claimed", "approved", "redeemed", "denied", "cancelled", "expired"],
    },
    "mode": {"enum": ["move", "share", None]},
    "expires_in": SECONDS,
    "contested": {"type": "boolean"},
    "claim?": {"type": "object"},
}


@operation(
    "Offer the task",
    form={"mode": {"enum": ["move", "share"]}, "actions?": TEXT, "consumption_uri?": URI},
    answers={
        201: {
            "transfer_id": TEXT,
            "transfer_uri": URI,
            "transfer_code": TEXT,
            "confirmation_uri": URI,
            "expires_in": SECONDS,
        }
    },
    refuses=[InvalidGrant, AccessDenied, UnauthorizedClient, TooManyRequests, InsufficientUserAuthentication],
    proof=Proof.HOLDER,
)
async def start_transfer(services: Services, request: Request) -> Response:
    form = await read_form(request)
    source, held = await _source(services, request)
    await limit(services, f"transfer:{source.grant.subject}", most=30, window=60)
    client, uri = await _consumption_client(services, form.get("consumption_uri"))
    card = await services.cards.card(source.grant.subject, source.grant.task_id)
    if card is None:
        raise CardsUnavailable("the task store does not know a task that was granted")
    policy = services.policies.effective(client.client_id, card.sensitivity)
    check_network(policy, network_of(request))
    await check_reports(services, policy, client.client_id)
    now = services.clock()
    offer = Offer(
        transfer_id=new("trf", services.random),
        subject=source.grant.subject,
        task_id=source.grant.task_id,
        source_grant_id=source.grant.grant_id,
        consumption_client_id=client.client_id,
        actions=_passed_on(form.get("actions"), held & client.actions & policy.limited_scopes & card.actions),
        mode=_mode(form.get("mode"), own=card.owner == source.grant.subject),
        created_at=now,
        sensitivity=card.sensitivity,
    )
    await _check_sign_in(services, source.grant, offer)
    handle = secret(services.random)

    async def begin(letters: str) -> None:
        await services.transfers.add(
            Offered(offer, expires_at=now + policy.short_lived_codes),
            handle_digest=services.derivation.digest("handle", handle),
            code_digest=services.derivation.digest("transfer_code", letters),
        )

    code = await begin_with_fresh_code(services, begin)
    issuer = services.settings.issuer
    content = {
        "transfer_id": offer.transfer_id,
        "transfer_uri": f"{uri}#iss={quote(issuer, safe='')}&transfer_code={handle}",
        "transfer_code": code,
        "confirmation_uri": f"{issuer}/confirm/{offer.transfer_id}",
        "expires_in": policy.short_lived_codes,
    }
    return answered(content, status=201)


@operation("The transfer as it stands", answers={200: _STATE}, refuses=[InvalidRequest], proof=Proof.HOLDER)
async def read_transfer(services: Services, request: Request) -> Response:
    return answered(await _told(services, await _own(services, request)))


@operation("Withdraw the offer", answers={200: _STATE}, refuses=[InvalidRequest], proof=Proof.HOLDER)
async def cancel_transfer(services: Services, request: Request) -> Response:
    stored = await _own(services, request)
    while True:
        try:
            cancelled = cancel(stored.transfer)
        except NotPossible:
            break  # it has ended already; the answer says how
        replaced = await services.transfers.replace(stored, cancelled)
        stored = replaced or await _own(services, request)
        if replaced:
            break
    return answered(await _told(services, stored))


async def _check_sign_in(services: Services, grant: Grant, offer: Offer) -> None:
    """The sign-in that the grant came of is enough for this transfer, and serves it from now on (RFC 9470 section 3).

    Raises `InsufficientUserAuthentication` and `AccessDenied`. One that has served is answered with `max_age` 0.
    """
    policy = services.policies.sign_in.effective(offer.consumption_client_id, offer.sensitivity)
    decision, how = step_up.transfer(offer.transfer_id), grant.authentication
    try:
        await step_up.check_grant(services, policy, grant.subject, how, decision)
        await step_up.spend(services, policy, grant.subject, how, decision)
    except step_up.NotEnough as why:
        max_age = 0 if policy.once else policy.max_age
        raise InsufficientUserAuthentication(
            "the person has to sign in anew before this task is passed on",
            resource_metadata=resource_metadata_url(services.settings.issuer),
            max_age=max_age,
            acr_values=PASSKEY_ACR if why.by_passkey else None,
        ) from why


async def _source(services: Services, request: Request) -> tuple[Standing, frozenset[str]]:
    """The grant behind the presented token and what it may do now; the token alone could be minutes old."""
    token: TaskToken = request.scope["segue"]
    standing = await services.grants.standing(token.grant_id)
    if standing is None:
        raise InvalidGrant("the grant is no longer valid", because="no such grant")
    try:
        held = mintable_actions(standing, now=services.clock()) & token.authority.actions
    except Withdrawn as withdrawn:
        raise InvalidGrant("the grant is no longer valid", because=str(withdrawn)) from withdrawn
    if TRANSFER not in held:
        raise InvalidGrant("the task has moved to another device", because="the grant's epoch is stale")
    return standing, held


async def _consumption_client(services: Services, wanted: str | None) -> tuple[Client, str]:
    """The client that is to take the task over, and the page at which it does. The first registered by default."""
    for client in await services.clients.consuming():
        for uri in client.consumption_uris:
            if wanted in (None, uri):
                return client, uri
    raise InvalidRequest("consumption_uri is not registered for a client that can take over a task")


def _passed_on(wanted: str | None, passable: frozenset[str]) -> frozenset[str]:
    actions = passable if wanted is None else frozenset(wanted.split(" "))
    if not actions or not actions <= passable:
        raise InvalidRequest("actions must name some of what this device may pass on")
    return actions


def _mode(mode: str | None, *, own: bool) -> Mode:
    """A move takes the task from all other devices of its owner, so nobody else moves it (decision 0016)."""
    if mode == "move" and not own:
        raise InvalidRequest("only the person whose task it is can move it; everybody else shares it")
    if mode in ("move", "share"):
        return cast(Mode, mode)
    raise InvalidRequest("mode must be move or share")


async def _own(services: Services, request: Request) -> Stored:
    """The transfer, if the presented token's grant started it."""
    token: TaskToken = request.scope["segue"]
    stored = await services.transfers.by_id(request.path_params["transfer_id"])
    offer = stored.transfer.offer if stored else None
    if stored is None or not isinstance(offer, Offer) or offer.source_grant_id != token.grant_id:
        raise InvalidRequest("the transfer is not known")
    return stored


async def _told(services: Services, stored: Stored) -> dict[str, Any]:
    """The state for the Authorization Device. The check value is never in it."""
    now = services.clock()
    transfer = stored.transfer
    content = {
        "transfer_id": transfer.offer.transfer_id,
        "state": state_name(transfer, now=now),
        "mode": transfer.offer.mode if isinstance(transfer.offer, Offer) else None,
        "expires_in": max(0, getattr(transfer, "expires_at", now) - now),
        "contested": stored.contested_at is not None,
    }
    claim = await _told_claim(services, transfer)
    return content if claim is None else content | {"claim": claim}


async def _told_claim(services: Services, transfer: Transfer) -> dict[str, Any] | None:
    claim = getattr(transfer, "claim", None)
    if claim is None:
        return None
    client = await services.clients.enabled(claim.client_id)
    told = {name: getattr(claim, name) for name in ("device_name", "place", "client_id", "network", "claimed_at")}
    told["client_name"] = client.name if client else claim.client_id
    return told
