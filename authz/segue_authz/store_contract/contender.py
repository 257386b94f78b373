"""What the processes of a race do: redeem one transfer, decide about it, refresh one grant, spend one code."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random as Dice
from typing import Protocol

from segue_authz.domain.grant import Grant
from segue_authz.domain.transfer import Approved, Claimed, Denied, Transfer, cancel
from segue_authz.store_contract import model
from segue_authz.store_contract.crew import Meet
from segue_authz.store_contract.history import Recorder
from segue_authz.store_contract.opening import Stores
from segue_authz.store_contract.world import NETWORK, NOW, World, approval
from segue_authz.stores.port import AuthorizationCode, Issued, NewDevice, Stored

OF_LOOKS, OF_REUSES, OF_REVOCATIONS = 0.1, 0.02, 0.005
"""How many of the calls in a race look at something, use an old refresh generation, or revoke."""


@dataclass(frozen=True)
class Party:
    """Who races in one process: `tasks` tasks, each with `steps` calls. The seed decides what is not said."""

    subject: str
    desktop: str
    phone: str
    seed: str
    tasks: int
    steps: int

    def world(self, stores: Stores) -> World:
        return World(stores, stores, self.dice().randbytes, self.subject, self.desktop, self.phone)

    def dice(self) -> Dice:
        return Dice(self.seed)  # noqa: S311 (a race, not a secret)

    async def together(self, task: Callable[[Dice], Awaitable[None]]) -> None:
        """Run the tasks, each with dice of its own."""
        dice = self.dice()
        await asyncio.gather(*(task(Dice(dice.random())) for _ in range(self.tasks)))  # noqa: S311


class Contender(Protocol):
    """One process of a race; it can be pickled."""

    async def race(self, stores: Stores, recorder: Recorder, meet: Meet) -> None:
        """Get ready, meet the others, and race."""
        ...

    async def look(self, stores: Stores, recorder: Recorder) -> None:
        """Look at what is raced for, and write down what was seen."""
        ...


@dataclass(frozen=True)
class Redeeming:
    """All have read the same approved transfer, and redeem it; a few look at it meanwhile."""

    party: Party
    transfer_id: str
    source_grant_id: str

    async def race(self, stores: Stores, recorder: Recorder, meet: Meet) -> None:
        stored, world = await _read(stores, self.transfer_id), self.party.world(stores)
        await meet()

        async def task(dice: Dice) -> None:
            if dice.random() < OF_LOOKS:
                await self.look(stores, recorder)
            else:
                await _redeem(world, recorder, stored)

        await self.party.together(task)

    async def look(self, stores: Stores, recorder: Recorder) -> None:
        """At the transfer, and at the epoch that its redemption raises."""
        await _look(stores, recorder, self.transfer_id)
        await recorder.record(model.ReadEpoch(), _epoch(stores, self.source_grant_id))


@dataclass(frozen=True)
class Deciding(Redeeming):
    """Each looks at a claimed transfer, and does what can be done with what it sees, or with what it saw before."""

    async def race(self, stores: Stores, recorder: Recorder, meet: Meet) -> None:
        first, world = await _read(stores, self.transfer_id), self.party.world(stores)
        await meet()

        async def task(dice: Dice) -> None:
            seen = [first]
            for _ in range(self.party.steps):
                seen.append(await _look(stores, recorder, self.transfer_id) or seen[-1])
                await _step(world, recorder, dice.choice([*seen, seen[-1], seen[-1]]), dice)

        await self.party.together(task)


@dataclass(frozen=True)
class Refreshing:
    """Each uses what it was given last, now and then something older; rarely somebody revokes."""

    party: Party
    grant_id: str

    async def race(self, stores: Stores, recorder: Recorder, meet: Meet) -> None:
        await stores.grants.standing(self.grant_id)
        await meet()

        async def task(dice: Dice) -> None:
            generations = [0]
            for _ in range(self.party.steps):
                given = await self._use(stores, recorder, generations, dice)
                generations.extend([given] if isinstance(given, int) else [])
                if dice.random() < OF_LOOKS:
                    await self.look(stores, recorder)
                if dice.random() < OF_REVOCATIONS:
                    await recorder.record(model.Revoke(), stores.grants.revoke(self.grant_id, now=NOW))

        await self.party.together(task)

    async def _use(self, stores: Stores, recorder: Recorder, generations: list[int], dice: Dice) -> object:
        generation = dice.choice(generations) if dice.random() < OF_REUSES else generations[-1]
        call = stores.grants.refresh(self.grant_id, generation=generation, now=NOW)
        return await recorder.record(model.Refresh(generation), _generation(call))

    async def look(self, stores: Stores, recorder: Recorder) -> None:
        await recorder.record(model.ReadGrant(), _grant(stores, self.grant_id))


@dataclass(frozen=True)
class Spending:
    """All have read the same unspent code, and redeem it; a few look at it meanwhile."""

    party: Party
    code_digest: str

    async def race(self, stores: Stores, recorder: Recorder, meet: Meet) -> None:
        code, world = await stores.codes.find(self.code_digest), self.party.world(stores)
        if code is None:
            raise LookupError(self.code_digest)
        await meet()

        async def task(dice: Dice) -> None:
            if dice.random() < OF_LOOKS:
                await self.look(stores, recorder)
            else:
                grant = world.proposal(code.client_id, code.task_id, jkt=code.jkt)
                await recorder.record(model.Spend(grant.grant_id), _spend(stores, code, grant))

        await self.party.together(task)

    async def look(self, stores: Stores, recorder: Recorder) -> None:
        await recorder.record(model.SpentFor(), _spent_for(stores, self.code_digest))


async def _redeem(world: World, recorder: Recorder, stored: Stored) -> None:
    redeemed, grant = world.redemption(stored)
    call = world.stores.transfers.redeem(stored, redeemed, grant, now=NOW)
    await recorder.record(model.Redeem(stored.version, grant.grant_id), _whether(call))


async def _look(stores: Stores, recorder: Recorder, transfer_id: str) -> Stored | None:
    """What is stored; None if the store failed."""
    found: list[Stored] = []

    async def read() -> tuple[str, int, str | None]:
        found.append(await _read(stores, transfer_id))
        return type(found[0].transfer).__name__, found[0].version, getattr(found[0].transfer, "grant_id", None)

    await recorder.record(model.Look(), read())
    return found[0] if found else None


async def holds(stores: Stores, recorder: Recorder, grant_id: str) -> None:
    """Look whether the grant is there."""

    async def read() -> bool:
        return await stores.grants.standing(grant_id) is not None

    await recorder.record(model.Holds(grant_id), read())


async def _step(world: World, recorder: Recorder, stored: Stored, dice: Dice) -> None:
    """Redeem what is approved; count a try at what is claimed, or decide it; decline or cancel either now and then."""
    transfer = stored.transfer
    if not isinstance(transfer, Claimed | Approved):
        return
    ends: list[Transfer] = [cancel(transfer), Denied(transfer.offer, transfer.claim)]
    if dice.random() < 0.1:
        await _change(world, recorder, stored, dice.choice(ends))
    elif isinstance(transfer, Approved):
        await _redeem(world, recorder, stored)
    elif dice.random() < 0.7:
        await _change(world, recorder, stored, replace(transfer, attempts=transfer.attempts + 1))
    else:
        await _change(world, recorder, stored, approval(stored))


async def _change(world: World, recorder: Recorder, stored: Stored, new: Transfer) -> None:
    call = world.stores.transfers.replace(stored, new)
    await recorder.record(model.Change(stored.version, type(new).__name__), _whether(call))


async def _whether(call: Awaitable[object]) -> bool:
    return await call is not None


async def _generation(call: Awaitable[Issued | None]) -> int | None:
    issued = await call
    return issued.grant.generation if issued else None


async def _grant(stores: Stores, grant_id: str) -> tuple[int, bool] | None:
    standing = await stores.grants.standing(grant_id)
    return (standing.grant.generation, standing.grant.revoked_at is not None) if standing else None


async def _epoch(stores: Stores, grant_id: str) -> int | None:
    standing = await stores.grants.standing(grant_id)
    return standing.task_epoch if standing else None


async def _spend(stores: Stores, code: AuthorizationCode, grant: Grant) -> str:
    issued = await stores.codes.redeem(code, grant, device=NewDevice("A desktop", NETWORK), now=NOW)
    return issued.grant.grant_id


async def _spent_for(stores: Stores, code_digest: str) -> str | None:
    code = await stores.codes.find(code_digest)
    return code.grant_id if code else None


async def _read(stores: Stores, transfer_id: str) -> Stored:
    stored = await stores.transfers.by_id(transfer_id)
    if stored is None:
        raise LookupError(transfer_id)
    return stored
