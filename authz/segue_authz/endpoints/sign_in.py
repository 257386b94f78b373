"""Signing in with a password, and out again. Other ways to sign in end in `start_session` as well."""

from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import PASSWORD_ACR, Account, BrowserSession
from segue_authz.domain.identifier import secret
from segue_authz.endpoints.browser import browser_of, check_form, cookie_name, keep
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.reauthentication import marked
from segue_authz.endpoints.services import Services
from segue_authz.enrolment import canonical_username

WINDOW = 300
_WRONG = "This user name and password do not belong together."


def sign_in_first(request: Request) -> Response:
    """Send the person to the sign-in page and back to this address."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?return_to={quote(here, safe='')}", status_code=303)


async def home(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    account = browser.signed_in[1]
    waiting = await services.backchannel.waiting(account.subject, now=services.clock())
    return pages.account(account.name, browser.csrf, waiting=len(waiting), https=services.settings.https)


async def show_sign_in(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    return_to = _local(request.query_params.get("return_to", "/"))
    anew = request.query_params.get("anew") == "yes"
    if browser.signed_in is not None and not anew:
        return RedirectResponse(return_to, status_code=303)
    username = browser.signed_in[1].username if browser.signed_in else ""
    client_name = await _client_name(services, return_to)
    view = pages.SignIn(browser.csrf, return_to, username, client_name=client_name, anew=anew)
    return keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie)


async def sign_in(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    return_to, username = _local(form.get("return_to", "/")), canonical_username(form.get("username", ""))
    anew = form.get("anew") == "yes"
    if not await _may_try(services, request, username):
        view = pages.SignIn(browser.csrf, return_to, username, "Too many attempts.", retry_after=WINDOW, anew=anew)
        return _status(keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie), 429)
    account = await services.accounts.by_username(username)
    right = await services.passwords.matches(form.get("password", ""), account.password_hash if account else None)
    if not right or account is None or not account.enabled:
        view = pages.SignIn(browser.csrf, return_to, username, _WRONG, anew=anew)
        return _status(keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie), 401)
    await services.browser_sessions.end(browser.session_id, now=services.clock())
    return await start_session(services, account, acr=PASSWORD_ACR, return_to=return_to, anew=anew)


async def start_session(
    services: Services, account: Account, *, acr: str, return_to: str, anew: bool = False
) -> Response:
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


async def _may_try(services: Services, request: Request, username: str) -> bool:
    """Counted per network and name, so that nobody can lock out somebody else from afar."""
    network = network_of(request)
    by_network = await services.ephemeral.allow(f"sign-in:{network}", limit=60, window=WINDOW)
    key = services.derivation.digest("sign-in", f"{network} {username}")
    return by_network and await services.ephemeral.allow(f"sign-in:{key}", limit=10, window=WINDOW)


async def _client_name(services: Services, return_to: str) -> str | None:
    """What the person signs in for, when it is an application's request, and somebody here answers for its name."""
    parts = urlsplit(return_to)
    client_ids = parse_qs(parts.query).get("client_id", [""]) if parts.path == "/authorize" else [""]
    client = await services.clients.enabled(client_ids[0])
    return client.name if client and client.verified else None


def _local(address: str) -> str:
    """The path to go on to; anything that could lead elsewhere becomes the start page."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address, and the like
        return "/"
    safe = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if safe and not parts.scheme and not parts.netloc and address.isprintable() else "/"


def _status(response: Response, status: int) -> Response:
    response.status_code = status
    return response
