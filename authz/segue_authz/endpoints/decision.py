"""What the two decision pages share: opening reserves the decision, a try is spent before it is compared.

Push: `/confirm/{transfer_id}` (confirm.py). Pull: `/device` and `/approve/{transfer_id}` (device.py).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from segue_authz import pages
from segue_authz.domain.grant import Authentication
from segue_authz.domain.policy import TransferPolicy
from segue_authz.domain.refusal import AccessDenied, Refusal
from segue_authz.domain.transfer import (
    CHECK_VALUE_ATTEMPTS,
    AnotherPerson,
    Claim,
    Claimed,
    Denied,
    Lapsed,
    NotPossible,
    Offer,
    Requested,
    Transfer,
    approve,
    attempt,
    deny,
    open_for_decision,
    void,
)
from segue_authz.endpoints import step_up
from segue_authz.endpoints.browser import Browser
from segue_authz.endpoints.policing import check_decision, explanation
from segue_authz.endpoints.services import Services
from segue_authz.pages.refusal import said
from segue_authz.pages.text import gettext, marked
from segue_authz.stores.port import Stored
from segue_authz.tokens.derivation import same

_LOG = logging.getLogger("segue_authz")


@dataclass(frozen=True)
class Fault:
    """Why the page comes back, in words for the person, and the identifier of what to look at on it."""

    text: str
    at: str


WRONG = marked("That is not the number the other device shows.")


def changed(view: pages.Confirm | pages.Approve, form: dict[str, str], *, at: str) -> Fault | None:
    """The fault if the form was sent from a page that showed anything else than `view` does (XD-CONS-04)."""
    if same(pages.shown(view), form.get("shown", "")):
        return None
    text = gettext("Something here has changed since you opened this page. Look again before you approve.")
    return Fault(text, at)


def address_of(request: Request, form: Mapping[str, str] | None = None) -> str:
    """The page's address with its query, which carries the mark of who has signed in for it; forms send it along."""
    query = request.url.query if form is None else form.get("back", "")
    return f"{request.url.path}?{query}" if query else request.url.path


class NoSuchTransfer(Refusal):
    """Unknown, foreign and spread transfers alike: what is not yours does not exist."""

    error = "not_found"
    status = 404

    def __init__(self, because: str) -> None:
        super().__init__("there is no such transfer", because=because)


async def open_transfer(services: Services, stored: Stored | None, browser: Browser) -> Stored:
    """The transfer, reserved for this browser. Raises `NoSuchTransfer` and `AccessDenied`."""
    _, account = browser.person()
    if stored is None:
        raise NoSuchTransfer("unknown")
    if isinstance(stored.transfer.offer, Offer) and stored.transfer.offer.subject != account.subject:
        raise NoSuchTransfer("another person's")
    now = services.clock()
    try:
        opened = open_for_decision(stored.transfer, browser=browser.session_id, subject=account.subject, now=now)
    except AnotherPerson as second:
        await _void(services, stored)
        raise NoSuchTransfer(str(second)) from second
    except Lapsed as lapsed:
        raise NoSuchTransfer(str(lapsed)) from lapsed
    except NotPossible as elsewhere:
        raise AccessDenied("this transfer is open in another browser, and only that one can decide it") from elsewhere
    if opened is stored.transfer:
        return stored
    return await services.transfers.replace(stored, opened) or await open_transfer(
        services, await services.transfers.by_id(transfer_id_of(stored)), browser
    )


async def decline(services: Services, stored: Stored, browser: Browser) -> None:
    """Decline; if the transfer has changed meanwhile the page that follows shows how it ended."""
    try:
        denied = deny(stored.transfer, browser=browser.session_id)
    except NotPossible:
        return
    if not await services.transfers.replace(stored, denied):
        again = await services.transfers.by_id(transfer_id_of(stored))
        if again is not None:
            await decline(services, again, browser)


async def report(services: Services, stored: Stored, browser: Browser) -> None:
    """The person says that they did not start it: as on the devices page, and the client is not heard for a while."""
    subject, now = browser.person()[1].subject, services.clock()
    ended = await services.withdrawals.report(subject, transfer_id_of(stored), now=now)
    if ended is not None:
        _LOG.warning("transfer %s reported by its owner: %d grants ended", transfer_id_of(stored), ended)


async def approve_checked(
    services: Services,
    stored: Stored,
    browser: Browser,
    check_value: str,
    offer_of: Callable[[Claimed | Requested], Awaitable[Offer]],
    *,
    sensitivity: str | None,
    at: str,
    here: str,
) -> Fault | None:
    """What is wrong with the approval. Parallel tries are tries all the same (XD-RACE-08).

    `sensitivity` is the task's, None if it is not known before `offer_of`; what the policy refuses costs no try and is
    told `at` a place of the page. `here` is the page's address, with its mark if the person has signed in for it.
    Raises `step_up.NotEnough` if they have to, which costs no try either.
    """
    session, _ = browser.person()
    authentication, now = Authentication(session.auth_time, session.acr), services.clock()
    try:
        spent = attempt(stored.transfer, browser=browser.session_id, now=now)
    except NotPossible:
        return None  # it has ended or lapsed; the page that follows shows how
    policy = services.policies.effective(spent.claim.client_id, sensitivity)
    if fault := await _denied(services, policy, browser, spent.claim, at=at):
        return fault
    if fault := await _not_signed_in_so(services, stored, browser, sensitivity, here=here, at=at):
        return fault
    tried = await services.transfers.replace(stored, spent)
    if tried is None:
        again = await services.transfers.by_id(transfer_id_of(stored))
        if again is None:
            return None
        return await approve_checked(
            services, again, browser, check_value, offer_of, sensitivity=sensitivity, at=at, here=here
        )
    right = same(services.derivation.check_value(transfer_id_of(stored), spent.claim.jkt), check_value.strip())
    if not right and _must_match(services, spent):
        if spent.attempts >= CHECK_VALUE_ATTEMPTS:
            await services.transfers.replace(tried, void(spent))
        return Fault(gettext(WRONG), "check_value")
    offer = await offer_of(spent)
    policy = services.policies.effective(spent.claim.client_id, offer.sensitivity)
    if fault := await _denied(services, policy, browser, spent.claim, at=at):
        return fault
    if fault := await _not_signed_in_so(services, tried, browser, offer.sensitivity, here=here, at=at):
        return fault
    sign_in = services.policies.sign_in.effective(spent.claim.client_id, offer.sensitivity)
    await step_up.spend(services, sign_in, session.subject, authentication, step_up.transfer(transfer_id_of(stored)))
    approved = approve(
        spent,
        offer,
        browser=browser.session_id,
        authentication=authentication,
        now=now,
        explained=explanation(services, policy, sign_in, browser, spent.claim),
    )
    await services.transfers.replace(tried, approved)
    return None


async def _denied(
    services: Services, policy: TransferPolicy, browser: Browser, claim: Claim, *, at: str
) -> Fault | None:
    """Why the policy lets nobody approve this, for the page."""
    try:
        await check_decision(services, policy, browser, subject=browser.person()[1].subject, claim=claim)
    except AccessDenied as denied:
        _LOG.info("not approved: %s", denied)
        return Fault(_only_decline(denied), at)
    return None


def _only_decline(denied: AccessDenied) -> str:
    return f"{said(denied)} {gettext('You can only decline.')}"


async def _not_signed_in_so(
    services: Services, stored: Stored, browser: Browser, sensitivity: str | None, *, here: str, at: str
) -> Fault | None:
    """Why nobody who signs in as this person can approve it, for the page. Raises `step_up.NotEnough`."""
    claim = getattr(stored.transfer, "claim", None)
    policy = services.policies.sign_in.effective(claim.client_id if claim else "", sensitivity)
    decision = step_up.transfer(transfer_id_of(stored))
    try:
        await step_up.check_session(services, policy, browser.person()[0], decision, here=here)
    except AccessDenied as denied:
        return Fault(_only_decline(denied), at)
    return None


async def sign_in_due(
    services: Services, stored: Stored, browser: Browser, sensitivity: str | None, *, here: str
) -> bool:
    """Whether the page says already that approving takes signing in once more."""
    try:
        await _not_signed_in_so(services, stored, browser, sensitivity, here=here, at="")
    except step_up.NotEnough:
        return True
    return False


def _must_match(services: Services, transfer: Claimed | Requested) -> bool:
    """`request_initiation_verification` (RFC 10027 section 6.1.16)."""
    sensitivity = transfer.offer.sensitivity if isinstance(transfer.offer, Offer) else None
    policy = services.policies.effective(transfer.claim.client_id, sensitivity)
    return policy.request_initiation_verification == "require"


def attempts_left(transfer: Transfer) -> int:
    spent = transfer.attempts if isinstance(transfer, Claimed | Requested | Denied) else 0
    return CHECK_VALUE_ATTEMPTS - spent


def transfer_id_of(stored: Stored) -> str:
    return stored.transfer.offer.transfer_id


async def _void(services: Services, stored: Stored) -> None:
    """A code that two accounts enter has been spread: nobody gets anything for it (XD-PULL-03)."""
    transfer = stored.transfer
    if not isinstance(transfer, Requested):
        return
    if services.policies.effective(transfer.claim.client_id).unique_codes != "void":
        return
    if await services.transfers.replace(stored, void(transfer)):
        _LOG.warning("transfer %s is void: a second account entered its code", transfer_id_of(stored))
    elif again := await services.transfers.by_id(transfer_id_of(stored)):
        await _void(services, again)
