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
from segue_authz.endpoints import step_up
from segue_authz.endpoints.authorization_request import (
    AuthorizationRequest,
    Received,
    ReturnAddress,
    asked_in,
    first_use,
    names_document,
    receive,
)
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.reauthentication import (
    require_interaction,
    require_possible,
    satisfied,
    sign_in_anew,
    unmarked,
)
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.endpoints.task_choice import (
    NewTask,
    NotChosen,
    as_choices,
    choices,
    given,
    note_choice,
    read_choice,
    settle,
)
from segue_authz.pages.text import gettext, heed
from segue_authz.stores.port import AuthorizationCode

CODE_LIFETIME = 60


async def ask(services: Services, request: Request) -> Response:
    """Show who asks for what, and the person's open tasks."""
    query, browser = request.url.query, await browser_of(services, request)
    if browser.signed_in is None and names_document(services, query):  # nothing is fetched for strangers
        return sign_in_anew(query)
    received = await receive(services, query, network=browser.network)
    back = received.back
    heed(received.parameters.get("ui_locales", ""))
    try:
        asked = asked_in(services, received)
        require_interaction(asked.wanted, signed_in=browser.signed_in is not None)
        if browser.signed_in is None:
            return sign_in_anew(query, asked.wanted.acrs) if asked.wanted.recent else sign_in_first(request)
        if not satisfied(services, browser.signed_in[0], asked.wanted, query):
            await require_possible(services, browser.signed_in[0], asked.wanted)
            return sign_in_anew(query, asked.wanted.acrs)
        kept = step_up.chosen(services, browser.signed_in[0], f"/authorize?{query}")
        return await _page(services, back, asked, browser, query, form=kept)
    except AccessDenied as denied:  # after a sign-in form, where Chromium would not follow a redirect to elsewhere
        back_there = _redirect(services, back, error=denied.error, error_description=denied.description)
        where = back.client.name if back.client.verified else urlsplit(back.redirect_uri).netloc
        action = (gettext("Back to %(where)s", where=where), back_there.headers["location"])
        view = pages.Message(gettext("This did not work"), gettext("There is no such task."), status=403, action=action)
        return pages.message(view, https=services.settings.https)
    except Refusal as refusal:
        return _redirect(services, back, error=refusal.error, error_description=refusal.description)


async def decide(services: Services, request: Request) -> Response:
    """Take the person's answer; the request is checked anew, as it came back with the form."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    query = form.get("request", "")
    received = await receive(services, query, network=browser.network)
    back = received.back
    session, _ = browser.person()
    try:
        asked = asked_in(services, received)
        if form.get("decision") != "approve":
            await _answer_once(services, received)
            raise AccessDenied("the person declined")
        if not satisfied(services, session, asked.wanted, query):
            return sign_in_anew(query, asked.wanted.acrs)
        try:
            choice = await read_choice(
                services, session.subject, form, asked_task_id=asked.task.task_id, asked_name=asked.task.name
            )
        except NotChosen as fault:
            return await _page(services, back, asked, browser, query, error=str(fault), form=form)
        try:
            await _check_sign_in(services, back, session, choice, query)
        except step_up.NotEnough as why:
            return step_up.lead(services, session, f"/authorize?{query}", form, why)
        seed = f"{browser.session_id} {query}"
        card = await settle(services, session.subject, choice, seed=seed, client_id=back.client.client_id)
        await _answer_once(services, received)
        if asked.task.task_id is None:
            name, new = "az_" + services.derivation.digest("session", seed)[:22], isinstance(choice, NewTask)
            await note_choice(services, session.subject, card, session=name, about=asked.task.about, new=new)
        return _redirect(services, back, code=await _code(services, back, asked, session, card))
    except Refusal as refusal:
        return _redirect(services, back, error=refusal.error, error_description=refusal.description)


async def _check_sign_in(
    services: Services, back: ReturnAddress, session: BrowserSession, choice: TaskCard | NewTask, query: str
) -> None:
    """Raises `step_up.NotEnough` and `AccessDenied`. A task that is begun here is an ordinary one."""
    policy = services.policies.sign_in.effective(back.client.client_id, getattr(choice, "sensitivity", "normal"))
    decision = step_up.Decision("consent", unmarked(query))
    await step_up.check_session(services, policy, session, decision, here=f"/authorize?{query}")
    how = Authentication(session.auth_time, session.acr)
    await step_up.spend(services, policy, session.subject, how, decision)


async def _answer_once(services: Services, received: Received) -> None:
    """A pushed request gets one answer (RFC 9126 section 7.3), and so does a signed one with a `jti`.

    Raises `InvalidRequest` for a second one.
    """
    first = True
    if received.pushed is not None:
        first = await services.pushed_requests.answer(received.pushed, now=services.clock())
    elif received.signed is not None:
        first = await first_use(services, received.signed, received.back.client)
    if not first:
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
    cards = await choices(services, account.subject, asked.task.task_id, about=asked.task.about)
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
        verified=back.client.verified,
        published_at=back.client.document_host,
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
            resource=asked.resource,
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
