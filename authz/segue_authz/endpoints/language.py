"""The choice of a language that the foot of each page offers."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.reading import CHOSEN, keep
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import local
from segue_authz.pages import language

CHOSEN_FOR = 365 * 86400


async def choose(services: Services, request: Request) -> Response:
    """Keep the person's choice in this browser, and show the page again. No secret guards it: it decides nothing."""
    form = await read_form(request)
    chosen = language.by_tag(form.get("language", ""))
    if chosen is None:
        raise InvalidRequest("the pages are not written in that language")
    response = RedirectResponse(local(form.get("here", "/")), status_code=303)
    return keep(services, response, CHOSEN, chosen, CHOSEN_FOR)
