"""The page itself, and what every change on it asks for first."""

from functools import wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.account_event import AccountEvent, Kind
from segue_authz.domain.identifier import new
from segue_authz.domain.ways import Ways
from segue_authz.endpoints.answer import Handler
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first

HERE = "/account/security"


class NotFresh(Exception):
    """The person has to sign in once more before this."""

    def __init__(self, ways: Ways) -> None:
        super().__init__()
        self.ways = ways


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    return await page(services, browser)


async def begin_change(services: Services, request: Request) -> tuple[Browser, dict[str, str]]:
    """The browser and the form of a change. Raises `SignedOut` and `StaleForm`."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    browser.person()
    return browser, form


async def require_fresh(services: Services, browser: Browser, *, adding: bool = False) -> Ways:
    """`adding`: a recovery code is enough of a sign-in to set up a way that lasts. Raises `NotFresh`."""
    session, account = browser.person()
    ways = await services.ways.of(account.subject)
    if not _fresh(services, session, ways, adding=adding):
        raise NotFresh(ways)
    return ways


def fresh_first(handler: Handler) -> Handler:
    """The handler; whoever has not signed in of late is sent to the sign-in page, and back here."""

    @wraps(handler)
    async def change(services: Services, request: Request) -> Response:
        try:
            return await handler(services, request)
        except NotFresh as stale:
            return RedirectResponse(_anew(stale.ways), status_code=303)

    return change


def event(services: Services, browser: Browser, kind: Kind, about: str | None = None) -> AccountEvent:
    account = browser.person()[1]
    event_id = new("evt", services.random)
    return AccountEvent(event_id, account.subject, kind.value, about, browser.network, services.clock())


async def sign_out_others(services: Services, browser: Browser, form: dict[str, str]) -> None:
    """If the person asked for it along with the change (ASVS 5.0 section 7.4.3)."""
    if "sign_out_others" in form:
        session, account = browser.person()
        told = event(services, browser, Kind.SIGNED_OUT_ELSEWHERE)
        await services.ways.sign_out_others(account.subject, kept=session.session_id, event=told, now=services.clock())


async def page(
    services: Services,
    browser: Browser,
    *,
    notice: str | None = None,
    error: str | None = None,
    error_at: str = "passkeys",
    codes: tuple[str, ...] = (),
) -> Response:
    session, account = browser.person()
    ways = await services.ways.of(account.subject)
    view = pages.Security(
        csrf=browser.csrf,
        person_name=account.name,
        username=account.username,
        now=services.clock(),
        fresh=_fresh(services, session, ways),
        may_add=_fresh(services, session, ways, adding=True),
        anew=_anew(ways),
        passkeys=await _passkeys(services, session, account),
        passkeys_possible=services.ceremonies.possible,
        has_password=ways.password,
        only_one_way=ways.number < 2,
        codes_left=await services.recovery_codes.left(account.subject, now=services.clock()),
        codes=codes,
        events=await _events(services, account),
        notice=notice,
        error=error,
        error_at=error_at,
        identities=await _identities(services, account),
        providers=tuple(pages.ProviderRow(each.name, each.label) for each in services.upstream.providers),
    )
    return pages.security(view, https=services.settings.https)


async def _passkeys(services: Services, session: BrowserSession, account: Account) -> tuple[pages.PasskeyRow, ...]:
    return tuple(
        pages.PasskeyRow(
            each.passkey_id,
            each.name,
            each.created_at,
            each.used_at,
            synced=each.backed_up,
            this_session=each.passkey_id == session.passkey_id,
        )
        for each in await services.passkeys.of(account.subject)
    )


async def _identities(services: Services, account: Account) -> tuple[pages.IdentityRow, ...]:
    known = await services.upstream_identities.of(account.subject)
    providers = [services.upstream.of_issuer(each.issuer) for each in known]
    return tuple(
        pages.IdentityRow(
            each.identity_id,
            provider.label if provider else each.issuer,
            each.called,
            each.linked_at,
            offered=provider is not None,
        )
        for each, provider in zip(known, providers, strict=True)
    )


async def _events(services: Services, account: Account) -> tuple[pages.EventRow, ...]:
    latest = await services.account_events.latest(account.subject)
    return tuple(pages.EventRow(each.kind, each.about, each.network, each.happened_at) for each in latest)


def _fresh(services: Services, session: BrowserSession, ways: Ways, *, adding: bool = False) -> bool:
    now = services.clock()
    return ways.may_add(session, now=now) if adding else ways.may_change(session, now=now)


def _anew(ways: Ways) -> str:
    wanted = f"&acr_values={quote(' '.join(sorted(ways.strongest)), safe='')}" if ways.strongest else ""
    return f"/sign-in?anew=yes{wanted}&return_to={quote(HERE, safe='')}"
