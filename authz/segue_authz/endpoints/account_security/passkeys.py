"""Adding a passkey, naming it, and taking it away."""

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.ceremony import Circumstance, NotAccepted, Purpose
from segue_authz.domain.account_event import Kind
from segue_authz.domain.passkey import acceptable_name
from segue_authz.endpoints.account_security.page import (
    NotFresh,
    begin_change,
    event,
    fresh_first,
    page,
    require_fresh,
    sign_out_others,
)
from segue_authz.endpoints.browser import Browser, browser_of
from segue_authz.endpoints.services import Services
from segue_authz.pages.text import gettext
from segue_authz.stores.sign_in_ways import LastWay

_LOG = logging.getLogger("segue_authz")
MOST = 20
"""Passkeys of one account."""


async def options(services: Services, request: Request) -> Response:
    """What the page's script asks the browser for."""
    browser = await browser_of(services, request)
    try:
        if browser.signed_in is None:
            return _answer({"error": "login_required"}, 403)
        await require_fresh(services, browser, adding=True)
    except NotFresh:
        return _answer({"error": "login_required"}, 403)
    account = browser.person()[1]
    known = await services.passkeys.of(account.subject)
    return _answer(services.ceremonies.creation_options(_circumstance(browser), account, known), 200)


@fresh_first
async def add(services: Services, request: Request) -> Response:
    browser, form = await begin_change(services, request)
    await require_fresh(services, browser, adding=True)
    name = form.get("name", "").strip() or gettext("Passkey")
    if not acceptable_name(name):
        error = gettext("A name has up to 60 characters.")
        return await page(services, browser, error=error, error_at="name")
    if len(await services.passkeys.of(browser.person()[1].subject)) >= MOST:
        return await page(services, browser, error=gettext("There are as many passkeys as one account can have."))
    try:
        made, challenge = services.ceremonies.registered(form.get("credential", ""), _circumstance(browser), name)
    except NotAccepted as refused:
        _LOG.info("%s refused: %s", request.url.path, refused)
        return await page(services, browser, error=gettext("The passkey could not be added. Try again."))
    told = event(services, browser, Kind.PASSKEY_ADDED, name)
    if not await services.passkeys.add(made, challenge=challenge, event=told):
        return await page(services, browser, error=gettext("The passkey could not be added. Try again."))
    await sign_out_others(services, browser, form)
    return await page(services, browser, notice=gettext("The passkey was added. You can sign in with it from now on."))


@fresh_first
async def change(services: Services, request: Request) -> Response:
    """Name a passkey, or take it away."""
    browser, form = await begin_change(services, request)
    await require_fresh(services, browser)
    return await (_remove if "remove" in form else _rename)(services, browser, form)


async def _rename(services: Services, browser: Browser, form: dict[str, str]) -> Response:
    passkey_id, name = form.get("rename", ""), form.get("name", "").strip()
    if not acceptable_name(name):
        return await page(services, browser, error=gettext("A name has 1 to 60 characters."))
    if not await services.passkeys.rename(browser.person()[1].subject, passkey_id, name):
        return await page(services, browser, error=gettext("There is no such passkey."))
    return await page(services, browser, notice=gettext("The passkey has its new name."))


async def _remove(services: Services, browser: Browser, form: dict[str, str]) -> Response:
    session, account = browser.person()
    passkey_id = form.get("remove", "")
    names = {each.passkey_id: each.name for each in await services.passkeys.of(account.subject)}
    told = event(services, browser, Kind.PASSKEY_REMOVED, names.get(passkey_id))
    try:
        removed = await services.passkeys.remove(
            account.subject, passkey_id, kept=session.session_id, event=told, now=services.clock()
        )
    except LastWay:
        error = gettext("This is the only way in which you can sign in. Set up another before you remove it.")
        return await page(services, browser, error=error)
    if not removed:
        return await page(services, browser, error=gettext("There is no such passkey."))
    await sign_out_others(services, browser, form)
    notice = gettext("The passkey was removed, and browsers that had signed in with it are signed out.")
    return await page(services, browser, notice=notice)


def _circumstance(browser: Browser) -> Circumstance:
    return Circumstance(Purpose.REGISTER, browser.session_id, browser.person()[1].subject)


def _answer(content: dict[str, object], status: int) -> Response:
    return JSONResponse(content, status_code=status, headers={"Cache-Control": "no-store"})
