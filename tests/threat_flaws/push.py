"""Flaws of the push."""

from dataclasses import replace

from segue_authz.domain import transfer as transfer_domain
from segue_authz.domain.transfer import Claim, Claimed, Transfer
from segue_authz.endpoints import claim as claim_endpoint
from segue_authz.endpoints import decision
from segue_authz.stores.grants import Grants

from threat_flaws.flaw import Patch, flaw, nothing_later


def second_claim(transfer: Transfer, by: Claim) -> Claimed:
    """As if nobody had claimed it."""
    if isinstance(transfer, Claimed):
        return Claimed(transfer.offer, by, expires_at=transfer.expires_at, opened_by=transfer.opened_by)
    return transfer_domain.claim(transfer, by)


@flaw("XD-PUSH-01")
def any_number_confirms(patch: Patch) -> None:
    patch.setattr(decision, "_must_match", lambda *_: False)


@flaw("XD-PUSH-03")
def no_number_confirms(patch: Patch) -> None:
    compare = decision.same
    patch.setattr(decision, "same", lambda right, typed: not typed or compare(right, typed))


@flaw("XD-PUSH-04")
def numbers_may_be_guessed_for_ever(patch: Patch) -> None:
    patch.setattr(decision, "CHECK_VALUE_ATTEMPTS", 1000)
    patch.setattr(transfer_domain, "CHECK_VALUE_ATTEMPTS", 1000)


@flaw("XD-PUSH-02")
def the_last_claim_wins(patch: Patch) -> None:
    patch.setattr(claim_endpoint, "claim", second_claim)


@flaw("XD-PUSH-07")
def any_client_may_claim(patch: Patch) -> None:
    def careless(transfer: Transfer, by: Claim) -> Claimed:
        meant = getattr(transfer.offer, "consumption_client_id", by.client_id)
        return transfer_domain.claim(transfer, replace(by, client_id=meant))

    patch.setattr(claim_endpoint, "claim", careless)


@flaw("XD-PUSH-06")
def a_thief_of_a_redeemed_code_changes_nothing(patch: Patch) -> None:
    patch.setattr(Grants, "revoke", nothing_later)
