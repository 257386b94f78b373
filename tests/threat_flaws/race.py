"""Flaws of races."""

from segue_authz.endpoints import claim as claim_endpoint
from segue_authz.endpoints import decision
from segue_authz.stores.grants import Grants
from segue_resource.stores import unit

from threat_flaws.flaw import Patch, flaw, nothing_later
from threat_flaws.push import second_claim


@flaw("XD-RACE-08")
def a_try_is_not_counted_before_it_is_compared(patch: Patch) -> None:
    patch.setattr(decision, "attempt", lambda transfer, **_: transfer)


@flaw("XD-RACE-02")
def a_claim_overwrites_another(patch: Patch) -> None:
    patch.setattr(claim_endpoint, "claim", second_claim)


@flaw("XD-RACE-07")
def a_revocation_is_answered_and_not_done(patch: Patch) -> None:
    patch.setattr(Grants, "revoke", nothing_later)


@flaw("XD-RACE-09")
def a_device_writes_on_after_the_task_has_moved(patch: Patch) -> None:
    patch.setattr(unit, "_TAKE", unit._TAKE_STALE_TOO)
