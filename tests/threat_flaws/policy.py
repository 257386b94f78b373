"""Flaws of the transfer policy: it is not asked, or not by every endpoint, or asked about what a device says."""

from typing import Any

from segue_authz.endpoints import claim, device, device_authorization, policing, transfer

from threat_flaws.flaw import Patch, flaw, nothing


@flaw("XD-PULL-02")
def nearness_is_not_required(patch: Patch) -> None:
    patch.setattr(policing, "is_near", lambda *_, **__: True)


@flaw("XD-PULL-02")
def the_page_does_not_say_where_a_device_is(patch: Patch) -> None:
    patch.setattr(device, "nearness_to_show", nothing)


@flaw("XD-CONS-08")
def a_device_may_ask_from_anywhere(patch: Patch) -> None:
    patch.setattr(device_authorization, "check_network", nothing)


@flaw("XD-CONS-08")
def a_task_may_be_offered_from_anywhere(patch: Patch) -> None:
    patch.setattr(transfer, "check_network", nothing)


@flaw("XD-CONS-08")
def a_header_says_which_network_it_is(patch: Patch) -> None:
    see = claim.network_of

    def believing(request: Any) -> str:
        return request.headers.get("x-real-ip") or see(request)

    patch.setattr(claim, "network_of", believing)
