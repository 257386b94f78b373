"""Reading `authorization_details` of a request: one task, and no more than the client is registered for (RFC 9396)."""

from collections.abc import Mapping

from segue import authority

from segue_authz.domain.client import Client
from segue_authz.domain.identifier import new
from segue_authz.domain.refusal import InvalidAuthorizationDetails
from segue_authz.domain.transfer import Asked
from segue_authz.endpoints.services import Services


def read_task(parameters: Mapping[str, str], client: Client) -> authority.TaskRequest:
    """Raises `InvalidAuthorizationDetails`."""
    try:
        task = authority.parse_requested(parameters.get("authorization_details", ""))
    except authority.InvalidAuthorizationDetails as invalid:
        raise InvalidAuthorizationDetails("authorization_details must hold one task", because=str(invalid)) from invalid
    if not task.actions <= client.actions:
        raise InvalidAuthorizationDetails("the client is not registered for one of the actions")
    return task


def asked_for(services: Services, task: authority.TaskRequest, *, now: int) -> Asked:
    """What a device asks for, under a new identifier; what it says of the session is kept sealed."""
    transfer_id = new("trf", services.random)
    about = None if task.about is None else services.sealing.seal(task.about, row=transfer_id)
    return Asked(transfer_id, task.task_id, task.name, task.actions, now, about)
