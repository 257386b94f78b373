"""Faults of the kind this service must not have, each put into the domain or the stores by a patch."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from segue_authz.domain import grant as grant_domain
from segue_authz.domain.grant import Standing
from segue_authz.domain.transfer import Approved, Transfer
from segue_authz.endpoints import claim as claim_endpoint
from segue_authz.endpoints import decision
from segue_authz.grants import device_code
from segue_authz.stores import grants as grant_store
from segue_authz.stores import transfers as transfer_store
from segue_authz.stores.grants import Grants
from segue_authz.stores.port import Stored
from segue_authz.stores.tables import transfers
from segue_authz.stores.transfers import Transfers, replace_in

Patch = pytest.MonkeyPatch
FAULTS: dict[str, Callable[[Patch], None]] = {}


def _fault(put_in: Callable[[Patch], None]) -> Callable[[Patch], None]:
    FAULTS[put_in.__name__] = put_in
    return put_in


@_fault
def check_then_act(patch: Patch) -> None:
    """A change is made to whatever is stored by then."""
    patch.setattr(transfer_store, "replace_in", _overwrite)


@_fault
def late_approval(patch: Patch) -> None:
    """An approval is written without looking whether the transfer has ended meanwhile."""
    careful = Transfers.replace

    async def careless(self: Transfers, stored: Stored, new: Transfer) -> Stored | None:
        if not isinstance(new, Approved):
            return await careful(self, stored, new)
        await self._database.write(lambda connection: _overwrite(connection, stored, new))
        return stored

    patch.setattr(Transfers, "replace", careless)


@_fault
def poll_writes_the_whole_row(patch: Patch) -> None:
    """Noting a poll writes back what was read before it."""
    note = Transfers.poll

    async def note_and_write_back(self: Transfers, transfer_id: str, *, now: int) -> bool:
        stored = await self.by_id(transfer_id)
        assert stored is not None
        in_time = await note(self, transfer_id, now=now)
        await self._database.write(lambda connection: _overwrite(connection, stored, stored.transfer))
        return in_time

    patch.setattr(Transfers, "poll", note_and_write_back)


@_fault
def any_key_redeems(patch: Patch) -> None:
    def redeem(transfer: Any, **arguments: Any) -> Any:
        owner = getattr(transfer, "claim", None)
        return _redeem(transfer, **arguments | ({"jkt": owner.jkt} if owner else {}))

    _redeem = device_code.redeem
    patch.setattr(device_code, "redeem", redeem)


@_fault
def any_browser_decides(patch: Patch) -> None:
    for name in ("open_for_decision", "attempt", "approve"):
        patch.setattr(decision, name, _as_the_opener(getattr(decision, name)))


@_fault
def tries_are_not_counted(patch: Patch) -> None:
    def attempt(transfer: Any, **arguments: Any) -> Any:
        return replace(_attempt(transfer, **arguments), attempts=0)

    _attempt = decision.attempt
    patch.setattr(decision, "attempt", attempt)


@_fault
def a_spread_code_goes_on(patch: Patch) -> None:
    async def _void(*_: object) -> None:
        return None

    patch.setattr(decision, "_void", _void)


@_fault
def a_second_more_to_claim(patch: Patch) -> None:
    def claim(transfer: Any, by: Any) -> Any:
        return _claim(transfer, replace(by, claimed_at=by.claimed_at - 1))

    _claim = claim_endpoint.claim
    patch.setattr(claim_endpoint, "claim", claim)


@_fault
def a_second_more_to_redeem(patch: Patch) -> None:
    def redeem(transfer: Any, **arguments: Any) -> Any:
        return _redeem(transfer, **arguments | {"now": arguments["now"] - 1})

    _redeem = device_code.redeem
    patch.setattr(device_code, "redeem", redeem)


@_fault
def a_second_more_of_grace(patch: Patch) -> None:
    patch.setattr(grant_domain, "REPEAT_LIFETIME", grant_domain.REPEAT_LIFETIME + 1)


@_fault
def reuse_is_answered(patch: Patch) -> None:
    def rotate(grant: Any, *, generation: int, now: int) -> Any:
        return _rotate(grant, generation=max(generation, grant.generation - 1), now=min(now, grant.rotated_at or now))

    _rotate = grant_store.rotate
    patch.setattr(grant_store, "rotate", rotate)


@_fault
def replay_revokes_nothing(patch: Patch) -> None:
    async def revoke(*_: object, **__: object) -> bool:
        return False

    patch.setattr(Grants, "revoke", revoke)


@_fault
def the_epoch_rises_twice(patch: Patch) -> None:
    def raise_epoch(connection: sa.Connection, task_id: str, subject: str) -> int:
        return _raise(connection, task_id, subject) and _raise(connection, task_id, subject)

    def raise_epochs(connection: sa.Connection, grants: Any) -> None:
        for _ in "12":
            _raise_all(connection, grants)

    _raise, _raise_all = transfer_store.raise_epoch, transfer_store.raise_epochs
    patch.setattr(transfer_store, "raise_epoch", raise_epoch)
    patch.setattr(transfer_store, "raise_epochs", raise_epochs)


@_fault
def a_withdrawn_source_still_gives(patch: Patch) -> None:
    patch.setattr(transfer_store, "_passed_on", lambda approved, *_, **__: approved.offer.actions)


@_fault
def a_revoked_device_still_mints(patch: Patch) -> None:
    _patch_standing(patch, lambda standing: replace(standing, device_enabled=True))


@_fault
def who_lost_the_task_still_writes(patch: Patch) -> None:
    _patch_standing(patch, lambda standing: replace(standing, task_epoch=standing.grant.epoch))


def _overwrite(connection: sa.Connection, stored: Stored, new: Transfer) -> bool:
    own = transfers.c.transfer_id == new.offer.transfer_id
    version = connection.execute(sa.select(transfers.c.version).where(own)).scalar_one()
    return replace_in(connection, replace(stored, version=version), new)


def _as_the_opener(step: Callable[..., Any]) -> Callable[..., Any]:
    def taken(transfer: Any, *arguments: Any, browser: str, **further: Any) -> Any:
        return step(transfer, *arguments, browser=getattr(transfer, "opened_by", None) or browser, **further)

    return taken


def _patch_standing(patch: Patch, change: Callable[[Standing], Standing]) -> None:
    """Device revocation also revokes the grants; only what looks at the device itself is switched off."""
    patch.setattr(
        grant_store,
        "mintable_actions",
        lambda standing, *, now: grant_domain.mintable_actions(change(standing), now=now),
    )
