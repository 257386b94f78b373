"""Linking an account at another provider to one's own, and taking the link away."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account_event import Kind
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.account_security.page import (
    HERE,
    begin_change,
    event,
    fresh_first,
    page,
    require_fresh,
    sign_out_others,
)
from segue_authz.endpoints.browser import Browser
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import upstream
from segue_authz.pages.text import gettext
from segue_authz.stores.sign_in_ways import LastWay
from segue_authz.upstream.relying_party import Wish

MOST = 20
"""Accounts elsewhere that are linked to one here."""


@fresh_first
async def change(services: Services, request: Request) -> Response:
    browser, form = await begin_change(services, request)
    await require_fresh(services, browser, adding="link" in form)
    if "link" in form:
        return await _link(services, browser, form["link"])
    if "unlink" in form:
        return await _unlink(services, browser, form)
    raise InvalidRequest("the form names nothing to change")


async def _link(services: Services, browser: Browser, name: str) -> Response:
    """Joining takes a sign-in here and one there, now, whoever is signed in there already."""
    provider, subject = services.upstream.provider(name), browser.person()[1].subject
    if provider is None:
        raise InvalidRequest("there is no such provider")
    if len(await services.upstream_identities.of(subject)) >= MOST:
        error = gettext("There are as many accounts linked as one account can have.")
        return await page(services, browser, error=error, error_at="upstream")
    return await upstream.send(services, browser, provider, Wish(max_age=0, anew=True), return_to=HERE, subject=subject)


async def _unlink(services: Services, browser: Browser, form: dict[str, str]) -> Response:
    session, account = browser.person()
    identity_id = form["unlink"]
    issuers = {each.identity_id: each.issuer for each in await services.upstream_identities.of(account.subject)}
    issuer = issuers.get(identity_id)
    provider = services.upstream.of_issuer(issuer)
    told = event(services, browser, Kind.UPSTREAM_UNLINKED, provider.label if provider else issuer)
    try:
        unlinked = await services.upstream_identities.unlink(
            account.subject, identity_id, kept=session.session_id, event=told, now=services.clock()
        )
    except LastWay:
        error = gettext("This is the only way in which you can sign in. Set up another before you remove it.")
        return await page(services, browser, error=error, error_at="upstream")
    if not unlinked:
        return await page(services, browser, error=gettext("There is no such link."), error_at="upstream")
    await sign_out_others(services, browser, form)
    notice = gettext("The link was removed, and browsers that had signed in by it are signed out.")
    return await page(services, browser, notice=notice)
