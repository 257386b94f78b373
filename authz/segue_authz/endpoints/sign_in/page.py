"""The sign-in page, the start page behind it, and where a person goes on afterwards."""

from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.endpoints.browser import browser_of, keep
from segue_authz.endpoints.services import Services


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


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    return_to = local(request.query_params.get("return_to", "/"))
    anew = request.query_params.get("anew") == "yes"
    if browser.signed_in is not None and not anew:
        return RedirectResponse(return_to, status_code=303)
    if browser.unproved and not anew:
        return _unproved(services, return_to, again=request.query_params.get("again") == "yes")
    username = browser.signed_in[1].username if browser.signed_in else ""
    client_name = await _client_name(services, return_to)
    view = pages.SignIn(browser.csrf, return_to, username, client_name=client_name, anew=anew)
    return keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie)


def _unproved(services: Services, return_to: str, *, again: bool) -> Response:
    """Let the browser come once more, from a page of ours; then it is for the person to see what is wrong."""
    here = f"/sign-in?return_to={quote(return_to, safe='')}"
    once_more = f"{here}&again=yes"
    view = pages.Unproved(once_more, f"{here}&anew=yes", None if again else once_more)
    return pages.unproved(view, https=services.settings.https)


def local(address: str) -> str:
    """The path to go on to; anything that could lead elsewhere becomes the start page."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address, and the like
        return "/"
    safe = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if safe and not parts.scheme and not parts.netloc and address.isprintable() else "/"


async def _client_name(services: Services, return_to: str) -> str | None:
    """What the person signs in for, when it is an application's request, and somebody here answers for its name."""
    parts = urlsplit(return_to)
    client_ids = parse_qs(parts.query).get("client_id", [""]) if parts.path == "/authorize" else [""]
    client = await services.clients.enabled(client_ids[0])
    return client.name if client and client.verified else None
