"""A browser session begins and ends, whatever the way somebody signed in."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.identifier import secret
from segue_authz.endpoints.browser import browser_of, check_form, cookie_name, keep
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.reauthentication import marked
from segue_authz.endpoints.services import Services


async def start(services: Services, account: Account, *, acr: str, return_to: str, anew: bool = False) -> Response:
    """Sign the person in under a fresh cookie, so that one planted before is worth nothing.

    `anew`: the way back is marked, so that the request knows that somebody has just signed in for it.
    """
    now, cookie = services.clock(), secret(services.random)
    session_id = services.derivation.digest("browser", cookie)
    expires_at = now + services.settings.browser_session_lifetime
    await services.browser_sessions.add(BrowserSession(session_id, account.subject, now, acr, expires_at))
    back = marked(services, session_id, return_to) if anew else return_to
    return keep(services, RedirectResponse(back, status_code=303), cookie)


async def sign_out(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    check_form(browser, await read_form(request))
    await services.browser_sessions.end(browser.session_id, now=services.clock())
    view = pages.Message("You are signed out", "You can close this page.", action=("Sign in", "/"))
    response = pages.message(view, https=services.settings.https)
    response.delete_cookie(cookie_name(services), path="/", secure=services.settings.https, httponly=True)
    return response
