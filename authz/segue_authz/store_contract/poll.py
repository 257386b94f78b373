"""Checks of poll-apart and tombstones-stay: what is noted beside a transfer, and what is found after its end."""

import asyncio
from collections.abc import Callable

from segue_authz.domain.transfer import Denied, Offered, Redeemed, Transfer, cancel
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.opening import Stores
from segue_authz.store_contract.race import RACERS, ROUNDS, together
from segue_authz.store_contract.world import LAPSES, NOW, World, approval
from segue_authz.stores.port import INTERVAL, MAX_INTERVAL, SLOWER, NewDevice, Stored

APART, STAY = Law.POLL_APART, Law.TOMBSTONES_STAY


async def polls_are_paced_for_all_processes(world: World) -> None:
    transfer_id = (await world.claimed(await world.holder())).transfer.offer.transfer_id
    interval, now = INTERVAL, NOW
    for number, stores in enumerate(world.both(2 * MAX_INTERVAL // SLOWER)):
        in_time = await stores.transfers.poll(transfer_id, now=now)
        APART.require(in_time == (number == 0), f"poll {number}, no time after the one before, was told {in_time}.")
        interval = min(interval + SLOWER, MAX_INTERVAL) if number else interval
    for stores in world.both(2):
        early = await stores.transfers.poll(transfer_id, now=(now := now + interval - 2))
        APART.require(not early, f"a poll two seconds before the interval of {interval} was not too early.")
        interval = min(interval + SLOWER, MAX_INTERVAL)
        in_time = await stores.transfers.poll(transfer_id, now=(now := now + interval - 1))
        APART.require(in_time, f"a poll a second before the interval of {interval} was not forgiven.")


async def polls_and_contests_leave_the_transfer(world: World) -> None:
    """A change from a read before them is accepted, as if they had not been."""
    stored = await world.claimed(await world.holder())
    transfer_id = stored.transfer.offer.transfer_id
    for stores in world.both(4):
        await stores.transfers.poll(transfer_id, now=NOW)
    first = [await stores.transfers.contest(transfer_id, now=NOW + 1) for stores in world.both(4)]
    APART.require(first == [True, False, False, False], f"whether they were the first to contest: {first}.")
    found = await world.read(transfer_id)
    same = (found.transfer, found.version) == (stored.transfer, stored.version)
    APART.require(same, f"{stored} has become {found}.")
    APART.require(found.contested_at == NOW + 1, f"contested at {NOW + 1}, and {found.contested_at} is read.")
    accepted = await world.stores.transfers.replace(stored, approval(stored))
    APART.require(accepted is not None, "a decision was refused because of a poll.")


async def no_decision_is_lost_in_a_storm_of_polls(world: World) -> None:
    for _ in range(ROUNDS):
        source = await world.holder()
        ended = asyncio.Event()
        offered = await world.offered(source)
        transfer_id = offered.transfer.offer.transfer_id
        storm = (_poll_until(stores, transfer_id, ended) for stores in world.both(RACERS))
        await together(APART, [_go_through(world, transfer_id, ended), *storm])
        found = (await world.read(transfer_id)).transfer
        APART.require(isinstance(found, Redeemed), f"it was redeemed and is {found}.")


async def _poll_until(stores: Stores, transfer_id: str, ended: asyncio.Event) -> None:
    now = NOW
    while not ended.is_set():
        await stores.transfers.poll(transfer_id, now=(now := now + 1))


async def _go_through(world: World, transfer_id: str, ended: asyncio.Event) -> None:
    """Claim, approve, redeem; each accepted step must be what is read next."""
    try:
        stored = await world.read(transfer_id)
        steps: tuple[Callable[[Stored], Transfer], ...] = (world.claim_of, approval)
        for step in steps:
            accepted = await world.stores.transfers.replace(stored, step(stored))
            APART.require(accepted is not None, "a step was refused because of polls.")
            await asyncio.sleep(0.02)
            stored = await world.read(transfer_id)
            APART.require(stored == accepted, f"{accepted} was accepted and {stored} is stored.")
        APART.require(await world.redeem(stored) is not None, "the redemption was refused because of polls.")
        await asyncio.sleep(0.02)
    finally:
        ended.set()


async def finished_transfers_are_found(world: World) -> None:
    for end in ("redeemed", "cancelled", "denied"):
        digests = {"handle_digest": world.id("handle"), "code_digest": world.id("code")}
        offer = world.offer(await world.holder())
        await world.stores.transfers.add(Offered(offer, LAPSES), **digests)
        offered = await world.read(offer.transfer_id)
        stored = await world.follow(offered, world.claim_of(offered))
        if end == "redeemed":
            await world.redeem(await world.follow(stored, approval(stored)))
        elif end == "cancelled":
            await world.stores.transfers.replace(stored, cancel(stored.transfer))
        else:
            await world.stores.transfers.replace(stored, Denied(offer, world.claim()))
        for stores in world.both(2):
            found = [await stores.transfers.by_code(digest) for digest in digests.values()]
            found.append(await stores.transfers.by_id(offer.transfer_id))
            names = {type(each.transfer).__name__.lower() if each else None for each in found}
            STAY.require(names == {end}, f"a {end} transfer is found as {names}.")


async def spent_codes_and_ended_grants_are_found(world: World) -> None:
    proposed = world.proposal(world.desktop, world.id("tsk"), jkt=world.id("jkt"))
    code = await world.code_for(proposed)
    issued = await world.stores.codes.redeem(code, proposed, device=NewDevice("A", "n"), now=NOW)
    await world.stores.grants.revoke(issued.grant.grant_id, now=NOW)
    for stores in world.both(2):
        spent = await stores.codes.find(code.code_digest)
        STAY.require(spent is not None, "a spent code is not found.")
        STAY.require(spent is None or spent.grant_id == issued.grant.grant_id, "a spent code is found unspent.")
        standing = await stores.grants.standing(issued.grant.grant_id)
        revoked_at = standing.grant.revoked_at if standing else None
        STAY.require(revoked_at == NOW, f"a grant revoked at {NOW} is found revoked at {revoked_at}.")


CHECKS = {
    polls_are_paced_for_all_processes: APART,
    polls_and_contests_leave_the_transfer: APART,
    no_decision_is_lost_in_a_storm_of_polls: APART,
    finished_transfers_are_found: STAY,
    spent_codes_and_ended_grants_are_found: STAY,
}
