"""The client of a request to a protocol endpoint."""

from collections.abc import Mapping

from starlette.requests import Request

from segue_authz.domain.client import Client
from segue_authz.endpoints.services import Services


async def authenticated(services: Services, request: Request, form: Mapping[str, str]) -> Client:
    """Raises `InvalidClient` and `InvalidRequest`."""
    return await services.client_authenticator.authenticate(request.headers.getlist("authorization"), form)
