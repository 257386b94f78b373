"""Reading `authorization_details` of a request: one task, and no more than the client is registered for (RFC 9396)."""

from collections.abc import Mapping

from segue import authority

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidAuthorizationDetails


def read_task(parameters: Mapping[str, str], client: Client) -> authority.TaskRequest:
    """Raises `InvalidAuthorizationDetails`."""
    try:
        task = authority.parse_requested(parameters.get("authorization_details", ""))
    except authority.InvalidAuthorizationDetails as invalid:
        raise InvalidAuthorizationDetails("authorization_details must hold one task", because=str(invalid)) from invalid
    if not task.actions <= client.actions:
        raise InvalidAuthorizationDetails("the client is not registered for one of the actions")
    return task
