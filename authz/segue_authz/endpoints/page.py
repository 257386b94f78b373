"""How the pages answer: a refusal is a page too, and it says what the person can do."""

import logging

from segue.replay import MemoryUnavailable
from segue_storage.database import DatabaseUnavailable
from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.refusal import Refusal
from segue_authz.domain.task_card import CardsUnavailable
from segue_authz.endpoints.answer import Endpoint, Handler
from segue_authz.endpoints.services import Services

_LOG = logging.getLogger("segue_authz")


def page_endpoint(services: Services, handler: Handler) -> Endpoint:
    """The handler with its refusals shown as pages."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(services, request)
        except Refusal as refusal:
            _LOG.info("%s refused: %s", request.url.path, refusal)
            text = refusal.description[0].upper() + refusal.description[1:] + "."
            view = pages.Message("This did not work", text, status=refusal.status)
        except (CardsUnavailable, MemoryUnavailable, DatabaseUnavailable) as outage:
            _LOG.error("%s: %s", request.url.path, outage)
            text = "A part of the service cannot be reached. Load this page again in a moment to see how things stand."
            view = pages.Message("Not available right now", text, status=503)
        return pages.message(view, https=services.settings.https)

    return endpoint
