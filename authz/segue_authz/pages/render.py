"""Turns a view into its page: template, status and headers."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from segue_authz.pages import approval, confirmation, overview, text
from segue_authz.pages.account_event import event_words
from segue_authz.pages.action import in_words
from segue_authz.pages.chooser import ticked
from segue_authz.pages.duration import ago, ahead
from segue_authz.pages.language import LANGUAGES
from segue_authz.pages.names import display_name
from segue_authz.pages.role import narrowed_words, role_meaning, role_offered
from segue_authz.pages.security_headers import page_headers
from segue_authz.pages.static_files import WORKER, static_url
from segue_authz.pages.terms import shown
from segue_authz.pages.views import (
    Approve,
    ArrivalRow,
    Confirm,
    ConfirmStep,
    Consent,
    Devices,
    EnterCode,
    Going,
    Invitation,
    Message,
    Notifications,
    Recovery,
    Security,
    SignIn,
    Unproved,
    UserCode,
    Waiting,
)

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
text.install(_TEMPLATES)
_TEMPLATES.globals["static_url"] = static_url
_TEMPLATES.filters.update(ago=ago, ahead=ahead, name=display_name, in_words=in_words, ticked=ticked)
_TEMPLATES.filters.update(access_words=overview.access_words, used_words=overview.used_words)
_TEMPLATES.filters.update(direction_words=overview.direction_words, transfer_words=overview.transfer_words)
_TEMPLATES.filters.update(event_words=event_words)
_TEMPLATES.filters.update(role_offered=role_offered, role_meaning=role_meaning, narrowed_words=narrowed_words)

_CODE_PATTERN = r"[ \-]*([B-DF-HJ-NP-TV-XZb-df-hj-np-tv-xz][ \-]*){8}"
"""What a user code may look like as it is typed, in the browsers' dialect."""

_INVITATION_PATTERN = r"[ \-]*([B-DF-HJ-NP-TV-XZb-df-hj-np-tv-xz][ \-]*){16}"

_RECOVERY_PATTERN = _INVITATION_PATTERN

WORKER_POLICY = "service-worker"
"""The one trusted-types policy there is, on the one page that has a use for it."""

_LINK = re.compile(r"https?://[^\s\\]+|/(?![/\\])[^\s\\]*")


def sign_in(view: SignIn, *, https: bool = False) -> Response:
    """The sign-in form: 200, 400 with an error, 429 when the person has to wait."""
    errand = {"return_to": view.return_to, "anew": "yes" if view.anew else "", "acr_values": view.acr_values}
    here = f"/sign-in?{urlencode({name: value for name, value in errand.items() if value})}"
    return _limited("sign_in.html", view, https=https, here=here)


def recovery(view: Recovery, *, https: bool = False) -> Response:
    """The form for a recovery code: 200, 400 with an error, 429 when the person has to wait."""
    return _limited("recovery.html", view, https=https, code_pattern=_RECOVERY_PATTERN)


def enter_code(view: EnterCode, *, https: bool = False) -> Response:
    """The form for another device's code: 200, 400 with an error, 429 when the person has to wait."""
    return _limited("enter_code.html", view, https=https, code_pattern=_CODE_PATTERN)


def invitation_code(view: EnterCode, *, https: bool = False) -> Response:
    """The form for an invitation's code: 200, 400 with an error, 429 when the person has to wait."""
    return _limited("invitation_code.html", view, https=https, code_pattern=_INVITATION_PATTERN)


def invitation(view: Invitation, *, error: str | None = None, https: bool = False) -> Response:
    """The question whether the person takes part: 200, or 400 with an error."""
    view = replace(view, error=error)
    headers = page_headers(https=https)
    return _page("invitation.html", status=_status(error), headers=headers, view=view, shown=shown(view))


def consent(view: Consent, *, form_action_origin: str, https: bool = False) -> Response:
    """The question which task a client may work on: 200, or 400 with an error.

    `form_action_origin` is the origin (or private-use scheme) of the redirect URI; ValueError when it is neither.
    """
    headers = page_headers(https=https, form_action_origin=form_action_origin)
    here = f"/authorize?{view.request}"
    return _page("consent.html", status=_status(view.error), headers=headers, view=view, here=here)


def confirm(view: Confirm, *, https: bool = False) -> Response:
    """A transfer in its present state: 200, or 400 with an error. `Segue-Transfer` tells the page's script."""
    headers = page_headers(https=https)
    headers["Segue-Transfer"] = f"{view.state} contested" if view.contested else view.state
    facts = confirmation.facts(view)
    return _page("confirm.html", status=_status(view.error), headers=headers, view=view, facts=facts, shown=shown(view))


def approve(view: Approve, *, https: bool = False) -> Response:
    """A pull in its present state: 200, or 400 with an error. `Segue-Transfer` tells the page's script."""
    headers = page_headers(https=https) | {"Segue-Transfer": view.state}
    facts, modes = approval.facts(view), approval.modes()
    return _page(
        "approve.html",
        status=_status(view.error),
        headers=headers,
        view=view,
        facts=facts,
        modes=modes,
        shown=shown(view),
    )


def devices(view: Devices, *, https: bool = False) -> Response:
    """The person's devices and transfers, each with the ways to end its access."""
    return _page("devices.html", status=200, headers=page_headers(https=https), view=view)


def confirm_step(view: ConfirmStep, *, https: bool = False) -> Response:
    """The question before the devices page ends something for good. ValueError when `back` is no path or http(s)."""
    _check_link(view.back)
    return _page("confirm_step.html", status=200, headers=page_headers(https=https), view=view)


def message(view: Message, *, https: bool = False) -> Response:
    """One statement, with `view.status`. ValueError when its link is neither a path nor http(s)."""
    if view.action is not None:
        _check_link(view.action[1])
    headers = page_headers(https=https)
    if view.status == 503:
        headers["Retry-After"] = "5"
    return _page("message.html", status=view.status, headers=headers, view=view)


def going(view: Going, *, https: bool = False) -> Response:
    """The page that leads to another provider. ValueError when that is no http(s) address."""
    _check_link(view.url)
    return _page("going.html", status=200, headers=page_headers(https=https), view=view)


def unproved(view: Unproved, *, https: bool = False) -> Response:
    """The session is bound to a browser, and this may be another one."""
    headers = page_headers(https=https)
    if view.at_once is not None:
        headers["Refresh"] = f"0; url={view.at_once}"
    return _page("unproved.html", status=403, headers=headers, view=view)


def account(
    person_name: str,
    csrf: str,
    *,
    waiting: int = 0,
    questions: tuple[ArrivalRow, ...] = (),
    arrivals: tuple[str, ...] = (),
    now: int = 0,
    https: bool = False,
) -> Response:
    """Who is signed in here, how many requests wait for them, and the way out.

    `questions` are the devices they are asked about, `arrivals` the identifiers of what has joined and was not seen.
    """
    return _page(
        "account.html",
        status=200,
        headers=page_headers(https=https),
        person_name=person_name,
        csrf=csrf,
        waiting=waiting,
        questions_asked=questions,
        arrivals=arrivals,
        now=now,
    )


def waiting(view: Waiting, *, https: bool = False) -> Response:
    """The requests that wait for the person, each with the way to it."""
    return _page("waiting.html", status=200, headers=page_headers(https=https), view=view)


def user_code(view: UserCode, *, https: bool = False) -> Response:
    """The form for the person's code: 200, or 400 with an error."""
    return _page("user_code.html", status=_status(view.error), headers=page_headers(https=https), view=view)


def notifications(view: Notifications, *, https: bool = False) -> Response:
    """The switch for notifications in this browser. Its script may name one address as a service worker's."""
    headers = page_headers(https=https, trusted_types=WORKER_POLICY)
    return _page("notifications.html", status=200, headers=headers, view=view, worker=WORKER)


def security(view: Security, *, https: bool = False) -> Response:
    """How the person signs in, with the ways to change it: 200, or 400 with an error."""
    headers = page_headers(https=https)
    return _page("security.html", status=_status(view.error), headers=headers, view=view)


def _check_link(address: str) -> None:
    if not _LINK.fullmatch(address):
        raise ValueError("a page links to a path of this server or to an http(s) address")


def _status(error: str | None) -> int:
    return 200 if error is None else 400


def _limited(template: str, view: SignIn | Recovery | EnterCode, *, https: bool, **context: Any) -> Response:
    headers = page_headers(https=https)
    if view.retry_after is None:
        return _page(template, status=_status(view.error), headers=headers, view=view, **context)
    headers["Retry-After"] = str(view.retry_after)
    return _page(template, status=429, headers=headers, view=view, **context)


def _page(template: str, *, status: int, headers: dict[str, str], **context: Any) -> Response:
    reader = text.reader()
    everywhere = {"reader": reader, "here": reader.address, "languages": LANGUAGES}
    body = _TEMPLATES.get_template(template).render(everywhere | context)
    headers |= {"Content-Language": reader.language.tag, "Vary": "Accept-Language, Cookie"}
    return Response(body, status_code=status, headers=headers, media_type="text/html")
