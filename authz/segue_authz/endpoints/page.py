"""How the pages answer: a refusal is a page too, and it says what the person can do."""

import logging
from urllib.parse import urlsplit

from segue.replay import MemoryUnavailable
from segue_storage.database import DatabaseUnavailable
from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.refusal import Refusal
from segue_authz.domain.task_card import CardsUnavailable
from segue_authz.endpoints.answer import Endpoint, Handler, note
from segue_authz.endpoints.reading import keep_asked, reader_of
from segue_authz.endpoints.services import Services
from segue_authz.pages.refusal import refused
from segue_authz.pages.text import gettext, reading

_LOG = logging.getLogger("segue_authz")


class FromElsewhere(Refusal):
    """Another site has posted this."""

    error = "invalid_request"
    status = 403


def page_endpoint(services: Services, handler: Handler) -> Endpoint:
    """The handler with its refusals shown as pages."""

    async def endpoint(request: Request) -> Response:
        with reading(reader_of(request)):
            return keep_asked(services, await answer(request))

    async def answer(request: Request) -> Response:
        try:
            if request.method == "POST":
                check_origin(services, request)
            return await handler(services, request)
        except Refusal as refusal:
            _LOG.info("%s refused: %s", request.url.path, refusal)
            note(refusal, request)
            view = refused(refusal)
        except (CardsUnavailable, MemoryUnavailable, DatabaseUnavailable) as outage:
            _LOG.error("%s: %s", request.url.path, outage)
            text = gettext(
                "A part of the service cannot be reached. Load this page again in a moment to see how things stand."
            )
            view = pages.Message(gettext("Not available right now"), text, status=503)
        return pages.message(view, https=services.settings.https)

    return endpoint


def check_origin(services: Services, request: Request) -> None:
    """Raises `FromElsewhere` unless the browser says that the form is one of ours, or says nothing (XD-WEB-01).

    Our pages send no referrer, and then the `Origin` of an honest form is `null` (Fetch, "append a request `Origin`
    header"). So this comes beside the secret in the form and never in its place.
    """
    scheme, host, *_ = urlsplit(services.settings.issuer)
    own = request.headers.get("origin", "null") in ("null", f"{scheme}://{host}")
    if not own or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise FromElsewhere("this form was sent from another site")
