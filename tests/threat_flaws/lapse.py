"""Flaws of ends: something does not end, or begins anew after a restart."""

from typing import Any

from segue.replay import InProcessReplayMemory
from segue_authz.domain import grant as grant_domain
from segue_authz.domain import transfer as transfer_domain
from segue_authz.domain.grant import Authentication, Standing
from segue_authz.endpoints import authorize, decision, device, step_up
from segue_authz.grants import device_code
from segue_authz.stores import grants
from segue_authz.stores.sign_ins import SignIns

from threat_flaws.flaw import Patch, flaw, nothing_later


@flaw("XD-PULL-10")
def a_code_may_be_entered_for_ever(patch: Patch) -> None:
    def timeless(transfer: Any, **how: Any) -> Any:
        return transfer_domain.open_for_decision(transfer, **{**how, "now": 0})

    patch.setattr(decision, "open_for_decision", timeless)


@flaw("XD-PULL-10")
def an_approval_may_be_redeemed_for_ever(patch: Patch) -> None:
    def timeless(transfer: Any, **how: Any) -> Any:
        return transfer_domain.redeem(transfer, **{**how, "now": 0})

    patch.setattr(device_code, "redeem", timeless)


@flaw("XD-TOK-07")
def a_grant_has_no_end(patch: Patch) -> None:
    def timeless(standing: Standing, *, now: int) -> frozenset[str]:
        return grant_domain.mintable_actions(standing, now=min(now, standing.grant.expires_at - 1))

    patch.setattr(grants, "mintable_actions", timeless)


@flaw("XD-CONS-06")
def who_approves_counts_as_just_signed_in(patch: Patch) -> None:
    patch.setattr(decision, "Authentication", lambda auth_time, acr: Authentication(auth_time + 3600, acr))


@flaw("XD-CONS-06")
def a_sign_in_of_any_age_will_do(patch: Patch) -> None:
    patch.setattr(authorize, "satisfied", lambda *_: True)


@flaw("XD-PUSH-10", "a transfer is started at a desk that was left")
def a_device_starts_a_transfer_by_a_sign_in_of_any_age(patch: Patch) -> None:
    patch.setattr(step_up, "check_grant", nothing_later)


@flaw("XD-PUSH-10", "a transfer is started at a desk that was left")
def a_sign_in_serves_any_number_of_transfers(patch: Patch) -> None:
    patch.setattr(step_up, "spend", nothing_later)
    patch.setattr(SignIns, "serves", always_later)


@flaw("XD-PUSH-10", "a transfer is confirmed in a session that was left open")
def a_session_of_any_age_confirms(patch: Patch) -> None:
    patch.setattr(step_up, "check_session", nothing_later)


async def always_later(*_: Any) -> bool:
    return True


@flaw("XD-RACE-10")
def every_request_has_a_budget_of_its_own(patch: Patch) -> None:
    limit = device.limit

    async def careless(services: Any, key: str, **how: Any) -> None:
        await limit(services, f"{key} {services.random(8).hex()}", **how)

    patch.setattr(device, "limit", careless)


@flaw("XD-RACE-10")
def the_memory_of_proofs_does_not_say_that_it_is_a_new_one(patch: Patch) -> None:
    forget = InProcessReplayMemory._forget

    def unnoticed(self: InProcessReplayMemory) -> None:
        forget(self)
        self._incarnation = bytes(16)

    patch.setattr(InProcessReplayMemory, "_forget", unnoticed)
