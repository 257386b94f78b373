"""The confirm page of a push: the person sees who asks and decides.

specs/protocol.md section 6.3, RFC 10027 section 6.1.14.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.task_card import CardsUnavailable, TaskCard
from segue_authz.domain.transfer import Claimed, Offer, Requested, state_name
from segue_authz.endpoints import step_up
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.decision import (
    Fault,
    NoSuchTransfer,
    address_of,
    approve_checked,
    attempts_left,
    changed,
    decline,
    open_transfer,
    sign_in_due,
)
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.policing import nearness_to_show
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.endpoints.task_choice import owner_name
from segue_authz.stores.port import Stored


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    here = address_of(request)
    return await _page(services, await _opened(services, request, browser), browser, here=here)


async def decide(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    stored, here = await _opened(services, request, browser), address_of(request, form)
    if form.get("decision") != "approve":
        await decline(services, stored, browser)
        return RedirectResponse(request.url.path, status_code=303)
    try:
        fault = await _approve(services, stored, browser, form, here=here)
    except step_up.NotEnough as why:
        return step_up.lead(services, browser.person()[0], here, form, why)
    if fault:
        return await _page(services, await _opened(services, request, browser), browser, fault=fault, here=here)
    return RedirectResponse(request.url.path, status_code=303)


async def _approve(
    services: Services, stored: Stored, browser: Browser, form: dict[str, str], *, here: str
) -> Fault | None:
    """What is wrong with the decision. A page that has changed costs no try at the value."""
    if not isinstance(stored.transfer, Claimed):
        return None
    fault = changed(await _view(services, stored, browser, here=here), form, at="task")
    if fault is not None:
        return fault
    sensitivity, value = stored.transfer.offer.sensitivity, form.get("check_value", "")
    return await approve_checked(
        services, stored, browser, value, _as_offered, sensitivity=sensitivity, at="task", here=here
    )


async def _opened(services: Services, request: Request, browser: Browser) -> Stored:
    stored = await services.transfers.by_id(request.path_params["transfer_id"])
    if stored is not None and not isinstance(stored.transfer.offer, Offer):
        raise NoSuchTransfer("a pull has a page of its own")
    return await open_transfer(services, stored, browser)


async def _as_offered(transfer: Claimed | Requested) -> Offer:
    if not isinstance(transfer.offer, Offer):
        raise TypeError("a push gives what was offered")
    return transfer.offer


async def _page(
    services: Services, stored: Stored, browser: Browser, *, here: str, fault: Fault | None = None
) -> Response:
    view = await _view(services, stored, browser, here=here)
    if fault is not None and view.state == "claimed":
        view = replace(view, error=fault.text, error_at=fault.at)
    return pages.confirm(view, https=services.settings.https)


async def _view(services: Services, stored: Stored, browser: Browser, *, here: str) -> pages.Confirm:
    transfer, now = stored.transfer, services.clock()
    offer = transfer.offer
    if not isinstance(offer, Offer) or offer.source_grant_id is None:
        raise NoSuchTransfer("a pull has a page of its own")
    claim, state = getattr(transfer, "claim", None), state_name(transfer, now=now)
    card = await _card(services, offer, undecided=state in ("offered", "claimed"))
    client = await services.clients.enabled(offer.consumption_client_id)
    return pages.Confirm(
        csrf=browser.csrf,
        transfer_id=offer.transfer_id,
        task_name=card.name if card else None,
        owner_name=await owner_name(services, card, browser.person()[1]),
        mode=offer.mode,
        actions=tuple(sorted(offer.actions)),
        state=state,
        device_name=claim.device_name if claim else None,
        client_name=client.name if client else offer.consumption_client_id,
        network=claim.network if claim else None,
        claimed_at=claim.claimed_at if claim else None,
        started_at=offer.created_at,
        expires_in=max(0, getattr(transfer, "expires_at", now) - now),
        attempts_left=attempts_left(transfer),
        contested=stored.contested_at is not None,
        running_tool_calls=card.running_tool_calls if card else 0,
        person_name=browser.person()[1].name,
        now=now,
        nearness=nearness_to_show(services, browser, claim, offer.sensitivity) if claim else None,
        place=claim.place if claim else None,
        sign_in_due=state == "claimed" and await sign_in_due(services, stored, browser, offer.sensitivity, here=here),
        back=here.partition("?")[2],
    )


async def _card(services: Services, offer: Offer, *, undecided: bool) -> TaskCard | None:
    """The task, and once it is decided nothing if it cannot be told. Raises `CardsUnavailable`."""
    try:
        card = await services.cards.card(offer.subject, offer.task_id)
    except CardsUnavailable:
        if undecided:
            raise
        return None
    if card is None and undecided:
        raise CardsUnavailable("the task store does not know a task that is being transferred")
    return card
