"""Flaws of what the person is shown."""

from segue_authz.endpoints import claim as claim_endpoint
from segue_authz.endpoints import device

from threat_flaws.flaw import Patch, flaw, nothing


@flaw("XD-CONS-07")
def a_device_is_believed_where_it_is(patch: Patch) -> None:
    see = claim_endpoint.network_of
    patch.setattr(claim_endpoint, "network_of", lambda request: request.headers.get("x-forwarded-for") or see(request))


@flaw("XD-CONS-04")
def what_was_shown_is_not_compared(patch: Patch) -> None:
    patch.setattr(device, "changed", nothing)
