"""Changing the password, setting the first one, and doing without."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account_event import Kind
from segue_authz.endpoints.account_security.page import (
    begin_change,
    event,
    fresh_first,
    page,
    require_fresh,
    sign_out_others,
)
from segue_authz.endpoints.browser import Browser
from segue_authz.endpoints.services import Services
from segue_authz.enrolment import LEAST_PASSWORD_LENGTH, MOST_PASSWORD_LENGTH
from segue_authz.pages.text import gettext
from segue_authz.stores.sign_in_ways import LastWay


@fresh_first
async def change(services: Services, request: Request) -> Response:
    browser, form = await begin_change(services, request)
    await require_fresh(services, browser, adding="remove" not in form)
    return await (_remove if "remove" in form else _set)(services, browser, form)


async def _set(services: Services, browser: Browser, form: dict[str, str]) -> Response:
    account, password = browser.person()[1], form.get("password", "")
    if not LEAST_PASSWORD_LENGTH <= len(password) <= MOST_PASSWORD_LENGTH:
        error = gettext("A password has 8 to 1000 characters.")
        return await page(services, browser, error=error, error_at="password")
    hashed, told = await services.passwords.hashed(password), event(services, browser, Kind.PASSWORD_SET)
    if not await services.ways.set_password(account.subject, hashed, was=account.password_hash, event=told):
        error = gettext("The password was changed elsewhere meanwhile. Look at what has happened below.")
        return await page(services, browser, error=error, error_at="password")
    await sign_out_others(services, browser, form)
    return await page(services, browser, notice=gettext("From now on this password counts."))


async def _remove(services: Services, browser: Browser, form: dict[str, str]) -> Response:
    told = event(services, browser, Kind.PASSWORD_REMOVED)
    try:
        removed = await services.ways.remove_password(browser.person()[1].subject, event=told)
    except LastWay:
        error = gettext("This is the only way in which you can sign in. Set up another before you remove it.")
        return await page(services, browser, error=error, error_at="password")
    if not removed:
        return await page(services, browser, error=gettext("You have no password."))
    await sign_out_others(services, browser, form)
    return await page(services, browser, notice=gettext("You have no password any more."))
