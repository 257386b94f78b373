"""A browser session begins and ends, whatever the way somebody signed in."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.identifier import secret
from segue_authz.endpoints.bound_session import offer
from segue_authz.endpoints.browser import Browser, bound_cookie_name, browser_of, check_form, cookie_name, keep
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.reauthentication import marked
from segue_authz.endpoints.services import Services


async def start(
    services: Services, account: Account, *, acr: str, return_to: str, anew: bool = False, before: Browser | None = None
) -> Response:
    """Sign the person in under a fresh cookie, so that one planted before is worth nothing.

    `anew`: the way back is marked, so that the request knows that somebody has just signed in for it. `before`: as what
    the browser came; that session ends, and the decisions it had open stay open in this one.
    """
    now, cookie = services.clock(), secret(services.random)
    session_id = services.derivation.digest("browser", cookie)
    expires_at = now + services.settings.browser_session_lifetime
    session = BrowserSession(session_id, account.subject, now, acr, expires_at)
    await services.browser_sessions.add(session)
    if before is not None:
        await services.browser_sessions.end(before.session_id, now=now, heir=session)
    back = marked(services, session_id, return_to) if anew else return_to
    return offer(services, keep(services, RedirectResponse(back, status_code=303), cookie), session_id)


async def sign_out(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    check_form(browser, await read_form(request))
    await services.browser_sessions.end(browser.session_id, now=services.clock())
    view = pages.Message("You are signed out", "You can close this page.", action=("Sign in", "/"))
    response = pages.message(view, https=services.settings.https)
    for name in (cookie_name(services), bound_cookie_name(services)):
        response.delete_cookie(name, path="/", secure=services.settings.https, httponly=True, samesite="lax")
    return response
