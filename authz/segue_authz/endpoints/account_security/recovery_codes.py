"""Making recovery codes: a set of ten, shown once, which takes the place of the set before."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain import recovery_code
from segue_authz.domain.account_event import Kind
from segue_authz.endpoints.account_security.page import (
    begin_change,
    event,
    fresh_first,
    page,
    require_fresh,
)
from segue_authz.endpoints.services import Services
from segue_authz.pages.text import gettext


@fresh_first
async def make(services: Services, request: Request) -> Response:
    browser, _ = await begin_change(services, request)
    await require_fresh(services, browser)
    subject = browser.person()[1].subject
    codes = tuple(recovery_code.generate(services.random) for _ in range(recovery_code.NUMBER))
    digests = [services.derivation.recovery_code(subject, code.replace("-", "")) for code in codes]
    told = event(services, browser, Kind.CODES_MADE)
    await services.recovery_codes.replace(subject, digests, event=told, now=services.clock())
    notice = gettext("These codes are shown once. Keep them where only you find them.")
    return await page(services, browser, notice=notice, codes=codes)
