"""Flaws of accounts: nobody looks again, or what a person ends goes on."""

from dataclasses import replace
from typing import Any

from segue_authz.domain.grant import Standing, mintable_actions
from segue_authz.stores import grants
from segue_authz.stores.overview import Overview
from segue_authz.stores.withdrawals import Withdrawals

from threat_flaws.flaw import Patch, flaw, nothing_later


def _whoever(standing: Standing, *, now: int) -> frozenset[str]:
    return mintable_actions(replace(standing, account_enabled=True), now=now)


@flaw("XD-TOK-08")
def nobody_looks_at_the_account_again(patch: Patch) -> None:
    patch.setattr(grants, "mintable_actions", _whoever)


@flaw("XD-CONS-09")
def the_button_does_nothing(patch: Patch) -> None:
    patch.setattr(Withdrawals, "device", nothing_later)


@flaw("XD-CONS-09")
def the_page_shows_no_devices(patch: Patch) -> None:
    async def empty(*_: Any, **__: Any) -> list[Any]:
        return []

    patch.setattr(Overview, "grants", empty)
