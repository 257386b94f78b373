"""A browser session begins and ends, whatever the way somebody signed in."""

import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.identifier import secret
from segue_authz.domain.upstream import UpstreamSession
from segue_authz.endpoints.bound_session import offer
from segue_authz.endpoints.browser import Browser, browser_of, check_form, cookie_name, keep, unbind
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.reauthentication import marked
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.known_browser import remember
from segue_authz.outbound import NotReached
from segue_authz.pages.text import gettext
from segue_authz.upstream.signed import NotBelieved

_LOG = logging.getLogger("segue_authz")


class NotBegun(Exception):
    """The session at the other provider has ended meanwhile, or the identity is no longer this account's."""


async def start(
    services: Services,
    account: Account,
    *,
    acr: str,
    return_to: str,
    amr: tuple[str, ...] = (),
    passkey_id: str | None = None,
    anew: bool = False,
    before: Browser | None = None,
    auth_time: int | None = None,
    by: UpstreamSession | None = None,
) -> Response:
    """Sign the person in under a fresh cookie, so that one planted before is worth nothing.

    `anew`: the way back is marked, so that the request knows that somebody has just signed in for it. `before`: as what
    the browser came; that session ends, and the decisions it had open stay open in this one.

    `by`: at another provider, at `auth_time`, and by which session there. Raises `NotBegun` if that is over by now.
    """
    now, cookie = services.clock(), secret(services.random)
    session_id = services.derivation.digest("browser", cookie)
    expires_at = now + services.settings.browser_session_lifetime
    signed_in_at = now if auth_time is None else auth_time
    session = BrowserSession(
        session_id, account.subject, signed_in_at, acr, expires_at, amr=" ".join(amr), passkey_id=passkey_id
    )
    if by is None:
        await services.browser_sessions.add(session)
    elif not await services.upstream_sessions.begin(session, by):
        raise NotBegun
    if before is not None:
        await services.browser_sessions.end(before.session_id, now=now, heir=session)
    back = marked(services, session_id, return_to) if anew else return_to
    response = remember(services, RedirectResponse(back, status_code=303), account.username)
    return offer(services, keep(services, response, cookie), session_id)


async def sign_out(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    check_form(browser, await read_form(request))
    await services.browser_sessions.end(browser.session_id, now=services.clock())
    response = pages.message(await _signed_out(services, browser), https=services.settings.https)
    response.delete_cookie(cookie_name(services), path="/", secure=services.settings.https, httponly=True)
    return unbind(services, response)


async def signed_out(services: Services, _: Request) -> Response:
    """Where a provider sends people back to who have signed out there too."""
    view = pages.Message(
        gettext("You are signed out"), gettext("You can close this page."), action=(gettext("Sign in"), "/")
    )
    return pages.message(view, https=services.settings.https)


async def _signed_out(services: Services, browser: Browser) -> pages.Message:
    """Who signed in at another provider is still signed in there, and is told where to end that as well."""
    title = gettext("You are signed out")
    provider = services.upstream.of_issuer(await services.upstream_sessions.issuer_of(browser.session_id))
    try:
        end = await services.upstream.end_session_url(provider) if provider is not None else None
    except (NotReached, NotBelieved) as away:
        _LOG.info("nobody can be led to the sign-out of %s: %s", provider and provider.name, away)
        end = None
    if provider is None:
        return pages.Message(title, gettext("You can close this page."), action=(gettext("Sign in"), "/"))
    text = gettext("You are still signed in at %(label)s, where you signed in for this.", label=provider.label)
    action = (gettext("Sign out at %(label)s too", label=provider.label), end) if end else (gettext("Sign in"), "/")
    return pages.Message(title, text, action=action)
