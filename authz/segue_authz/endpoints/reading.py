"""Who reads an answer: in which language, by whose word, and where they get to the page again."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from segue_authz.endpoints.services import Services
from segue_authz.pages import language
from segue_authz.pages.language import ENGLISH, Language
from segue_authz.pages.text import Reader, reader

CHOSEN, _ASKED = "segue-language", "segue-ui-locales"
ASKED_FOR = 600
"""Seconds in which the pages that follow an application's request speak as it has asked, such as the sign-in page."""


def reader_of(request: Request) -> Reader:
    """Who reads the answer. A choice of the person's own comes first, then what an application said a moment ago."""
    chosen = language.by_tag(request.cookies.get(CHOSEN, ""))
    asked = language.asked_for(request.query_params.get("ui_locales", ""))
    before = language.by_tag(request.cookies.get(_ASKED, ""))
    accepted = language.accepted(request.headers.get("accept-language", ""))
    spoken = chosen or asked or before or accepted or ENGLISH
    return Reader(spoken, _address(request), chosen=chosen is not None, asked=asked)


def keep_asked(services: Services, response: Response) -> Response:
    """The language that this request's application has asked for is kept for the pages that follow."""
    asked = reader().asked
    return response if asked is None else keep(services, response, _ASKED, asked, ASKED_FOR)


def keep(services: Services, response: Response, name: str, kept: Language, seconds: int) -> Response:
    """Set a cookie: no script needs it, and no other site's form brings it along."""
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
