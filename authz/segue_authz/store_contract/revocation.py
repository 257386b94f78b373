"""Checks of revocation-seen: every way to take back reaches all it names, at once and in every process."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from segue_authz.domain.grant import Grant, Withdrawn
from segue_authz.domain.transfer import CHECK_VALUE_ATTEMPTS, Cancelled, Denied, Requested
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.opening import Stores
from segue_authz.store_contract.race import ROUNDS, settled, together
from segue_authz.store_contract.world import NETWORK, NOW, World
from segue_authz.stores.port import Issued, NewDevice, Stored

SEEN = Law.REVOCATION_SEEN
Way = Callable[[Stores, World, Grant], Awaitable[object]]

OF_ONE: dict[str, Way] = {
    "grants.revoke": lambda stores, _, grant: stores.grants.revoke(grant.grant_id, now=NOW),
    "withdrawals.grant": lambda stores, world, grant: stores.withdrawals.grant(world.subject, grant.grant_id, now=NOW),
}
OF_A_DEVICE: dict[str, Way] = {
    "grants.revoke_device": lambda stores, _, grant: stores.grants.revoke_device(grant.device_id, now=NOW),
    "withdrawals.device": lambda stores, world, grant: stores.withdrawals.device(
        world.subject, grant.device_id, now=NOW
    ),
}
OF_ALL: dict[str, Way] = {
    "withdrawals.everything": lambda stores, world, _: stores.withdrawals.everything(world.subject, now=NOW),
    "accounts.disable": lambda stores, world, _: stores.accounts.disable(world.subject, now=NOW),
    "clients.disable": lambda stores, world, _: stores.clients.disable(world.desktop, now=NOW),
}


async def one_grant_is_taken_back(world: World) -> None:
    key = world.id("jkt")
    for name, way in OF_ONE.items():
        grants = [await world.holder(jkt=key) for _ in range(3)]
        await _take_back(world, name, way, ended=grants[1:2], live=[grants[0], grants[2]])


async def all_grants_of_a_device_are_taken_back(world: World) -> None:
    for name, way in OF_A_DEVICE.items():
        key = world.id("jkt")
        grants = [await world.holder(jkt=key) for _ in range(3)]
        await _take_back(world, name, way, ended=grants, live=[await world.holder()])
        again = await settled(world.write(replace(grants[0], grant_id=world.id("grt"))))
        SEEN.require(isinstance(again, Withdrawn), f"after {name} the device got another grant.")


async def all_grants_of_a_person_are_taken_back(world: World) -> None:
    for name, way in OF_ALL.items():
        own, neighbour = await world.another(), await world.another()
        grants = [await own.holder() for _ in range(4)]
        await _take_back(own, name, way, ended=grants, live=[await neighbour.holder()])


async def _take_back(world: World, name: str, way: Way, *, ended: list[Grant], live: list[Grant]) -> None:
    """Look first, so that a cache would have something to keep; withdraw in one process, look in both."""
    for stores in world.both(2):
        await _require_live(stores, name, [*ended, *live])
    await way(world.others, world, ended[0])
    for stores in world.both(2):
        await _require_ended(stores, name, ended)
        await _require_live(stores, name, live)


async def _require_live(stores: Stores, name: str, grants: list[Grant]) -> None:
    for grant in grants:
        answer = await settled(stores.grants.issued(grant.grant_id, now=NOW))
        SEEN.require(isinstance(answer, Issued), f"{name} does not name a grant, and it is {answer!r}.")


async def _require_ended(stores: Stores, name: str, grants: list[Grant]) -> None:
    for grant in grants:
        issued = await settled(stores.grants.issued(grant.grant_id, now=NOW))
        refreshed = await settled(stores.grants.refresh(grant.grant_id, generation=0, now=NOW))
        for answer in (issued, refreshed):
            SEEN.require(isinstance(answer, Withdrawn), f"after {name} one of {len(grants)} grants still mints.")


async def all_that_came_of_a_reported_transfer_is_taken_back(world: World) -> None:
    """A chain: the grant of the transfer was shared further, twice, and the last one is being shared on."""
    source = await world.holder()
    reported = await world.approved(source, "share")
    came = [await _redeemed(world, reported)]
    for _ in range(2):
        came.append(await _redeemed(world, await world.approved(came[-1], "share")))
    going_on = await world.approved(came[-1], "share")
    transfer_id = reported.transfer.offer.transfer_id
    ended = [await stores.withdrawals.report(world.subject, transfer_id, now=NOW) for stores in world.both(2)]
    SEEN.require(ended == [3, None], f"a chain of 3 was reported twice, and {ended} grants were ended.")
    for stores in world.both(2):
        await _require_ended(stores, "withdrawals.report", came)
        await _require_live(stores, "withdrawals.report", [source])
    answer = await settled(world.redeem(going_on))
    SEEN.require(not isinstance(answer, Issued), "a transfer that came of a reported one was redeemed.")


async def _redeemed(world: World, approved: Stored) -> Grant:
    issued = await world.redeem(approved)
    if issued is None:
        raise TypeError("a redemption that nobody contended for was refused")
    return issued.grant


async def everything_ends_what_is_under_way(world: World) -> None:
    person = await world.another()
    source = [await person.holder() for _ in range(3)]
    under_way = [
        await person.offered(source[0]),
        await person.claimed(source[1]),
        await person.approved(source[2]),
        await person.asked(source[0].task_id),
    ]
    await person.others.withdrawals.everything(person.subject, now=NOW)
    for each in under_way:
        await _require_finished(person, each)


async def everything_ends_a_pull_however_it_moves(world: World) -> None:
    for _ in range(2 * ROUNDS):
        person = await world.another()
        asked = await person.asked(world.id("tsk"))
        trying = (_try_on(stores, asked) for stores in person.both(4))
        await together(SEEN, [_withdraw(person), *trying])
        await _require_finished(person, asked)


async def everything_ends_a_code_that_is_unspent(world: World) -> None:
    """Of a code that is being spent either the grant is seen and ended, or there will be none."""
    for _ in range(ROUNDS):
        person = await world.another()
        proposals = [person.proposal(person.desktop, person.id("tsk"), jkt=person.id("jkt")) for _ in range(5)]
        codes = [await person.code_for(grant) for grant in proposals]
        spending = (
            settled(stores.codes.redeem(code, grant, device=NewDevice("A desktop", NETWORK), now=NOW))
            for stores, code, grant in zip(person.both(4), codes, proposals, strict=False)
        )
        await together(SEEN, [_withdraw(person), *spending])
        for code, grant in zip(codes, proposals, strict=True):
            again, device = replace(grant, grant_id=person.id("grt")), NewDevice("A desktop", NETWORK)
            late = await settled(person.others.codes.redeem(code, again, device=device, now=NOW))
            SEEN.require(isinstance(late, Withdrawn), f"after withdrawals.everything a code was told {late!r}.")


async def _withdraw(world: World) -> None:
    await world.stores.transfers.by_id("none")
    await world.stores.withdrawals.everything(world.subject, now=NOW)


async def _try_on(stores: Stores, stored: Stored | None) -> None:
    for _ in range(20 * CHECK_VALUE_ATTEMPTS):
        if stored is None or not isinstance(stored.transfer, Requested):
            return
        further = replace(stored.transfer, attempts=stored.transfer.attempts + 1)
        await stores.transfers.replace(stored, further)
        stored = await stores.transfers.by_id(stored.transfer.offer.transfer_id)


async def _require_finished(world: World, stored: Stored) -> None:
    found = (await world.read(stored.transfer.offer.transfer_id)).transfer
    SEEN.require(isinstance(found, Cancelled | Denied), f"after withdrawals.everything there is {found}.")


CHECKS = {
    one_grant_is_taken_back: SEEN,
    all_grants_of_a_device_are_taken_back: SEEN,
    all_grants_of_a_person_are_taken_back: SEEN,
    all_that_came_of_a_reported_transfer_is_taken_back: SEEN,
    everything_ends_what_is_under_way: SEEN,
    everything_ends_a_pull_however_it_moves: SEEN,
    everything_ends_a_code_that_is_unspent: SEEN,
}
