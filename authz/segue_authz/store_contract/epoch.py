"""Checks of epoch-once and holder-gives: what a move does to the task's epoch, and who may move it."""

import asyncio
from dataclasses import replace

from segue_authz.domain.grant import Grant, Withdrawn
from segue_authz.domain.transfer import Redeemed, cancel
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.race import RACERS, ROUNDS, settled, together
from segue_authz.store_contract.world import NOW, World, approval
from segue_authz.stores.port import Issued, Stored

EPOCH, HOLDER = Law.EPOCH_ONCE, Law.HOLDER_GIVES


async def each_move_raises_the_epoch_by_one(world: World) -> None:
    task_id = world.id("tsk")
    for _ in range(3):
        source = await world.holder(task_id)
        issued = await world.redeem(await world.approved(source))
        epochs = None if issued is None else (issued.grant.epoch, await world.epoch(source.grant_id))
        due = source.epoch + 1
        EPOCH.require(epochs == (due, due), f"after a move from {source.epoch} grant and task are at {epochs}.")


async def sharing_leaves_the_epoch(world: World) -> None:
    source = await world.holder()
    issued = await world.redeem(await world.approved(source, "share"))
    EPOCH.require(issued is not None and issued.grant.epoch == source.epoch, "the shared grant has another epoch.")
    EPOCH.require(await world.epoch(source.grant_id) == source.epoch, "the task has another epoch.")


async def refused_redemptions_leave_the_epoch(world: World) -> None:
    source = await world.holder()
    approved = await world.approved(source)
    await world.stores.transfers.replace(approved, cancel(approved.transfer))
    await together(EPOCH, (world.redeem(approved, stores) for stores in world.both(RACERS)))
    EPOCH.require(await world.epoch(source.grant_id) == source.epoch, "redemptions that lost have raised it.")


async def of_many_redemptions_one_raises_the_epoch(world: World) -> None:
    for _ in range(ROUNDS):
        source = await world.holder()
        approved = await world.approved(source)
        await together(EPOCH, (world.redeem(approved, stores) for stores in world.both(RACERS)))
        risen = await world.epoch(source.grant_id) - source.epoch
        EPOCH.require(risen == 1, f"{RACERS} redemptions of one transfer raised it by {risen}.")


async def redemption_grant_and_epoch_are_seen_together(world: World) -> None:
    """Somebody looks all the time: whichever sign of the redemption is seen first, the others are there."""
    for _ in range(ROUNDS):
        source = await world.holder()
        approved = await world.approved(source)
        watching = asyncio.Event()
        await together(
            EPOCH, [_watch(world, source, approved, watching), _redeem_once_watched(world, approved, watching)]
        )


async def _redeem_once_watched(world: World, approved: Stored, watching: asyncio.Event) -> None:
    await watching.wait()
    await world.redeem(approved)


async def _watch(world: World, source: Grant, approved: Stored, watching: asyncio.Event) -> None:
    moved = False
    while not moved:
        epoch = await world.epoch(source.grant_id)
        found = (await world.read(approved.transfer.offer.transfer_id)).transfer
        watching.set()
        if epoch > source.epoch:
            EPOCH.require(isinstance(found, Redeemed), "the epoch was raised before the redemption.")
        if isinstance(found, Redeemed):
            moved = True
            standing = await world.others.grants.standing(found.grant_id)
            EPOCH.require(standing is not None, "the redemption was seen before its grant.")
            EPOCH.require(await world.epoch(source.grant_id) == source.epoch + 1, "it was seen before its epoch.")


async def a_holder_whose_task_has_moved_gives_nothing(world: World) -> None:
    task_id = world.id("tsk")
    one, other = await world.holder(task_id), await world.holder(task_id)
    approved = [await world.approved(one), await world.approved(other)]
    await world.redeem(approved[0])
    answer = await settled(world.redeem(approved[1]))
    HOLDER.require(isinstance(answer, Withdrawn), "a grant behind the task's epoch was passed on.")
    HOLDER.require(await world.epoch(one.grant_id) == one.epoch + 1, "the refusal has raised the epoch.")


async def of_two_holders_moving_at_once_one_succeeds(world: World) -> None:
    for _ in range(3 * ROUNDS):
        task_id = world.id("tsk")
        holders = [await world.holder(task_id) for _ in range(2)]
        approved = [await world.approved(holder) for holder in holders]
        answers = await together(
            HOLDER,
            (settled(world.redeem(each, stores)) for each, stores in zip(approved, world.both(2), strict=True)),
        )
        moved = [answer for answer in answers if isinstance(answer, Issued)]
        HOLDER.require(len(moved) == 1, f"{len(moved)} of two holders of one epoch have moved the task.")


async def sharing_during_a_move_gives_no_part_in_the_new_epoch(world: World) -> None:
    """Before the move the share is good and then behind; after it there is nothing left to share."""
    for _ in range(3 * ROUNDS):
        task_id = world.id("tsk")
        mover, sharer = await world.holder(task_id), await world.holder(task_id)
        moving, sharing = await world.approved(mover), await world.approved(sharer, "share")
        _, shared = await together(
            HOLDER,
            [settled(world.redeem(moving, world.stores)), settled(world.redeem(sharing, world.others))],
        )
        behind = shared.grant.epoch == sharer.epoch if isinstance(shared, Issued) else isinstance(shared, Withdrawn)
        HOLDER.require(behind, f"the share of a holder at epoch {sharer.epoch} came to {shared}.")


async def a_revoked_source_gives_nothing(world: World) -> None:
    source = await world.holder()
    approved = await world.approved(source)
    await world.others.grants.revoke(source.grant_id, now=NOW)
    answer = await settled(world.redeem(approved))
    HOLDER.require(isinstance(answer, Withdrawn), "a revoked grant was passed on.")


async def no_more_is_given_than_the_source_has(world: World) -> None:
    """The transfer names an action that the source grant does not have."""
    few = frozenset({"task:read", "events:read"})
    proposed = replace(world.proposal(world.desktop, world.id("tsk"), jkt=world.id("jkt")), actions=few)
    source = await world.write(proposed)
    claimed = await world.claimed(source, "share")
    approved = approval(claimed)
    wider = replace(approved, offer=replace(approved.offer, actions=few | {"task:write"}))
    issued = await world.redeem(await world.follow(claimed, wider))
    given = None if issued is None else issued.grant.actions
    HOLDER.require(given == few, f"a grant with {sorted(few)} has given {sorted(given or ())}.")


CHECKS = {
    each_move_raises_the_epoch_by_one: EPOCH,
    sharing_leaves_the_epoch: EPOCH,
    refused_redemptions_leave_the_epoch: EPOCH,
    of_many_redemptions_one_raises_the_epoch: EPOCH,
    redemption_grant_and_epoch_are_seen_together: EPOCH,
    a_holder_whose_task_has_moved_gives_nothing: HOLDER,
    of_two_holders_moving_at_once_one_succeeds: HOLDER,
    sharing_during_a_move_gives_no_part_in_the_new_epoch: HOLDER,
    a_revoked_source_gives_nothing: HOLDER,
    no_more_is_given_than_the_source_has: HOLDER,
}
