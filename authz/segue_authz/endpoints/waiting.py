"""The requests that wait for a person, and the way to one: it is reserved for this browser, as by a code."""

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.backchannel import Proof
from segue_authz.endpoints.answer import NO_STORE
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.decision import NoSuchTransfer, open_transfer
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.stores.port import Stored


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    waiting = await waiting_for(services, browser)
    rows = [await _row(services, stored) for stored in waiting]
    view = pages.Waiting(
        csrf=browser.csrf,
        person_name=browser.person()[1].name,
        requests=tuple(rows),
        now=services.clock(),
    )
    return pages.waiting(view, https=services.settings.https)


async def look(services: Services, request: Request) -> Response:
    """Open one of them. Nobody else's can be named, and none that came in another way."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    found = [each for each in await waiting_for(services, browser) if _id(each) == form.get("transfer_id")]
    if not found:
        raise NoSuchTransfer("not among those that wait for this person")
    opened = await open_transfer(services, found[0], browser)
    return RedirectResponse(f"/approve/{_id(opened)}", status_code=303)


async def count(services: Services, request: Request) -> Response:
    """What there is for the person, for the pages' script. Signed out there is nothing."""
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return JSONResponse({"waiting": [], "joined": [], "check_in": []}, headers=NO_STORE)
    subject, now = browser.person()[1].subject, services.clock()
    waiting = await waiting_for(services, browser)
    joined = await services.arrivals.unseen(subject, but_not_from=browser.session_id, now=now)
    questions = await services.check_ins.questions(subject, now=now)
    there = {
        "waiting": [_id(each) for each in waiting],
        "joined": [each.grant_id for each in joined],
        "check_in": [each.grant_id for each in questions],
    }
    return JSONResponse(there, headers=NO_STORE)


async def waiting_for(services: Services, browser: Browser) -> list[Stored]:
    """Those the person may still open: a policy that was tightened since they came counts (RFC 10027 6.1.15)."""
    waiting = await services.backchannel.waiting(browser.person()[1].subject, now=services.clock())
    return [each for each in waiting if not await _asked_as_nobody(services, each)]


async def _asked_as_nobody(services: Services, stored: Stored) -> bool:
    claim, facts = getattr(stored.transfer, "claim", None), await services.backchannel.facts(_id(stored))
    if claim is None or facts is None:
        return True
    policy = services.policies.effective(claim.client_id)
    return policy.authenticate_then_initiate == "require" and facts.proof is Proof.NOTHING


async def _row(services: Services, stored: Stored) -> pages.WaitingRow:
    claim, facts = getattr(stored.transfer, "claim", None), await services.backchannel.facts(_id(stored))
    if claim is None or facts is None:
        raise NoSuchTransfer("not by the backchannel")
    client = await services.clients.enabled(claim.client_id)
    return pages.WaitingRow(
        transfer_id=_id(stored),
        client_name=client.name if client else claim.client_id,
        device_name=claim.device_name,
        network=claim.network,
        binding_message=facts.binding_message,
        at=claim.claimed_at,
    )


def _id(stored: Stored) -> str:
    return stored.transfer.offer.transfer_id
