"""Flaws of the pull."""

import unicodedata
from collections.abc import Callable
from typing import Any

from segue_authz.domain import transfer as transfer_domain
from segue_authz.endpoints import decision, device, device_authorization
from segue_authz.grants import device_code
from segue_authz.stores.transfers import Transfers

from threat_flaws.flaw import Patch, flaw, nothing_later


@flaw("XD-PULL-01")
def any_number_approves(patch: Patch) -> None:
    patch.setattr(decision, "_must_match", lambda *_: False)


@flaw("XD-PULL-03")
def a_code_may_be_spread(patch: Patch) -> None:
    patch.setattr(decision, "_void", nothing_later)


@flaw("XD-PULL-04")
def codes_may_be_guessed_for_ever(patch: Patch) -> None:
    patch.setattr(device, "_count_try", nothing_later)


@flaw("XD-PULL-05")
def codes_are_folded_beyond_the_rule(patch: Patch) -> None:
    strict = device_authorization.normalise
    patch.setattr(device_authorization, "normalise", lambda typed: strict(unicodedata.normalize("NFKC", typed)))


def _redeem(**changes: str) -> Callable[..., Any]:
    """The redemption that takes the claim's word for what the request says."""

    def careless(transfer: Any, **request: Any) -> Any:
        return transfer_domain.redeem(
            transfer, **{**request, **{name: getattr(transfer.claim, of) for name, of in changes.items()}}
        )

    return careless


@flaw("XD-PULL-07")
def any_client_may_redeem(patch: Patch) -> None:
    patch.setattr(device_code, "redeem", _redeem(client_id="client_id"))


@flaw("XD-PULL-08")
def any_key_may_redeem(patch: Patch) -> None:
    patch.setattr(device_code, "redeem", _redeem(jkt="jkt"))


@flaw("XD-PULL-09")
def polls_are_never_too_fast(patch: Patch) -> None:
    async def in_time(*_: Any, **__: Any) -> bool:
        return True

    patch.setattr(Transfers, "poll", in_time)


@flaw("XD-PULL-06")
def the_tag_of_a_device_code_is_not_compared(patch: Patch) -> None:
    patch.setattr(device_code, "same", lambda *_: True)
