"""Signing in with a user name and a password."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.account import PASSWORD_ACR
from segue_authz.endpoints.browser import browser_of, check_form, keep
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import session
from segue_authz.endpoints.sign_in.page import local
from segue_authz.enrolment import canonical_username

WINDOW = 300
_WRONG = "This user name and password do not belong together."


async def sign_in(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    return_to, username = local(form.get("return_to", "/")), canonical_username(form.get("username", ""))
    anew = form.get("anew") == "yes"
    if not await _may_try(services, request, username):
        view = pages.SignIn(browser.csrf, return_to, username, "Too many attempts.", retry_after=WINDOW, anew=anew)
        return _status(keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie), 429)
    account = await services.accounts.by_username(username)
    right = await services.passwords.matches(form.get("password", ""), account.password_hash if account else None)
    if not right or account is None or not account.enabled:
        view = pages.SignIn(browser.csrf, return_to, username, _WRONG, anew=anew)
        return _status(keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie), 401)
    return await session.start(services, account, acr=PASSWORD_ACR, return_to=return_to, anew=anew, before=browser)


async def _may_try(services: Services, request: Request, username: str) -> bool:
    """Counted per network and name, so that nobody can lock out somebody else from afar."""
    network = network_of(request)
    by_network = await services.ephemeral.allow(f"sign-in:{network}", limit=60, window=WINDOW)
    key = services.derivation.digest("sign-in", f"{network} {username}")
    return by_network and await services.ephemeral.allow(f"sign-in:{key}", limit=10, window=WINDOW)


def _status(response: Response, status: int) -> Response:
    response.status_code = status
    return response
