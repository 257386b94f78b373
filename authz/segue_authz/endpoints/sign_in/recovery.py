"""Signing in with a recovery code, once, to set up a way to sign in again."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain import recovery_code
from segue_authz.domain.account import RECOVERY_ACR, RECOVERY_AMR, Account
from segue_authz.domain.account_event import AccountEvent, Kind
from segue_authz.domain.identifier import new
from segue_authz.endpoints.browser import Browser, browser_of, check_form, keep
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import session
from segue_authz.endpoints.sign_in.throttle import WINDOW, may_try
from segue_authz.enrolment import canonical_username
from segue_authz.pages.text import gettext

AFTERWARDS = "/account/security"


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    return _page(services, browser, pages.Recovery(browser.csrf))


async def sign_in(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    username = canonical_username(form.get("username", ""))
    if not await may_try(services, request, username, what="recovery"):
        view = pages.Recovery(browser.csrf, username, gettext("Too many tries."), retry_after=WINDOW)
        return _page(services, browser, view)
    account = await services.accounts.by_username(username)
    if account is None or not await _used(services, browser, account, form.get("code", "")):
        error = gettext("This user name and code do not belong together, or the code was used.")
        response = _page(services, browser, pages.Recovery(browser.csrf, username, error))
        response.status_code = 401
        return response
    return await session.start(
        services, account, acr=RECOVERY_ACR, amr=RECOVERY_AMR, return_to=AFTERWARDS, before=browser
    )


async def _used(services: Services, browser: Browser, account: Account, typed: str) -> bool:
    """Whether this try used the code up: of two with one code, one."""
    code = recovery_code.normalise(typed)
    if code is None or not account.enabled:
        return False
    now, digest = services.clock(), services.derivation.recovery_code(account.subject, code)
    told = AccountEvent(new("evt", services.random), account.subject, Kind.CODE_USED.value, None, browser.network, now)
    return await services.recovery_codes.use(account.subject, digest, event=told, now=now)


def _page(services: Services, browser: Browser, view: pages.Recovery) -> Response:
    return keep(services, pages.recovery(view, https=services.settings.https), browser.cookie)
