"""The client of a request."""

from collections.abc import Mapping

from starlette.requests import Request

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidRequest, Refusal
from segue_authz.endpoints.network import limit
from segue_authz.endpoints.services import Services
from segue_authz.outbound import NotReached

_DOCUMENTS = 20
"""Documents that one network may have read in a minute."""


async def look_up(services: Services, client_id: str, *, network: str) -> Client | None:
    """The client that is about to ask a person; one that its document describes is read anew if the copy is old.

    Raises `InvalidRequest` if that document cannot be had.
    """
    documents = services.client_documents
    if documents.names(client_id) and not await documents.is_current(client_id):
        await limit(services, f"client-document:{network}", most=_DOCUMENTS, window=60)
        try:
            await documents.read(client_id)
        except (NotReached, Refusal) as failed:
            because = f"{client_id}: {failed}"
            raise InvalidRequest("the document that describes the application is not good", because=because) from failed
    return await services.clients.enabled(client_id)


async def authenticated(services: Services, request: Request, form: Mapping[str, str]) -> Client:
    """Raises `InvalidClient` and `InvalidRequest`."""
    return await services.client_authenticator.authenticate(request.headers.getlist("authorization"), form)
