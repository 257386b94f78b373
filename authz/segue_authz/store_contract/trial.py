"""A trial: set something up, let processes race for it, look at what is left, and judge the history of it all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, SpawnContext
from random import Random as Dice
from typing import Any

from segue_authz.store_contract import model
from segue_authz.store_contract.contender import Contender, Deciding, Party, Redeeming, Refreshing, Spending, holds
from segue_authz.store_contract.crew import Raced, Racer, race
from segue_authz.store_contract.history import Note, Operation, Recorder, history
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.linearizability import Step, stuck
from segue_authz.store_contract.opening import OpenStores
from segue_authz.store_contract.world import Stage, World, enrol


@dataclass(frozen=True)
class Size:
    """So many processes with so many tasks, each of which makes so many calls, where the trial has steps."""

    processes: int = 4
    tasks: int = 8
    steps: int = 6


@dataclass(frozen=True)
class Ground:
    """What is raced for: the state it begins in, the model it follows, and who contends for it."""

    initial: Hashable
    step: Step[Any]
    contender: Callable[[Party], Contender]


Prepare = Callable[[World], Awaitable[Ground]]


async def redemptions(world: World) -> Ground:
    """An approved transfer, read by all before anybody redeems it."""
    return await _transfer(world, "approved", Redeeming)


async def decisions(world: World) -> Ground:
    """A claimed transfer, which is tried at, approved, declined, cancelled and redeemed at once."""
    return await _transfer(world, "claimed", Deciding)


async def _transfer(world: World, begin: Stage, contender: type[Redeeming]) -> Ground:
    source = await world.holder()
    stored = await world.at(begin, source)
    state = model.TransferState(type(stored.transfer).__name__, stored.version, source.epoch)
    transfer_id = stored.transfer.offer.transfer_id
    return Ground(state, model.transfer, lambda party: contender(party, transfer_id, source.grant_id))


async def refreshes(world: World) -> Ground:
    """A grant that many refresh, some with what is spent, and somebody may revoke."""
    grant_id = (await world.holder()).grant_id
    return Ground(model.GrantState(), model.grant, lambda party: Refreshing(party, grant_id))


async def codes(world: World) -> Ground:
    """An unspent authorization code."""
    code = await world.code_for(world.proposal(world.desktop, world.id("tsk"), jkt=world.id("jkt")))
    return Ground(None, model.code, lambda party: Spending(party, code.code_digest))


TRIALS: tuple[Prepare, ...] = (redemptions, decisions, refreshes, codes)


@dataclass(frozen=True)
class Outcome:
    """What a trial saw: all operations, how many of them have no result, and how many processes were killed."""

    operations: list[Operation]
    unknown: int
    killed: int
    failures: list[str]


def run_trial(
    prepare: Prepare,
    open_stores: OpenStores,
    *,
    size: Size,
    seed: str,
    open_mortal: Sequence[OpenStores] = (),
    dies_after: Callable[[Dice], float | None] = lambda _: None,
    context: ForkServerContext | SpawnContext | None = None,
) -> Outcome:
    """Race once, and raise `ContractBroken` if the history is not linearizable.

    The first processes open their stores with `open_mortal`, which may kill them; the others die after the seconds that
    `dies_after` says, if it says any. `seed` says how the dice fall, and has to differ from trial to trial.
    """
    dice = Dice(seed)  # noqa: S311 (a race, not a secret)
    world, ground = asyncio.run(_prepare(prepare, open_stores, dice))
    contenders = [
        ground.contender(
            Party(world.subject, world.desktop, world.phone, f"{world.subject}/{number}", size.tasks, size.steps)
        )
        for number in range(size.processes)
    ]
    mortal = [Racer(opens, each.race) for opens, each in zip(open_mortal, contenders, strict=False)]
    others = [Racer(open_stores, each.race, dies_after(dice)) for each in contenders[len(mortal) :]]
    raced = race([*mortal, *others], context=context)
    operations = asyncio.run(_look_afterwards(open_stores, contenders[0], raced))
    found = stuck(operations, initial=ground.initial, step=ground.step)
    Law.LINEARIZABLE.require(found is None, f"{prepare.__name__}, seed {seed}: {found}")
    return Outcome(operations, sum(each.returned_at is None for each in operations), raced.killed, raced.failures)


async def _prepare(prepare: Prepare, open_stores: OpenStores, dice: Dice) -> tuple[World, Ground]:
    stores = open_stores()
    try:
        world = await enrol(stores, stores, dice.randbytes)
        return world, await prepare(world)
    finally:
        await stores.aclose()


async def _look_afterwards(open_stores: OpenStores, contender: Contender, raced: Raced) -> list[Operation]:
    """The whole history, with a last look at what was raced for and at every grant that may have come of it.

    And another look: a call of a killed process may happen after the first, but then it is seen by the second.
    """
    notes: list[Note] = list(raced.notes)
    stores = open_stores()
    try:
        recorder = Recorder(-1, notes.append)
        await contender.look(stores, recorder)
        for operation in history(raced.notes):
            if isinstance(operation.call, model.Redeem | model.Spend):
                await holds(stores, recorder, operation.call.grant_id)
        await contender.look(stores, recorder)
    finally:
        await stores.aclose()
    return history(notes)
