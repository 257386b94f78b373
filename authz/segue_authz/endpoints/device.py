"""The pages of a pull: the person types the code another device shows, chooses the task, and decides.

A request by the backchannel comes to the same page without a code (waiting.py).

RFC 8628 section 3.3; specs/protocol.md section 6.6; RFC 10027 section 6.1.14.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.refusal import TooManyRequests
from segue_authz.domain.task_card import CardsUnavailable, TaskCard
from segue_authz.domain.transfer import Asked, Claimed, Mode, Offer, Requested, Transfer, state_name
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
    report,
    sign_in_due,
)
from segue_authz.endpoints.device_authorization import user_code_digest
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.policing import nearness_to_show
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.endpoints.task_choice import (
    NewTask,
    NotChosen,
    as_choices,
    given,
    note_choice,
    open_tasks,
    read_choice,
    settle,
)
from segue_authz.pages.text import gettext, marked
from segue_authz.stores.port import Stored

WINDOW = 600
PER_ACCOUNT, PER_NETWORK, FOR_ALL = 10, 30, 5_000
"""Codes that may be entered in ten minutes. specs/code-guessing.md computes what that leaves a guesser."""
_UNKNOWN = marked("That code is not known here. It may have lapsed; the other device can show a new one.")


async def show_code_form(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    return _code_form(services, browser)


async def enter_code(services: Services, request: Request) -> Response:
    """Open the transfer whose code was typed. Nothing is looked up before sign-in, and every try is counted."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    try:
        await _count_try(services, request, browser)
    except TooManyRequests:
        return _code_form(
            services, browser, error=gettext("Too many codes were tried. Please wait."), retry_after=WINDOW
        )
    stored = await services.transfers.by_code(user_code_digest(services, form.get("user_code", "")))
    if stored is not None and _asked_as_nobody(services, stored.transfer):
        return _code_form(services, browser, error=gettext(_UNKNOWN))
    try:
        opened = await open_transfer(services, stored, browser)
    except NoSuchTransfer:
        return _code_form(services, browser, error=gettext(_UNKNOWN))
    if not isinstance(opened.transfer, Requested):  # a code that is used up is as unknown as any other
        return _code_form(services, browser, error=gettext(_UNKNOWN))
    return RedirectResponse(f"/approve/{opened.transfer.offer.transfer_id}", status_code=303)


def _asked_as_nobody(services: Services, transfer: Transfer) -> bool:
    """Although the policy, tightened since the device asked, wants to know as whom (RFC 10027 section 6.1.15)."""
    if not isinstance(transfer, Requested) or transfer.subject is not None:
        return False
    return services.policies.effective(transfer.claim.client_id).authenticate_then_initiate == "require"


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    stored, here = await _opened(services, request, browser), address_of(request)
    kept = step_up.chosen(services, browser.person()[0], here)
    return await _page(services, stored, browser, form=kept, here=here)


async def decide(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    stored, here = await _opened(services, request, browser), address_of(request, form)
    if form.get("decision") != "approve":
        await decline(services, stored, browser)
        if form.get("decision") == "report":
            await report(services, stored, browser)
    elif isinstance(stored.transfer, Requested):
        try:
            fault = await _approve(services, stored, stored.transfer, browser, form, here=here)
        except step_up.NotEnough as why:
            return step_up.lead(services, browser.person()[0], here, form, why)
        if fault is not None:
            stored = await _opened(services, request, browser)
            return await _page(services, stored, browser, fault=fault, form=form, here=here)
    return RedirectResponse(request.url.path, status_code=303)


async def _approve(
    services: Services, stored: Stored, requested: Requested, browser: Browser, form: dict[str, str], *, here: str
) -> Fault | None:
    """What is wrong with the decision. A page that has changed, or lacks an answer, costs no try at the value."""
    asked, subject = requested.offer, browser.person()[1].subject
    fault = changed(await _view(services, stored, browser, {}, here=here), form, at="asks")
    if fault is not None:
        return fault
    try:
        choice = await read_choice(services, subject, form, asked_task_id=asked.task_id, asked_name=asked.name)
    except NotChosen as why:
        return Fault(str(why), "name" if form.get("task") == "new" else "tasks")
    mode: Mode | None = "share" if isinstance(choice, NewTask) else _mode(form)
    if mode is None:
        return Fault(gettext("Choose whether the task is moved or shared."), "modes")
    if isinstance(choice, TaskCard):
        if mode == "move" and choice.owner != subject:
            text = gettext("This task is somebody else's. You can share it among your devices, but not move it.")
            return Fault(text, "modes")
        if not asked.actions & choice.actions:
            text = gettext("As what you are in this task you may do nothing of what the device asks for.")
            return Fault(text, "tasks")

    async def chosen(transfer: Claimed | Requested) -> Offer:
        card = await settle(services, subject, choice, seed=asked.transfer_id, client_id=transfer.claim.client_id)
        if asked.task_id is None:
            name, new = asked.transfer_id, isinstance(choice, NewTask)
            await note_choice(services, subject, card, session=name, about=_about(services, asked), new=new)
        claim = transfer.claim
        policy = services.policies.effective(claim.client_id, card.sensitivity)
        return Offer(
            transfer_id=asked.transfer_id,
            subject=subject,
            task_id=card.task_id,
            source_grant_id=None,
            consumption_client_id=claim.client_id,
            actions=asked.actions & policy.limited_scopes & card.actions,
            mode=mode,
            created_at=asked.created_at,
            sensitivity=card.sensitivity,
        )

    sensitivity, value = getattr(choice, "sensitivity", None), form.get("check_value", "")
    return await approve_checked(
        services, stored, browser, value, chosen, sensitivity=sensitivity, at="asks", here=here
    )


async def _opened(services: Services, request: Request, browser: Browser) -> Stored:
    """The pull that this browser has opened by its code; an address alone opens nothing."""
    stored = await services.transfers.by_id(request.path_params["transfer_id"])
    if stored is None or getattr(stored.transfer, "opened_by", browser.session_id) != browser.session_id:
        raise NoSuchTransfer("not opened by this browser")
    owner = _subject_of(stored.transfer)
    if owner is not None and owner != browser.person()[1].subject:
        raise NoSuchTransfer("another person's")
    return stored


def _subject_of(transfer: Transfer) -> str | None:
    if isinstance(transfer, Requested):
        return transfer.subject
    return transfer.offer.subject if isinstance(transfer.offer, Offer) else None


async def _count_try(services: Services, request: Request, browser: Browser) -> None:
    """Counted whether the code is right or wrong, per person, per network and for all (RFC 8628 section 5.1)."""
    await limit(services, f"user-code:{browser.person()[1].subject}", most=PER_ACCOUNT, window=WINDOW)
    await limit(services, f"user-code:{network_of(request)}", most=PER_NETWORK, window=WINDOW)
    await limit(services, "user-code:all", most=FOR_ALL, window=WINDOW)


def _code_form(
    services: Services, browser: Browser, *, error: str | None = None, retry_after: int | None = None
) -> Response:
    view = pages.EnterCode(browser.csrf, browser.person()[1].name, error=error, retry_after=retry_after)
    return pages.enter_code(view, https=services.settings.https)


async def _page(
    services: Services,
    stored: Stored,
    browser: Browser,
    *,
    here: str,
    fault: Fault | None = None,
    form: dict[str, str] | None = None,
) -> Response:
    view = await _view(services, stored, browser, form or {}, here=here)
    if fault is not None and view.state == "requested":
        view = replace(view, error=fault.text, error_at=fault.at)
    return pages.approve(view, https=services.settings.https)


async def _view(
    services: Services, stored: Stored, browser: Browser, form: dict[str, str], *, here: str
) -> pages.Approve:
    """What the page shows, with what the person has already entered in `form`."""
    transfer, now, account = stored.transfer, services.clock(), browser.person()[1]
    offer, claim, state = transfer.offer, getattr(transfer, "claim", None), state_name(transfer, now=now)
    if claim is None or (isinstance(offer, Offer) and offer.source_grant_id is not None):
        raise NoSuchTransfer("a push has a page of its own")
    about = _about(services, offer) if isinstance(offer, Asked) else None
    cards = await _cards(services, account.subject, offer.task_id, about, undecided=state == "requested")
    client = await services.clients.enabled(claim.client_id)
    by_backchannel = await services.backchannel.facts(offer.transfer_id)
    named = cards[0].sensitivity if offer.task_id is not None and cards else None
    asked = offer.actions & services.policies.effective(claim.client_id).limited_scopes
    return pages.Approve(
        csrf=browser.csrf,
        transfer_id=offer.transfer_id,
        client_name=client.name if client else claim.client_id,
        device_name=claim.device_name,
        network=claim.network,
        requested_at=claim.claimed_at,
        actions=tuple(sorted(given(asked, cards, offer.task_id))),
        tasks=as_choices(cards),
        may_begin=state == "requested" and offer.task_id is None,
        proposed_name=form.get("name") or (offer.name if isinstance(offer, Asked) else None) or "",
        chosen=form.get("task"),
        mode=offer.mode if isinstance(offer, Offer) else _mode(form) or "move",
        state=state,
        expires_in=max(0, getattr(transfer, "expires_at", now) - now),
        attempts_left=attempts_left(transfer),
        person_name=account.name,
        now=now,
        nearness=nearness_to_show(services, browser, claim),
        place=claim.place,
        backchannel=by_backchannel is not None,
        binding_message=by_backchannel.binding_message if by_backchannel else None,
        sign_in_due=state == "requested" and await sign_in_due(services, stored, browser, named, here=here),
        back=here.partition("?")[2],
    )


def _about(services: Services, asked: Asked) -> str | None:
    """What the device said the session is about; it was sealed, because only the ranking reads it."""
    return None if asked.about is None else services.sealing.unseal(asked.about, row=asked.transfer_id)


async def _cards(
    services: Services, subject: str, task_id: str | None, about: str | None, *, undecided: bool
) -> list[TaskCard]:
    """The tasks to choose from; once decided the one that was chosen, if it can still be told."""
    if task_id is None:
        return await open_tasks(services, subject, about) if undecided else []
    try:
        card = await services.cards.card(subject, task_id)
    except CardsUnavailable:
        if undecided:
            raise
        return []
    return [] if card is None else [card]


def _mode(form: dict[str, str]) -> Mode | None:
    return "move" if form.get("mode") == "move" else "share" if form.get("mode") == "share" else None
