"""Checks of first-key, tries-counted and newest-offer: who may go on with a transfer, and how often they may try."""

from segue_authz.domain.transfer import (
    CHECK_VALUE_ATTEMPTS,
    Approved,
    Cancelled,
    Claimed,
    NotPossible,
    Offered,
    attempt,
    cancel,
)
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.opening import Stores
from segue_authz.store_contract.race import RACERS, ROUNDS, together
from segue_authz.store_contract.world import BROWSER, LAPSES, NOW, STAGES, World, approval
from segue_authz.stores.port import Stored

FIRST, COUNTED, NEWEST = Law.FIRST_KEY, Law.TRIES_COUNTED, Law.NEWEST_OFFER


async def of_many_claims_the_first_key_is_kept(world: World) -> None:
    for _ in range(ROUNDS):
        offered = await world.offered(await world.holder())
        made = await together(
            FIRST,
            (stores.transfers.replace(offered, world.claim_of(offered)) for stores in world.both(RACERS)),
        )
        accepted = [each for each in made if each is not None]
        FIRST.require(len(accepted) == 1, f"{len(accepted)} of {RACERS} claims were accepted.")
        found = await world.read(offered.transfer.offer.transfer_id)
        FIRST.require(found == accepted[0], "the key of the claim that was accepted is not the one that is stored.")


async def a_later_claim_leaves_the_key(world: World) -> None:
    offered = await world.offered(await world.holder())
    first = await world.follow(offered, world.claim_of(offered))
    answer = await world.others.transfers.replace(offered, world.claim_of(offered))
    found = await world.read(offered.transfer.offer.transfer_id)
    FIRST.require(found == first, "a later claim has replaced the first one's key.")
    FIRST.require(answer is None, "a later claim was told that it succeeded.")


async def of_many_tries_as_many_are_made_as_are_allowed(world: World) -> None:
    for _ in range(ROUNDS):
        transfer_id = (await world.claimed(await world.holder())).transfer.offer.transfer_id
        tries = await together(COUNTED, (_try(stores, transfer_id) for stores in world.both(RACERS)))
        COUNTED.require(sum(tries) == CHECK_VALUE_ATTEMPTS, f"{sum(tries)} tries were made at once.")
        found = (await world.read(transfer_id)).transfer
        counted = found.attempts if isinstance(found, Claimed) else None
        COUNTED.require(counted == CHECK_VALUE_ATTEMPTS, f"{counted} tries are counted.")


async def _try(stores: Stores, transfer_id: str) -> bool:
    """Spend a try as the confirm page does: whether the value may now be compared."""
    while stored := await stores.transfers.by_id(transfer_id):
        try:
            spent = attempt(stored.transfer, browser=BROWSER, now=NOW)
        except NotPossible:
            return False
        if await stores.transfers.replace(stored, spent):
            return True
    return False


async def a_new_offer_cancels_the_older_one(world: World) -> None:
    for step in STAGES:
        source, bystander = await world.holder(), await world.holder()
        older, unrelated = await world.at(step, source), await world.at(step, bystander)
        await world.offered(source)
        found = await world.read(older.transfer.offer.transfer_id)
        NEWEST.require(isinstance(found.transfer, Cancelled), f"an older {step} one is {found.transfer}.")
        found = await world.read(unrelated.transfer.offer.transfer_id)
        NEWEST.require(found == unrelated, "the offer of another grant was touched.")


async def a_new_offer_leaves_finished_ones(world: World) -> None:
    source = await world.holder()
    cancelled = await world.offered(source)
    await world.stores.transfers.replace(cancelled, cancel(cancelled.transfer))
    redeemed = await world.approved(source, "share")
    await world.redeem(redeemed)
    ids = [each.transfer.offer.transfer_id for each in (cancelled, redeemed)]
    before = [await world.read(each) for each in ids]
    await world.offered(source)
    NEWEST.require([await world.read(each) for each in ids] == before, "a finished one was touched.")


async def of_many_new_offers_one_is_left(world: World) -> None:
    for _ in range(ROUNDS):
        source = await world.holder()
        offered = [Offered(world.offer(source), LAPSES) for _ in range(RACERS)]
        calls = (
            stores.transfers.add(each, handle_digest=world.id("handle"), code_digest=world.id("code"))
            for stores, each in zip(world.both(RACERS), offered, strict=True)
        )
        await together(NEWEST, calls)
        left = [await world.read(each.offer.transfer_id) for each in offered]
        unfinished = sum(isinstance(each.transfer, Offered) for each in left)
        NEWEST.require(unfinished == 1, f"{unfinished} of {RACERS} can go on.")


async def an_older_offer_is_cancelled_however_it_moves(world: World) -> None:
    """The older one is claimed, tried at and approved while the newer one is made."""
    for number in range(2 * ROUNDS):
        source = await world.holder()
        older = await world.at(STAGES[number % 2], source)
        newer = Offered(world.offer(source), LAPSES)
        add = world.stores.transfers.add(newer, handle_digest=world.id("handle"), code_digest=world.id("code"))
        await together(NEWEST, [add, *(_advance(world, stores, older) for stores in world.both(4))])
        found = await world.read(older.transfer.offer.transfer_id)
        NEWEST.require(isinstance(found.transfer, Cancelled), f"the older one is {found.transfer}.")


async def _advance(world: World, stores: Stores, stored: Stored | None) -> None:
    while stored is not None:
        transfer = stored.transfer
        if isinstance(transfer, Offered):
            await stores.transfers.replace(stored, world.claim_of(stored))
        elif isinstance(transfer, Claimed) and transfer.attempts < 20:
            further = Claimed(transfer.offer, transfer.claim, LAPSES, BROWSER, transfer.attempts + 1)
            await stores.transfers.replace(stored, further)
        elif isinstance(transfer, Claimed):
            await stores.transfers.replace(stored, approval(stored))
        if isinstance(transfer, Approved | Cancelled):
            return
        stored = await stores.transfers.by_id(transfer.offer.transfer_id)


CHECKS = {
    of_many_claims_the_first_key_is_kept: FIRST,
    a_later_claim_leaves_the_key: FIRST,
    of_many_tries_as_many_are_made_as_are_allowed: COUNTED,
    a_new_offer_cancels_the_older_one: NEWEST,
    a_new_offer_leaves_finished_ones: NEWEST,
    of_many_new_offers_one_is_left: NEWEST,
    an_older_offer_is_cancelled_however_it_moves: NEWEST,
}
