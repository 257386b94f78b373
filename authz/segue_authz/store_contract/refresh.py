"""Checks of refresh-once and reuse-ends: one living successor, and the end of a family that two parties hold."""

from segue_authz.domain.grant import REPEAT_LIFETIME, Grant, Reused, Withdrawn
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.opening import Stores
from segue_authz.store_contract.race import RACERS, ROUNDS, settled, together
from segue_authz.store_contract.world import NOW, World
from segue_authz.stores.port import Issued

ONCE, ENDS, SEEN = Law.REFRESH_ONCE, Law.REUSE_ENDS, Law.REVOCATION_SEEN
Outcome = int | type[Exception] | None


async def _refresh(stores: Stores, grant: Grant, generation: int, *, now: int = NOW) -> Outcome:
    """The generation that the refresh gives, or the kind of refusal."""
    answer = await settled(stores.grants.refresh(grant.grant_id, generation=generation, now=now))
    return answer.grant.generation if isinstance(answer, Issued) else answer if answer is None else type(answer)


async def _generation(world: World, grant: Grant) -> int | None:
    standing = await world.others.grants.standing(grant.grant_id)
    return standing.grant.generation if standing else None


async def of_many_uses_of_a_generation_one_advances_it(world: World) -> None:
    grant = await world.holder()
    for generation in range(ROUNDS):
        answers = await together(ONCE, (_refresh(stores, grant, generation) for stores in world.both(RACERS)))
        ONCE.require(set(answers) == {generation + 1}, f"uses of generation {generation} were told {answers}.")
        stored = await _generation(world, grant)
        ONCE.require(stored == generation + 1, f"uses of generation {generation} left the grant at {stored}.")


async def a_repeat_gets_the_same_successor(world: World) -> None:
    grant = await world.holder()
    for stores in world.both(2):
        got = await _refresh(stores, grant, 0, now=NOW + REPEAT_LIFETIME * (stores is world.others))
        ONCE.require(got == 1, f"a use or repeat of generation 0 got {got}.")
    ONCE.require(await _refresh(world.stores, grant, 1) == 2, "the successor was not usable after a repeat.")


async def an_unknown_grant_is_not_refreshed(world: World) -> None:
    unknown = world.proposal(world.desktop, world.id("tsk"), jkt=world.id("jkt"))
    ONCE.require(await _refresh(world.stores, unknown, 0) is None, "a grant that is not there was refreshed.")


async def use_after_the_successor_ends_the_grant(world: World) -> None:
    grant = await world.holder()
    for generation in (0, 1):
        await _refresh(world.stores, grant, generation)
    await _is_ended_by(world, grant, generation=0, now=NOW)


async def use_after_the_grace_ends_the_grant(world: World) -> None:
    grant = await world.holder()
    await _refresh(world.stores, grant, 0)
    await _is_ended_by(world, grant, generation=0, now=NOW + REPEAT_LIFETIME + 1)


async def _is_ended_by(world: World, grant: Grant, *, generation: int, now: int) -> None:
    answer = await _refresh(world.stores, grant, generation, now=now)
    ENDS.require(answer is Reused, f"a reuse was told {answer}.")
    standing = await world.others.grants.standing(grant.grant_id)
    ENDS.require(standing is not None and standing.grant.revoked_at == now, "a reuse has not revoked the grant.")
    for stores in world.both(2):
        living = await _refresh(stores, grant, generation + 1, now=now)
        ENDS.require(living is Withdrawn, f"after a reuse the living generation was told {living}.")


async def of_many_reuses_all_are_refused(world: World) -> None:
    for _ in range(ROUNDS):
        grant = await world.holder()
        for generation in (0, 1):
            await _refresh(world.stores, grant, generation)
        answers = await together(ENDS, (_refresh(stores, grant, 0) for stores in world.both(RACERS)))
        ENDS.require(set(answers) <= {Reused, Withdrawn}, f"reuses at once were told {answers}.")
        ENDS.require(answers.count(Reused) == 1, "the one reuse that ended the grant was not the only one to say so.")


async def a_refresh_never_overtakes_a_revocation(world: World) -> None:
    for _ in range(ROUNDS):
        grant = await world.holder()
        refreshing = (_refresh_on(stores, grant) for stores in world.both(4))
        await together(SEEN, [_revoke(world.others, grant), *refreshing])
        generation = await _generation(world, grant) or 0
        for each in (generation, generation - 1):
            answer = await _refresh(world.stores, grant, each)
            SEEN.require(answer is Withdrawn, f"after the revocation generation {each} was told {answer}.")


async def _refresh_on(stores: Stores, grant: Grant) -> None:
    generation: Outcome = 0
    while isinstance(generation, int) and generation < 200:
        generation = await _refresh(stores, grant, generation)


async def _revoke(stores: Stores, grant: Grant) -> None:
    await stores.grants.standing(grant.grant_id)
    await stores.grants.revoke(grant.grant_id, now=NOW)
    answer = await _refresh(stores, grant, 0)
    SEEN.require(answer is Withdrawn, f"a refresh that began after the revocation was told {answer}.")


CHECKS = {
    of_many_uses_of_a_generation_one_advances_it: ONCE,
    a_repeat_gets_the_same_successor: ONCE,
    an_unknown_grant_is_not_refreshed: ONCE,
    use_after_the_successor_ends_the_grant: ENDS,
    use_after_the_grace_ends_the_grant: ENDS,
    of_many_reuses_all_are_refused: ENDS,
    a_refresh_never_overtakes_a_revocation: SEEN,
}
