"""Who sits at the browser: one cookie, a form token that belongs to it, and a session once the person has signed in.

A session that its browser has bound to a key counts only beside a fresh bound cookie (decision 0046).
"""

import logging
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.bound_session import SETTLING, UNBOUND_LIFETIME, Binding
from segue_authz.domain.identifier import secret
from segue_authz.domain.refusal import Refusal
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.session_headers import skipped_because
from segue_authz.tokens.derivation import same

_LOG = logging.getLogger("segue_authz")


class StaleForm(Refusal):
    """The form's token is not the one of this browser: the page is old, or the form came from elsewhere."""

    error = "invalid_request"
    status = 403


class SignedOut(Refusal):
    """The page was shown to somebody who is not signed in here any more."""

    error = "invalid_request"
    status = 403


class NotProved(Refusal):
    """The session is bound to a browser, and nothing shows that this is the one."""

    error = "invalid_request"
    status = 403


@dataclass(frozen=True)
class Browser:
    """The browser of this request. `cookie` is a secret, `session_id` its digest; `signed_in` may be None.

    `unproved`: there is a session, but it is bound to a browser, and nothing shows that this is the one.
    """

    cookie: str
    session_id: str
    csrf: str
    signed_in: tuple[BrowserSession, Account] | None
    network: str
    unproved: bool = False

    def person(self) -> tuple[BrowserSession, Account]:
        """The session and its account. Raises `SignedOut` and `NotProved`."""
        if self.unproved:
            raise NotProved("this browser has not shown that it is the one that was signed in; load the page again")
        if self.signed_in is None:
            raise SignedOut("you have been signed out; go back and sign in again")
        return self.signed_in


async def browser_of(services: Services, request: Request) -> Browser:
    """Read the cookie, or make up a new one; `keep` sends it."""
    cookie = request.cookies.get(cookie_name(services)) or secret(services.random)
    session_id = services.derivation.digest("browser", cookie)
    signed_in = await services.browser_sessions.current(session_id, now=services.clock())
    unproved = signed_in is not None and not _proved(services, request, signed_in[0])
    if unproved or (signed_in is not None and _too_long_unbound(services, signed_in[0])):
        signed_in = None
    csrf = services.derivation.csrf(cookie)
    return Browser(cookie, session_id, csrf, signed_in, network_of(request), unproved)


def _proved(services: Services, request: Request, session: BrowserSession) -> bool:
    """Whether nobody has bound the session, or its browser has lately proved the key.

    What was on its way while the session was bound could not bring the cookie yet.
    """
    now = services.clock()
    if session.bound_at is None or now < session.bound_at + SETTLING:
        return True
    cookie = request.cookies.get(bound_cookie_name(services), "")
    if services.session_binding.accepts_cookie(cookie, session.session_id, now=now):
        return True
    skipped = skipped_because(request)
    _LOG.log(
        logging.INFO if request.method == "GET" and not skipped else logging.WARNING,  # it may be on its way to refresh
        "a bound session of %s came to %s without its bound cookie%s",
        session.subject,
        request.url.path,
        f"; its browser says {skipped}" if skipped else "",
    )
    return False


def _too_long_unbound(services: Services, session: BrowserSession) -> bool:
    """Where sessions have to be bound, one that is not is over soon."""
    required = services.settings.bound_sessions is Binding.REQUIRE and not session.bound
    began_at = max(session.auth_time, session.expires_at - services.settings.browser_session_lifetime)
    return required and services.clock() >= began_at + UNBOUND_LIFETIME


def keep(services: Services, response: Response, cookie: str) -> Response:
    """Set the cookie: this host only, no script, not sent by foreign forms (RFC 6265bis section 4.1)."""
    response.set_cookie(
        cookie_name(services),
        cookie,
        path="/",
        secure=services.settings.https,
        httponly=True,
        samesite="lax",
        max_age=services.settings.browser_session_lifetime,
    )
    return response


def check_form(browser: Browser, form: dict[str, str]) -> None:
    """Raises `StaleForm` unless the form was rendered for this very browser."""
    if not same(browser.csrf, form.get("csrf", "")):
        raise StaleForm("this page is out of date; go back and load it again")


def cookie_name(services: Services) -> str:
    """`__Host-` where the browser enforces it, which needs https."""
    return "__Host-segue" if services.settings.https else "segue"


def bound_cookie_name(services: Services) -> str:
    """The short-lived cookie of a bound session, beside the one that says which session it is."""
    return f"{cookie_name(services)}-bound"


def unbind(services: Services, response: Response) -> Response:
    """Take the bound cookie away."""
    response.headers.append("Set-Cookie", f"{bound_cookie_name(services)}=; Max-Age=0; {cookie_attributes(services)}")
    return response


def cookie_attributes(services: Services) -> str:
    """What the browser compares the bound cookie with (DBSC, "Identify if missing session credential")."""
    return "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if services.settings.https else "")
