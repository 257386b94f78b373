"""The sign-in page, the start page behind it, and where a person goes on afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR
from segue_authz.endpoints.arrival import arrival_row
from segue_authz.endpoints.bound_session import tell_unproved
from segue_authz.endpoints.browser import Browser, browser_of, keep, unbind
from segue_authz.endpoints.services import Services

_LONGEST = 1_000
"""Characters of `acr_values` that are read."""


@dataclass(frozen=True)
class Errand:
    """For what somebody signs in: where they go on to, and whether it must be `anew`, or in one of certain ways.

    It travels with the person and binds nobody: what they go on to looks at their sign-in itself.
    """

    return_to: str
    anew: bool
    acr_values: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Errand":
        """Of a query or a form, from which nothing is taken that could lead elsewhere."""
        wanted = parameters.get("acr_values", "")[:_LONGEST].split(" ")
        known = " ".join(acr for acr in (PASSKEY_ACR, PASSWORD_ACR) if acr in wanted)
        return cls(local(parameters.get("return_to", "/")), parameters.get("anew") == "yes", known)

    def allows(self, acr: str) -> bool:
        return not self.acr_values or acr in self.acr_values.split(" ")


def sign_in_first(request: Request) -> Response:
    """Send the person to the sign-in page and back to this address."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?return_to={quote(here, safe='')}", status_code=303)


async def home(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    account = browser.signed_in[1]
    now = services.clock()
    waiting = await services.backchannel.waiting(account.subject, now=now)
    questions = await services.check_ins.questions(account.subject, now=now)
    arrivals = await services.arrivals.unseen(account.subject, but_not_from=browser.session_id, now=now)
    return pages.account(
        account.name,
        browser.csrf,
        waiting=len(waiting),
        questions=tuple(arrival_row(each) for each in questions),
        arrivals=tuple(each.grant_id for each in arrivals),
        now=now,
        https=services.settings.https,
    )


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    errand = Errand.of(request.query_params)
    if browser.signed_in is not None and not errand.anew:
        return RedirectResponse(errand.return_to, status_code=303)
    if browser.unproved and not errand.anew:
        again = request.query_params.get("again") == "yes"
        if again:
            await tell_unproved(services, browser)
        return _unproved(services, errand.return_to, again=again)
    username = browser.signed_in[1].username if browser.signed_in else ""
    return await form_page(services, browser, errand, username=username)


async def form_page(
    services: Services,
    browser: Browser,
    errand: Errand,
    *,
    username: str = "",
    error: str | None = None,
    error_at: str | None = None,
    retry_after: int | None = None,
) -> Response:
    """The form, with every way to sign in that the errand allows."""
    view = pages.SignIn(
        browser.csrf,
        errand.return_to,
        username,
        error,
        client_name=await _client_name(services, errand.return_to),
        retry_after=retry_after,
        anew=errand.anew,
        acr_values=errand.acr_values,
        any_way=not errand.acr_values,
        password=errand.allows(PASSWORD_ACR),
        passkey=errand.allows(PASSKEY_ACR) and services.ceremonies.possible,
        signed_in=browser.signed_in is not None,
        error_at=error_at,
        providers=tuple(
            pages.ProviderRow(each.name, each.label)
            for each in services.upstream.providers
            if not errand.acr_values or each.asks_for(errand.acr_values.split(" "))
        ),
    )
    return keep(services, pages.sign_in(view, https=services.settings.https), browser.cookie)


def _unproved(services: Services, return_to: str, *, again: bool) -> Response:
    """Let the browser come once more, from a page of ours and without a bound cookie that is worth nothing here.

    The one that bound the session refreshes then; if this is another, it is for the person to see what is wrong.
    """
    here = f"/sign-in?return_to={quote(return_to, safe='')}"
    once_more = f"{here}&again=yes"
    view = pages.Unproved(once_more, f"{here}&anew=yes", None if again else once_more)
    return unbind(services, pages.unproved(view, https=services.settings.https))


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
