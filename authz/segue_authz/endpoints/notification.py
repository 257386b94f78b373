"""Notifications of this browser: its push service wakes it (RFC 8030), and it asks here what there is.

The push messages are empty. So nobody on the way learns anything, and what is shown is what is so by then.
"""

import hashlib

from segue.jose import b64url_encode
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz import pages
from segue_authz.delivery import on_loopback
from segue_authz.domain.notice import Kind
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.answer import NO_STORE
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.endpoints.waiting import waiting_for
from segue_authz.outbound import acceptable
from segue_authz.pages.notice import SETTLED, UNKNOWN, WORDS
from segue_authz.pages.text import reader
from segue_authz.stores.push_messages import Told
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


async def latest(services: Services, request: Request) -> Response:
    """What the service worker shows: for each kind of notice one, and something for a push that has none left."""
    browser = await browser_of(services, request)
    told = await _told(services, browser) if browser.signed_in else []
    otherwise = (SETTLED if browser.signed_in else UNKNOWN).said() | {"tag": "settled"}
    answer = {
        "csrf": browser.csrf,
        "lang": reader().language.tag,
        "notices": [_notice(kind, told) for kind in dict.fromkeys(each.kind for each in told)],
        "otherwise": otherwise,
    }
    return JSONResponse(answer, headers=NO_STORE)


async def shown(services: Services, request: Request) -> Response:
    """The service worker has shown these: they are not shown again with the next."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    await services.push_messages.shown(browser.session_id, form.get("ids", "").split())
    return Response(status_code=204, headers=NO_STORE)


async def _told(services: Services, browser: Browser) -> list[Told]:
    told = await services.push_messages.latest(browser.session_id, now=services.clock())
    waits = await waiting_for(services, browser)
    return [Told("", Kind.REQUEST, None), *told] if waits else told


def _notice(kind: Kind, told: list[Told]) -> dict[str, object]:
    """The notification for all that is told of one kind."""
    its = [each for each in told if each.kind == kind]
    transfer_id = its[0].transfer_id
    to_confirm = {"path": f"/confirm/{transfer_id}"} if kind is Kind.CLAIMED and transfer_id else {}
    ids = [each.message_id for each in its if each.message_id]
    return {**WORDS[kind].said(), **to_confirm, "tag": kind.value, "ids": ids}


async def _page(services: Services, browser: Browser) -> Response:
    key = Vapid(services.derivation, issuer=services.settings.issuer, clock=services.clock).public_key
    told = await services.notices.subscribed(browser.session_id)
    view = pages.Notifications(browser.csrf, browser.person()[1].name, key=key, told=told)
    return pages.notifications(view, https=services.settings.https)
