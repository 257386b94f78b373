"""Who sits at the browser: one cookie, a form token that belongs to it, and a session once the person has signed in."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.identifier import secret
from segue_authz.domain.refusal import Refusal
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.services import Services
from segue_authz.tokens.derivation import same


class StaleForm(Refusal):
    """The form's token is not the one of this browser: the page is old, or the form came from elsewhere."""

    error = "invalid_request"
    status = 403


class SignedOut(Refusal):
    """The page was shown to somebody who is not signed in here any more."""

    error = "invalid_request"
    status = 403


@dataclass(frozen=True)
class Browser:
    """The browser of this request. `cookie` is a secret, `session_id` its digest; `signed_in` may be None."""

    cookie: str
    session_id: str
    csrf: str
    signed_in: tuple[BrowserSession, Account] | None
    network: str

    def person(self) -> tuple[BrowserSession, Account]:
        """The session and its account. Raises `SignedOut`."""
        if self.signed_in is None:
            raise SignedOut("you have been signed out; go back and sign in again")
        return self.signed_in


async def browser_of(services: Services, request: Request) -> Browser:
    """Read the cookie, or make up a new one; `keep` sends it."""
    cookie = request.cookies.get(cookie_name(services)) or secret(services.random)
    session_id = services.derivation.digest("browser", cookie)
    signed_in = await services.browser_sessions.current(session_id, now=services.clock())
    return Browser(cookie, session_id, services.derivation.csrf(cookie), signed_in, network_of(request))


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
