"""The authorization endpoint (RFC 6749 section 3.1): the person chooses the task that a client may continue."""

from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz import pages
from segue_authz.domain.account import BrowserSession
from segue_authz.domain.grant import Authentication
from segue_authz.domain.identifier import secret
from segue_authz.domain.refusal import AccessDenied, InvalidRequest, Refusal
from segue_authz.domain.task_card import TaskCard
from segue_authz.endpoints.authorization_request import (
    AuthorizationRequest,
    Received,
    ReturnAddress,
    authorization_request,
    receive,
)
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import sign_in_first
from segue_authz.endpoints.task_choice import NotChosen, as_choices, choices, given, read_choice, settle
from segue_authz.stores.port import AuthorizationCode

CODE_LIFETIME = 60


async def ask(services: Services, request: Request) -> Response:
    """Show who asks for what, and the person's open tasks."""
    query = request.url.query
    received = await receive(services, query)
    back = received.back
    try:
        asked = authorization_request(received.parameters, back.client)
        browser = await browser_of(services, request)
        if browser.signed_in is None:
            return sign_in_first(request)
        return await _page(services, back, asked, browser, query)
    except AccessDenied as denied:  # after a sign-in form, where Chromium would not follow a redirect to elsewhere
        back_there = _redirect(services, back, error=denied.error, error_description=denied.description)
        action = (f"Back to {back.client.name}", back_there.headers["location"])
        view = pages.Message("This did not work", "There is no such task.", status=403, action=action)
        return pages.message(view, https=services.settings.https)
    except Refusal as refusal:
        return _redirect(services, back, error=refusal.error, error_description=refusal.description)


async def decide(services: Services, request: Request) -> Response:
    """Take the person's answer; the request is checked anew, as it came back with the form."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    query = form.get("request", "")
    received = await receive(services, query)
    back = received.back
    session, _ = browser.person()
    try:
        asked = authorization_request(received.parameters, back.client)
        if form.get("decision") != "approve":
            await _answer_once(services, received)
            raise AccessDenied("the person declined")
        try:
            choice = await read_choice(
                services, session.subject, form, asked_task_id=asked.task.task_id, asked_name=asked.task.name
            )
        except NotChosen as fault:
            return await _page(services, back, asked, browser, query, error=str(fault), form=form)
        card = await settle(services, session.subject, choice, seed=f"{browser.session_id} {query}")
        await _answer_once(services, received)
        return _redirect(services, back, code=await _code(services, back, asked, session, card))
    except Refusal as refusal:
        return _redirect(services, back, error=refusal.error, error_description=refusal.description)


async def _answer_once(services: Services, received: Received) -> None:
    """A pushed request gets one answer (RFC 9126 section 7.3). Raises `InvalidRequest` for a second one."""
    if received.pushed is not None and not await services.pushed_requests.answer(received.pushed, now=services.clock()):
        raise InvalidRequest("the request has been answered")


async def _page(
    services: Services,
    back: ReturnAddress,
    asked: AuthorizationRequest,
    browser: Browser,
    query: str,
    *,
    error: str | None = None,
    form: dict[str, str] | None = None,
) -> Response:
    _, account = browser.person()
    cards = await choices(services, account.subject, asked.task.task_id)
    view = pages.Consent(
        csrf=browser.csrf,
        request=query,
        client_name=back.client.name,
        client_id=back.client.client_id,
        redirect_host=urlsplit(back.redirect_uri).netloc,
        actions=tuple(sorted(given(asked.task.actions, cards, asked.task.task_id))),
        tasks=as_choices(cards),
        proposed_name=(form or {}).get("name") or asked.task.name or "",
        person_name=account.name,
        now=services.clock(),
        error=error,
        may_begin=asked.task.task_id is None,
        chosen=(form or {}).get("task"),
    )
    parts = urlsplit(back.redirect_uri)
    return pages.consent(view, form_action_origin=f"{parts.scheme}://{parts.netloc}", https=services.settings.https)


async def _code(
    services: Services, back: ReturnAddress, asked: AuthorizationRequest, session: BrowserSession, card: TaskCard
) -> str:
    actions = asked.task.actions & card.actions
    if not actions:
        raise AccessDenied("the person's part in the task gives nothing of what was asked for")
    code = secret(services.random)
    await services.codes.add(
        AuthorizationCode(
            code_digest=services.derivation.digest("authorization_code", code),
            client_id=back.client.client_id,
            subject=session.subject,
            redirect_uri=back.redirect_uri,
            code_challenge=asked.code_challenge,
            jkt=asked.jkt,
            task_id=card.task_id,
            actions=actions,
            authentication=Authentication(session.auth_time, session.acr),
            expires_at=services.clock() + CODE_LIFETIME,
            browser=session.session_id,
        )
    )
    return code


def _redirect(services: Services, back: ReturnAddress, **answer: str) -> Response:
    """The answer with `state` and `iss` (RFC 6749 section 4.1.2, RFC 9207 section 2)."""
    answer |= {"state": back.state} if back.state is not None else {}
    answer["iss"] = services.settings.issuer
    joiner = "&" if "?" in back.redirect_uri else "?"
    return RedirectResponse(
        back.redirect_uri + joiner + urlencode(answer),
        status_code=303,
        headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
