"""Signing in with a user name and a password."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account import PASSWORD_ACR, PASSWORD_AMR
from segue_authz.endpoints.browser import browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import session
from segue_authz.endpoints.sign_in.page import Errand, form_page
from segue_authz.endpoints.sign_in.throttle import WINDOW, may_try
from segue_authz.enrolment import canonical_username
from segue_authz.pages.text import gettext


async def sign_in(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    errand, username = Errand.of(form), canonical_username(form.get("username", ""))
    if not await may_try(services, request, username):
        error = gettext("Too many tries.")
        return await form_page(services, browser, errand, username=username, error=error, retry_after=WINDOW)
    account = await services.accounts.by_username(username)
    right = await services.passwords.matches(form.get("password", ""), account.password_hash if account else None)
    if not right or account is None or not account.enabled:
        error = gettext("This user name and password do not belong together.")
        response = await form_page(services, browser, errand, username=username, error=error)
        response.status_code = 401
        return response
    return await session.start(
        services,
        account,
        acr=PASSWORD_ACR,
        amr=PASSWORD_AMR,
        return_to=errand.return_to,
        anew=errand.anew,
        before=browser,
    )
