"""The code by which apps may ask a person (CIBA Core section 7.1): the person sets it, or takes it back."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.backchannel import acceptable_user_code
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.pages.text import gettext


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    return await _page(services, browser)


async def change(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    subject, code = browser.person()[1].subject, form.get("user_code", "")
    if "forget" in form:
        await services.user_codes.forget(subject)
        return await _page(services, browser, notice=gettext("You have no code any more."))
    if not acceptable_user_code(code):
        return await _page(services, browser, error=gettext("A code has 6 to 64 characters, and no space at its ends."))
    await services.user_codes.put(subject, await services.passwords.hashed(code), now=services.clock())
    return await _page(services, browser, notice=gettext("From now on this code counts."))


async def _page(
    services: Services, browser: Browser, *, error: str | None = None, notice: str | None = None
) -> Response:
    account = browser.person()[1]
    has_one = await services.user_codes.hash_of(account.subject) is not None
    view = pages.UserCode(browser.csrf, account.name, has_one=has_one, error=error, notice=notice)
    return pages.user_code(view, https=services.settings.https)
