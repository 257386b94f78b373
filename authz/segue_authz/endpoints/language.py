"""In which language a person reads: what a request says of it, and the choice that the foot of each page offers."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import local
from segue_authz.pages import language
from segue_authz.pages.language import ENGLISH, Language
from segue_authz.pages.text import Reader, reader

_CHOSEN, _ASKED = "segue-language", "segue-ui-locales"
CHOSEN_FOR = 365 * 86400
ASKED_FOR = 600
"""Seconds in which the pages that follow an application's request speak as it has asked, such as the sign-in page."""


def reader_of(request: Request) -> Reader:
    """Who reads the answer. A choice of the person's own comes first, then what an application said a moment ago."""
    chosen = language.by_tag(request.cookies.get(_CHOSEN, ""))
    asked = language.asked_for(request.query_params.get("ui_locales", ""))
    before = language.by_tag(request.cookies.get(_ASKED, ""))
    accepted = language.accepted(request.headers.get("accept-language", ""))
    spoken = chosen or asked or before or accepted or ENGLISH
    return Reader(spoken, _address(request), chosen=chosen is not None, asked=asked)


async def choose(services: Services, request: Request) -> Response:
    """Keep the person's choice in this browser, and show the page again. No secret guards it: it decides nothing."""
    form = await read_form(request)
    chosen = language.by_tag(form.get("language", ""))
    if chosen is None:
        raise InvalidRequest("the pages are not written in that language")
    response = RedirectResponse(local(form.get("return_to", "/")), status_code=303)
    return _keep(services, response, _CHOSEN, chosen, CHOSEN_FOR)


def keep_asked(services: Services, response: Response) -> Response:
    """The language that this request's application has asked for is kept for the pages that follow."""
    asked = reader().asked
    return response if asked is None else _keep(services, response, _ASKED, asked, ASKED_FOR)


def _keep(services: Services, response: Response, name: str, kept: Language, seconds: int) -> Response:
    """No script needs it, and no other site's form brings it along."""
    https = services.settings.https
    response.set_cookie(name, kept.tag, max_age=seconds, path="/", secure=https, httponly=True, samesite="lax")
    return response


def _address(request: Request) -> str:
    """Where the person gets to this page again; where there is no page to be got, the start page.

    Only a page that is nothing without it keeps its query: what a stranger's link carries is not repeated to anybody.
    """
    path, query = request.url.path, request.url.query
    scope = {**request.scope, "method": "GET"}
    if not any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
        return "/"
    return f"{path}?{query}" if query and path == "/authorize" and request.method == "GET" else path
