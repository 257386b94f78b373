"""Notifications of this browser: the person lets its push service be told when a request waits (RFC 8030)."""

import hashlib

from segue.jose import b64url_encode
from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.delivery import on_loopback
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.outbound import acceptable
from segue_authz.tokens.vapid import Vapid

_LONGEST = 1_000


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    return await _page(services, browser)


async def change(services: Services, request: Request) -> Response:
    """Begin or stop telling this browser. Where it is told is the browser's word, and asked as any client's is."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    endpoint = form.get("endpoint", "")
    if "stop" in form:
        await services.notices.unsubscribe(session_id=browser.session_id)
        return await _page(services, browser)
    here = on_loopback(services.settings.issuer) and on_loopback(endpoint)
    if len(endpoint) > _LONGEST or not (acceptable(endpoint) or here):
        raise InvalidRequest("this browser's push service has no acceptable address")
    subscription_id = b64url_encode(hashlib.sha256(endpoint.encode()).digest())
    subject, now = browser.person()[1].subject, services.clock()
    await services.notices.subscribe(subject, browser.session_id, subscription_id, endpoint, now=now)
    return await _page(services, browser)


async def _page(services: Services, browser: Browser) -> Response:
    key = Vapid(services.derivation, issuer=services.settings.issuer, clock=services.clock).public_key
    told = await services.notices.subscribed(browser.session_id)
    view = pages.Notifications(browser.csrf, browser.person()[1].name, key=key, told=told)
    return pages.notifications(view, https=services.settings.https)
