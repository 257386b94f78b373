"""The page of an invitation: the invited person sees what it is for and who asks, and answers once.

The code comes in the address's fragment or is typed, and travels in form bodies alone. specs/protocol.md section 8.1.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.grant import Authentication
from segue_authz.domain.refusal import TooManyRequests
from segue_authz.domain.task_card import CannotJoin, Invitation, NotInvited
from segue_authz.endpoints import step_up
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.decision import address_of
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.pages.text import gettext, marked
from segue_authz.tokens.derivation import same

WINDOW = 600
PER_ACCOUNT, PER_NETWORK, FOR_ALL = 20, 60, 5_000
"""Codes that may be sent in ten minutes, right or wrong; one answer takes two. There are 20**16 codes."""
_UNKNOWN = marked("This code is not known here. The invitation may have been answered, or it has ended.")
_CHANGED = marked("Something here has changed since you opened this page. Look again before you accept.")
_SOMEBODY = marked("Somebody")


async def show(services: Services, request: Request) -> Response:
    """The form for the code. Nothing of an invitation is shown to whoever merely has its address."""
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    code = step_up.chosen(services, browser.signed_in[0], address_of(request)).get("code")
    if code is not None:  # the person has just signed in once more to accept it
        return await _said(services, request, browser, {"code": code, "back": request.url.query})
    return _code_form(services, browser)


async def answer(services: Services, request: Request) -> Response:
    """Show the invitation of the code, or take the person's answer to what was shown."""
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    return await _said(services, request, browser, form)


async def _said(services: Services, request: Request, browser: Browser, form: dict[str, str]) -> Response:
    try:
        await _count_try(services, request, browser)
    except TooManyRequests:
        return _code_form(
            services, browser, error=gettext("Too many codes were tried. Please wait."), retry_after=WINDOW
        )
    try:
        return await _answered(services, browser, form, here=address_of(request, form))
    except NotInvited:
        return _code_form(services, browser, error=gettext(_UNKNOWN))
    except CannotJoin as why:
        view = pages.Message(gettext("You cannot be added to this task"), gettext(str(why)), status=409)
        return pages.message(view, https=services.settings.https)


async def _answered(services: Services, browser: Browser, form: dict[str, str], *, here: str) -> Response:
    code, subject = form.get("code", "")[:100], browser.person()[1].subject
    if form.get("decision") == "decline":
        await services.cards.decline(subject, code)
        return _message(services, gettext("You declined the invitation"), gettext("Nobody can use its code any more."))
    view = await _view(services, browser, await services.cards.invitation(subject, code), code)
    view = replace(view, back=here.partition("?")[2])
    if form.get("decision") != "accept":
        return pages.invitation(view, https=services.settings.https)
    if not same(pages.shown(view), form.get("shown", "")):
        return pages.invitation(view, error=gettext(_CHANGED), https=services.settings.https)
    session, decision = browser.person()[0], step_up.Decision("invitation", code)
    policy = services.policies.sign_in.effective("")
    try:
        await step_up.check_session(services, policy, session, decision, here=here)
        await step_up.spend(services, policy, subject, Authentication(session.auth_time, session.acr), decision)
    except step_up.NotEnough as why:
        return step_up.lead(services, session, here, {"code": code}, why)
    await services.cards.accept(subject, code)
    text = gettext("It is among your tasks from now on. Open the app you work with, and choose it there.")
    return _message(services, gettext("You take part in the task"), text)


async def _view(services: Services, browser: Browser, invitation: Invitation, code: str) -> pages.Invitation:
    inviter = await services.accounts.by_subject(invitation.invited_by)
    return pages.Invitation(
        csrf=browser.csrf,
        code=code,
        task_name=invitation.task_name,
        inviter_name=inviter.name if inviter else gettext(_SOMEBODY),
        role=invitation.role,
        actions=tuple(sorted(invitation.actions)),
        expires_in=max(0, invitation.expires_at - services.clock()),
        person_name=browser.person()[1].name,
    )


async def _count_try(services: Services, request: Request, browser: Browser) -> None:
    await limit(services, f"invitation:{browser.person()[1].subject}", most=PER_ACCOUNT, window=WINDOW)
    await limit(services, f"invitation:{network_of(request)}", most=PER_NETWORK, window=WINDOW)
    await limit(services, "invitation:all", most=FOR_ALL, window=WINDOW)


def _code_form(
    services: Services, browser: Browser, *, error: str | None = None, retry_after: int | None = None
) -> Response:
    view = pages.EnterCode(browser.csrf, browser.person()[1].name, error=error, retry_after=retry_after)
    return pages.invitation_code(view, https=services.settings.https)


def _message(services: Services, title: str, text: str) -> Response:
    return pages.message(pages.Message(title, text), https=services.settings.https)
