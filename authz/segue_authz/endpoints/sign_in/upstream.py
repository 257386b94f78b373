"""Signing in at another OpenID Connect provider: sent there, and come back (OpenID Connect Core 1.0 section 3.1).

A person leaves by a page of ours and not by a redirect: `form-action` of the page with the button would have to name
every address to which the provider passes them on (decision 0045).
"""

import logging
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.account import Account
from segue_authz.domain.account_event import AccountEvent, Kind
from segue_authz.domain.identifier import new, secret
from segue_authz.domain.refusal import NotFound
from segue_authz.domain.upstream import REQUEST_LIFETIME, UpstreamIdentity, UpstreamRequest, UpstreamSession
from segue_authz.endpoints.browser import Browser, browser_of, check_form, keep, unbind
from segue_authz.endpoints.form import parse, read_form, spoken
from segue_authz.endpoints.network import limit
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import session
from segue_authz.endpoints.sign_in.page import Errand
from segue_authz.endpoints.sign_in.upstream_failure import Failure, UpstreamFailed, failed_page
from segue_authz.outbound import NotReached
from segue_authz.pages.text import gettext
from segue_authz.upstream.id_token import Identity
from segue_authz.upstream.provider import Admits, Provider
from segue_authz.upstream.relying_party import NotLetIn, Wish
from segue_authz.upstream.signed import LEEWAY, NotBelieved

_LOG = logging.getLogger("segue_authz")
_MOST, _WINDOW = 60, 300
"""How many are sent to a provider from one network in how many seconds."""
_LONGEST_WAY_BACK = 8_000
_NOT_THERE = ("login_required", "interaction_required", "consent_required", "account_selection_required")
_AWAY = ("temporarily_unavailable", "server_error")
UNKNOWN_TIME = 0
"""When somebody signed in of whom the provider does not say it: so long ago that it satisfies no wish."""


async def begin(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    provider = provider_of(services, request)
    errand = Errand.of(form)
    wish = Wish(
        max_age=0 if errand.anew else services.settings.browser_session_lifetime,
        anew=errand.anew,
        acr_values=provider.asks_for(_wanted(errand)),
    )
    return await send(services, browser, provider, wish, return_to=errand.return_to)


async def send(
    services: Services, browser: Browser, provider: Provider, wish: Wish, *, return_to: str, subject: str | None = None
) -> Response:
    """The page that leads to the provider. `subject`: whose account the identity is to be linked to."""
    await limit(services, f"upstream:{browser.network}", most=_MOST, window=_WINDOW)
    state, now = secret(services.random), services.clock()
    asked = UpstreamRequest(
        digest=_digest(services, state),
        provider=provider.name,
        browser=browser.session_id,
        subject=subject,
        return_to=return_to if len(return_to) <= _LONGEST_WAY_BACK else "/",
        anew=wish.anew and subject is None,
        created_at=now,
        expires_at=now + REQUEST_LIFETIME,
    )
    try:
        url = await services.upstream.authorization_url(provider, state=state, wish=wish)
    except (NotReached, NotBelieved) as away:
        _LOG.error("sign-in at %s cannot begin: %s", provider.name, away)
        return failed_page(services, provider, UpstreamFailed(Failure.AWAY, asked=asked))
    await services.upstream_requests.add(asked)
    view = pages.Going(provider.label, url)
    return keep(services, pages.going(view, https=services.settings.https), browser.cookie)


async def answer(services: Services, request: Request) -> Response:
    """The redirection endpoint. Whatever comes back, the state is spent first, so nothing is tried twice."""
    provider, browser = provider_of(services, request), await browser_of(services, request)
    told = spoken(parse(request.scope["query_string"]))
    try:
        asked = await _asked(services, told.get("state", ""))
        if browser.unproved and asked.subject is not None:
            return _once_more(services, request, told)
        await _spend(services, asked, provider, browser)
        try:
            return await _finish(services, provider, browser, asked, told)
        except NotReached as away:
            raise UpstreamFailed(Failure.AWAY, str(away), asked) from away
        except NotBelieved as wrong:
            raise UpstreamFailed(Failure.NOT_BELIEVED, str(wrong), asked) from wrong
        except NotLetIn as refused:
            raise UpstreamFailed(Failure.NOT_ADMITTED, str(refused), asked) from refused
    except UpstreamFailed as failed:
        _LOG.warning("sign-in at %s: %s", provider.name, failed)
        return failed_page(services, provider, failed)


def provider_of(services: Services, request: Request) -> Provider:
    """Raises `NotFound`."""
    provider = services.upstream.provider(request.path_params["provider"])
    if provider is None:
        raise NotFound("there is no such provider")
    return provider


async def _asked(services: Services, state: str) -> UpstreamRequest:
    asked = await services.upstream_requests.find(_digest(services, state)) if state else None
    if asked is None:
        raise UpstreamFailed(Failure.UNKNOWN, "the state is not known")
    return asked


async def _spend(services: Services, asked: UpstreamRequest, provider: Provider, browser: Browser) -> None:
    """Raises `UpstreamFailed`. What the reasons are is only told: the compare-and-set decides."""
    now, here = services.clock(), browser.session_id
    if await services.upstream_requests.answer(asked.digest, provider=provider.name, browser=here, now=now):
        return
    if asked.provider != provider.name:
        raise UpstreamFailed(Failure.NOT_BELIEVED, "it was asked of another provider")
    if asked.browser != here and asked.answered_at is None:
        raise UpstreamFailed(Failure.OTHER_BROWSER)
    raise UpstreamFailed(Failure.LATE if asked.expires_at <= now else Failure.ANSWERED, asked=asked)


async def _finish(
    services: Services, provider: Provider, browser: Browser, asked: UpstreamRequest, told: dict[str, str]
) -> Response:
    """Raises `UpstreamFailed`, `NotReached`, `NotBelieved` and `NotLetIn`."""
    await services.upstream.check_issuer(provider, told.get("iss"))
    if "error" in told or "code" not in told:
        raise UpstreamFailed(_failure(told.get("error", "")), ascii(told.get("error", "no code"))[:60], asked)
    since = asked.created_at if asked.anew else None
    found = await services.upstream.identity(provider, code=told["code"], state=told["state"], signed_in_since=since)
    if asked.subject is not None:
        return await _link(services, provider, browser, asked, found)
    return await _sign_in(services, provider, browser, asked, found)


async def _sign_in(
    services: Services, provider: Provider, browser: Browser, asked: UpstreamRequest, found: Identity
) -> Response:
    account = await services.upstream_identities.account(found.issuer, found.sub)
    if account is None and provider.admits is Admits.ANYBODY:
        account = await _admit(services, provider, browser, found)
    if account is None:
        raise UpstreamFailed(Failure.NOT_LINKED, asked=asked)
    if not account.enabled:
        raise UpstreamFailed(Failure.CLOSED, account.subject, asked)
    mapped = found.acr is not None and found.acr in provider.acr
    try:
        return await session.start(
            services,
            account,
            acr=provider.own_acr(found.acr),
            amr=found.amr if mapped else (),
            return_to=asked.return_to,
            anew=asked.anew,
            before=browser,
            auth_time=UNKNOWN_TIME if found.auth_time is None else min(found.auth_time, services.clock()),
            by=UpstreamSession(found.issuer, found.sub, found.sid, found.iat),
        )
    except session.NotBegun as over:
        raise UpstreamFailed(Failure.ENDED, asked=asked) from over


async def _admit(services: Services, provider: Provider, browser: Browser, found: Identity) -> Account | None:
    """An account of their own. What they are called there names nobody here: the user name is drawn."""
    subject, now = new("usr", services.random), services.clock()
    username = f"{provider.name}-{services.random(6).hex()}"
    account = Account(subject, username, found.name or found.called or username, "")
    identity = _identity(services, subject, found)
    event = AccountEvent(
        new("evt", services.random), subject, Kind.UPSTREAM_LINKED.value, provider.label, browser.network, now
    )
    if await services.upstream_identities.admit(account, identity, event=event):
        _LOG.info("%s has come in by way of %s", subject, provider.name)
        return account
    return await services.upstream_identities.account(found.issuer, found.sub)  # another answer was first


async def _link(
    services: Services, provider: Provider, browser: Browser, asked: UpstreamRequest, found: Identity
) -> Response:
    if browser.signed_in is None or browser.signed_in[1].subject != asked.subject:
        raise UpstreamFailed(Failure.OTHER_BROWSER, "who began it is not signed in any more")
    if found.auth_time is not None and found.auth_time < asked.created_at - LEEWAY:
        raise NotBelieved("the person has not signed in there for this")
    account = browser.signed_in[1]
    about, event_id = provider.label, new("evt", services.random)
    event = AccountEvent(
        event_id, account.subject, Kind.UPSTREAM_LINKED.value, about, browser.network, services.clock()
    )
    if not await services.upstream_identities.link(_identity(services, account.subject, found), event=event):
        owner = await services.upstream_identities.account(found.issuer, found.sub)
        own = owner is not None and owner.subject == account.subject
        raise UpstreamFailed(Failure.LINKED_ALREADY if own else Failure.NOT_YOURS, account.subject, asked)
    _LOG.info("%s has linked an account at %s", account.subject, provider.name)
    text = gettext("You can sign in here by your account at %(label)s from now on.", label=provider.label)
    view = pages.Message(gettext("The accounts are linked"), text, action=(gettext("How you sign in"), asked.return_to))
    return pages.message(view, https=services.settings.https)


def _identity(services: Services, subject: str, found: Identity) -> UpstreamIdentity:
    identity_id = new("upi", services.random)
    return UpstreamIdentity(identity_id, subject, found.issuer, found.sub, found.called, services.clock())


def _failure(error: str) -> Failure:
    """OpenID Connect Core section 3.1.2.6 and RFC 6749 section 4.1.2.1."""
    if error == "access_denied":
        return Failure.DENIED
    if error in _NOT_THERE:
        return Failure.NOT_THERE
    return Failure.AWAY if error in _AWAY else Failure.REFUSED


def _wanted(errand: Errand) -> set[str]:
    """What the page or the request behind it wants of this sign-in."""
    asked = parse_qs(urlsplit(errand.return_to).query).get("acr_values", [""])[0]
    return {*errand.acr_values.split(), *asked.split()}


def _once_more(services: Services, request: Request, told: dict[str, str]) -> Response:
    """A bound session has to be shown by its browser first, which it may do from a page of ours (decision 0046)."""
    here = f"{request.url.path}?{request.url.query}"
    again = f"{here}&again=yes"
    sign_in = f"/sign-in?anew=yes&return_to={quote('/account/security', safe='')}"
    view = pages.Unproved(again, sign_in, None if "again" in told else again)
    return unbind(services, pages.unproved(view, https=services.settings.https))


def _digest(services: Services, state: str) -> str:
    return services.derivation.digest("upstream_state", state)
