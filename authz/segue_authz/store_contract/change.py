"""Checks of compare-and-set, finished-stays and faithful: a transfer changes from what it is, forward, and not back."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from segue_authz.domain.transfer import Approved, Cancelled, Claimed, Denied, Offered, Requested, Transfer, cancel, void
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.opening import Stores
from segue_authz.store_contract.race import RACERS, ROUNDS, settled, together
from segue_authz.store_contract.world import BROWSER, LAPSES, STAGES, World, approval
from segue_authz.stores.port import CodeTaken, Stored

CAS, FINISHED, FAITHFUL = Law.COMPARE_AND_SET, Law.FINISHED_STAYS, Law.FAITHFUL
WHOLE = Law.WHOLE_OR_NOTHING


async def every_state_is_read_as_it_was_stored(world: World) -> None:
    for step in STAGES:
        stored = await world.at(step, await world.holder())
        ended = cancel(stored.transfer)
        for each in (stored.transfer, _opened(stored, BROWSER), ended):
            await _is_kept(world, stored, each)
            stored = await world.read(stored.transfer.offer.transfer_id)
    asked = await world.asked(world.id("tsk"))
    if isinstance(asked.transfer, Requested):
        await _is_kept(world, asked, void(replace(asked.transfer, attempts=2)))
    given_up = await world.asked(world.id("tsk"))
    await _is_kept(world, given_up, cancel(given_up.transfer))


async def _is_kept(world: World, stored: Stored, new: Transfer) -> None:
    await world.stores.transfers.replace(stored, new)
    found = await world.read(new.offer.transfer_id)
    FAITHFUL.require(found.transfer == new, f"{new} was stored and {found.transfer} is read.")


async def a_code_that_is_taken_changes_nothing(world: World) -> None:
    """Whatever became of the transfer that has it; an offer that is refused cancels none of its own grant."""
    code, source = world.id("code"), await world.holder()
    asked = world.asked_for(world.id("tsk"))
    await world.stores.transfers.request(asked, code_digest=code)
    before = await world.offered(source)
    offered = Offered(world.offer(source), LAPSES)
    again = replace(asked, offer=replace(asked.offer, transfer_id=world.id("trf")))
    for stores in world.both(2):
        adding = await settled(stores.transfers.add(offered, handle_digest=world.id("handle"), code_digest=code))
        asking = await settled(stores.transfers.request(again, code_digest=code))
        WHOLE.require(isinstance(adding, CodeTaken), f"an offer under a code that is taken was told {adding!r}.")
        WHOLE.require(isinstance(asking, CodeTaken), f"a request under a code that is taken was told {asking!r}.")
        found = await world.read(before.transfer.offer.transfer_id)
        WHOLE.require(found == before, f"an offer under a code that is taken left the one before as {found}.")
        WHOLE.require(await stores.transfers.by_id(offered.offer.transfer_id) is None, "the refused offer was written.")


async def a_change_from_an_old_read_is_refused(world: World) -> None:
    for step in ("offered", "claimed", "approved"):
        old = await world.at(step, await world.holder())
        kept = await world.stores.transfers.replace(old, _opened(old, "another browser"))
        for stores in world.both(2):
            answer = await stores.transfers.replace(old, cancel(old.transfer))
            CAS.require(answer is None, f"a {step} transfer was changed from an old read.")
            found = await world.read(old.transfer.offer.transfer_id)
            CAS.require(found == kept, f"a refused change left {found} instead of {kept}.")


async def no_change_is_lost_among_many(world: World) -> None:
    """Each of many adds one, again and again until its change is accepted: the sum must be their number."""
    stored = await world.claimed(await world.holder())
    transfer_id = stored.transfer.offer.transfer_id
    await together(CAS, (_add_one(stores, transfer_id) for stores in world.both(RACERS)))
    found = await world.read(transfer_id)
    counted = found.transfer.attempts if isinstance(found.transfer, Claimed) else None
    CAS.require(counted == RACERS, f"{RACERS} changes were accepted and {counted} are there.")
    CAS.require(found.version != stored.version, "the version is the old one.")


async def _add_one(stores: Stores, transfer_id: str) -> None:
    for _ in range(20 * RACERS):
        stored = await stores.transfers.by_id(transfer_id)
        if stored is None or not isinstance(stored.transfer, Claimed):
            return
        if await stores.transfers.replace(stored, replace(stored.transfer, attempts=stored.transfer.attempts + 1)):
            return


async def of_different_decisions_at_once_one_is_made(world: World) -> None:
    """The person approves, declines and cancels in the same moment: what each was told is what has happened."""
    for _ in range(ROUNDS):
        stored = await world.claimed(await world.holder())
        decisions: list[Transfer] = [approval(stored), _denial(stored), cancel(stored.transfer)]
        made = await together(
            CAS,
            (stores.transfers.replace(stored, decision) for stores in world.both(4) for decision in decisions),
        )
        accepted = [each for each in made if each is not None]
        CAS.require(len(accepted) == 1, f"{len(accepted)} decisions were accepted.")
        found = await world.read(stored.transfer.offer.transfer_id)
        CAS.require(found == accepted[0], f"{accepted[0]} was accepted and {found} is stored.")


async def a_late_approval_brings_nothing_back(world: World) -> None:
    for ended in (_denial, _cancellation):
        claimed = await world.claimed(await world.holder())
        end = await world.stores.transfers.replace(claimed, ended(claimed))
        for stores in world.both(2):
            await _stays(world, end, stores.transfers.replace(claimed, approval(claimed)))


async def a_late_step_brings_no_redeemed_transfer_back(world: World) -> None:
    source = await world.holder()
    claimed = await world.claimed(source)
    approved = await world.follow(claimed, approval(claimed))
    await world.redeem(approved)
    end = await world.read(approved.transfer.offer.transfer_id)
    late: list[tuple[Stored, Transfer]] = [
        (claimed, approval(claimed)),
        (claimed, _denial(claimed)),
        (approved, _cancellation(approved)),
        (approved, approved.transfer),
    ]
    for old, new in late:
        await _stays(world, end, world.stores.transfers.replace(old, new))


async def a_late_redemption_brings_nothing_back(world: World) -> None:
    for ended in (_denial, _cancellation):
        approved = await world.approved(await world.holder())
        end = await world.stores.transfers.replace(approved, ended(approved))
        for stores in world.both(2):
            await _stays(world, end, world.redeem(approved, stores))


async def _stays(world: World, end: Stored | None, late: Coroutine[Any, Any, object]) -> None:
    if end is None:
        raise TypeError("a change that nobody contended for was refused")
    answer = await late
    found = await world.read(end.transfer.offer.transfer_id)
    FINISHED.require(found == end, f"{end.transfer} has become {found.transfer}.")
    FINISHED.require(answer is None, f"a step that came after {end.transfer} was told that it succeeded.")


def _opened(stored: Stored, browser: str) -> Transfer:
    """A change that stays in the state."""
    if not isinstance(stored.transfer, Offered | Claimed | Approved):
        raise TypeError("only an unfinished push is opened here")
    return replace(stored.transfer, opened_by=browser)


def _denial(stored: Stored) -> Denied:
    transfer = stored.transfer
    return Denied(transfer.offer, transfer.claim if isinstance(transfer, Claimed | Approved) else None)


def _cancellation(stored: Stored) -> Cancelled:
    return cancel(stored.transfer)


CHECKS = {
    every_state_is_read_as_it_was_stored: FAITHFUL,
    a_code_that_is_taken_changes_nothing: WHOLE,
    a_change_from_an_old_read_is_refused: CAS,
    no_change_is_lost_among_many: CAS,
    of_different_decisions_at_once_one_is_made: CAS,
    a_late_approval_brings_nothing_back: FINISHED,
    a_late_step_brings_no_redeemed_transfer_back: FINISHED,
    a_late_redemption_brings_nothing_back: FINISHED,
}
