"""Client authentication `none`: a public client names itself (RFC 6749 section 2.3, RFC 8414 section 2)."""

from collections.abc import Mapping

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidClient
from segue_authz.stores.clients import Clients


async def authenticate(form: Mapping[str, str], clients: Clients) -> Client:
    """The enabled client that `client_id` names. Raises `InvalidClient`."""
    client = await clients.enabled(form.get("client_id", ""))
    if client is None:
        raise InvalidClient("the client is not known")
    return client
