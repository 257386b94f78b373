"""Signing in with a passkey: without a user name, and with the authenticator's word that it knows who is there.

Whatever is wrong gets one answer, so that nobody learns which accounts and passkeys there are.
"""

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.ceremony import Asserted, Circumstance, NotAccepted, Presented, Purpose
from segue_authz.domain.account import PASSKEY_ACR, PASSKEY_AMR, Account
from segue_authz.domain.account_event import AccountEvent, Kind
from segue_authz.domain.identifier import new
from segue_authz.domain.passkey import Passkey
from segue_authz.endpoints.browser import Browser, browser_of, check_form, keep
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import session
from segue_authz.endpoints.sign_in.page import Errand, form_page
from segue_authz.pages.text import gettext

_LOG = logging.getLogger("segue_authz")


class Copied(NotAccepted):
    """The authenticator is right in all but its counter: there may be another with the same key."""


async def options(services: Services, request: Request) -> Response:
    """What the page's script asks the browser for. Nothing is stored for it."""
    browser = await browser_of(services, request)
    asked = services.ceremonies.request_options(_circumstance(browser, Errand.of(request.query_params)))
    answer = JSONResponse(asked, headers={"Cache-Control": "no-store"})
    return keep(services, answer, browser.cookie)


async def sign_in(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    errand = Errand.of(form)
    try:
        passkey, account = await _accepted(services, browser, form.get("credential", ""), errand)
    except NotAccepted as refused:
        _LOG.info("%s refused: %s", request.url.path, refused)
        error = gettext("This passkey was not accepted.")
        if isinstance(refused, Copied):
            error = gettext("This passkey was not accepted, because there may be a copy of it. Sign in another way.")
        username = browser.signed_in[1].username if browser.signed_in else ""
        response = await form_page(services, browser, errand, username=username, error=error, error_at="passkey")
        response.status_code = 401
        return response
    return await session.start(
        services,
        account,
        acr=PASSKEY_ACR,
        amr=PASSKEY_AMR,
        passkey_id=passkey.passkey_id,
        return_to=errand.return_to,
        anew=errand.anew,
        before=browser,
    )


async def _accepted(services: Services, browser: Browser, answer: str, errand: Errand) -> tuple[Passkey, Account]:
    """WebAuthn Level 3 section 7.2. Raises `NotAccepted`."""
    circumstance = _circumstance(browser, errand)
    presented = services.ceremonies.presented(answer, circumstance)
    passkey = await services.passkeys.by_credential(presented.credential.id)
    account = await services.accounts.by_subject(passkey.subject) if passkey else None
    if passkey is None or account is None or not account.enabled:
        raise NotAccepted("there is no such passkey, or its account is disabled")
    if circumstance.subject and circumstance.subject != account.subject:
        raise NotAccepted("it is a passkey of somebody else than who steps up")
    asserted = services.ceremonies.asserted(presented, passkey)
    await _require_moved_on(services, browser, presented, passkey, asserted)
    used = await services.passkeys.use(
        passkey,
        challenge=presented.challenge,
        sign_count=asserted.sign_count,
        backed_up=asserted.backed_up,
        now=services.clock(),
    )
    if not used:
        raise NotAccepted("the challenge was answered before, or the passkey is gone or was used meanwhile")
    return passkey, account


async def _require_moved_on(
    services: Services, browser: Browser, presented: Presented, passkey: Passkey, asserted: Asserted
) -> None:
    """The counter of a key on one device only goes up (section 6.1.1). Raises `Copied`, and tells the person."""
    counts = (asserted.sign_count or passkey.sign_count) and not passkey.multi_device
    if not counts or asserted.sign_count > passkey.sign_count:
        return
    if await services.passkeys.spend(presented.challenge):
        event_id = new("evt", services.random)
        kind, at = Kind.PASSKEY_SUSPECT.value, services.clock()
        event = AccountEvent(event_id, passkey.subject, kind, passkey.name, browser.network, at)
        await services.account_events.note(event)
    raise Copied(f"the counter went from {passkey.sign_count} to {asserted.sign_count}")


def _circumstance(browser: Browser, errand: Errand) -> Circumstance:
    """To step up, it has to be who is signed in already."""
    purpose = Purpose.STEP_UP if errand.anew else Purpose.SIGN_IN
    subject = browser.signed_in[1].subject if browser.signed_in and errand.anew else ""
    return Circumstance(purpose, browser.session_id, subject)
