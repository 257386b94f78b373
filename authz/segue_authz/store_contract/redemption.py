"""Checks of redeem-once and whole-or-nothing: one approval becomes one grant, or none."""

from segue_authz.domain.grant import Withdrawn
from segue_authz.domain.transfer import Redeemed
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.race import RACERS, ROUNDS, settled, together
from segue_authz.store_contract.world import NOW, World
from segue_authz.stores.port import Issued, NewDevice

ONCE, WHOLE = Law.REDEEM_ONCE, Law.WHOLE_OR_NOTHING


async def of_many_redemptions_one_succeeds(world: World) -> None:
    for _ in range(ROUNDS):
        stored = await world.approved(await world.holder())
        answers = await together(ONCE, (world.redeem(stored, stores) for stores in world.both(RACERS)))
        won = [answer.grant.grant_id for answer in answers if answer is not None]
        ONCE.require(len(won) == 1, f"{len(won)} of {RACERS} redemptions succeeded.")
        kept = (await world.read(stored.transfer.offer.transfer_id)).transfer
        ONCE.require(
            isinstance(kept, Redeemed) and kept.grant_id == won[0], f"grant {won[0]} won and {kept} is stored."
        )


async def a_second_redemption_is_refused(world: World) -> None:
    stored = await world.approved(await world.holder())
    ONCE.require(await world.redeem(stored) is not None, "the first was refused.")
    for stores in world.both(2):
        ONCE.require(await world.redeem(stored, stores) is None, "a second succeeded.")


async def a_redemption_that_lost_leaves_no_grant(world: World) -> None:
    stored = await world.approved(await world.holder())
    proposed = [world.redemption(stored) for _ in range(RACERS)]
    calls = (
        stores.transfers.redeem(stored, redeemed, grant, now=NOW)
        for stores, (redeemed, grant) in zip(world.both(RACERS), proposed, strict=True)
    )
    answers = await together(WHOLE, calls)
    for answer, (_, grant) in zip(answers, proposed, strict=True):
        found = await world.others.grants.standing(grant.grant_id)
        WHOLE.require((found is None) == (answer is None), "a redemption that lost has left its grant.")


async def a_withdrawn_redemption_leaves_no_trace(world: World) -> None:
    """The device that claims is known and has been revoked: the last statement of the redemption refuses."""
    key = world.id("jkt")
    source = await world.holder()
    known = await world.redeem(await world.approved(await world.holder(), jkt=key))
    if known is None:
        raise TypeError("a redemption that nobody contended for was refused")
    stored = await world.approved(source, jkt=key)
    await world.stores.grants.revoke_device(known.grant.device_id, now=NOW)
    redeemed, grant = world.redemption(stored)
    answer = await settled(world.stores.transfers.redeem(stored, redeemed, grant, now=NOW))
    WHOLE.require(isinstance(answer, Withdrawn), "a revoked device redeemed.")
    WHOLE.require(await world.read(redeemed.offer.transfer_id) == stored, "the refusal has changed the transfer.")
    WHOLE.require(await world.others.grants.standing(grant.grant_id) is None, "the refusal has left the grant.")
    WHOLE.require(await world.epoch(source.grant_id) == source.epoch, "the refusal has raised the epoch.")


async def a_withdrawn_code_redemption_leaves_no_trace(world: World) -> None:
    proposed = world.proposal(world.desktop, world.id("tsk"), jkt=world.id("jkt"))
    code = await world.code_for(proposed)
    await world.others.clients.disable(world.desktop, now=NOW)
    answer = await settled(world.stores.codes.redeem(code, proposed, device=NewDevice("A", "n"), now=NOW))
    WHOLE.require(isinstance(answer, Withdrawn), "a disabled client redeemed a code.")
    WHOLE.require(await world.others.codes.find(code.code_digest) == code, "the refusal has spent the code.")
    WHOLE.require(await world.others.grants.standing(proposed.grant_id) is None, "the refusal has left the grant.")


async def all_redemptions_of_a_code_answer_one_grant(world: World) -> None:
    law = Law.CODE_ONCE
    for _ in range(ROUNDS):
        key, task_id = world.id("jkt"), world.id("tsk")
        proposed = [world.proposal(world.desktop, task_id, jkt=key) for _ in range(RACERS)]
        code = await world.code_for(proposed[0])
        device = NewDevice("A desktop", "192.0.2.1")
        answers = await together(
            law,
            (
                settled(stores.codes.redeem(code, grant, device=device, now=NOW))
                for stores, grant in zip(world.both(RACERS), proposed, strict=True)
            ),
        )
        answered = {answer.grant.grant_id if isinstance(answer, Issued) else repr(answer) for answer in answers}
        law.require(len(answered) == 1, f"{len(answered)} different answers.")
        written = [each for each in proposed if await world.others.grants.standing(each.grant_id) is not None]
        law.require([grant.grant_id for grant in written] == [*answered], f"{len(written)} grants were written.")


async def a_spent_code_answers_its_grant_again(world: World) -> None:
    law = Law.CODE_ONCE
    first, second = (world.proposal(world.desktop, world.id("tsk"), jkt=world.id("jkt")) for _ in range(2))
    code = await world.code_for(first)
    for stores, grant in zip(world.both(2), (first, second), strict=True):
        issued = await stores.codes.redeem(code, grant, device=NewDevice("A", "n"), now=NOW)
        law.require(issued.grant.grant_id == first.grant_id, "a repeat got another grant.")


CHECKS = {
    of_many_redemptions_one_succeeds: ONCE,
    a_second_redemption_is_refused: ONCE,
    a_redemption_that_lost_leaves_no_grant: WHOLE,
    a_withdrawn_redemption_leaves_no_trace: WHOLE,
    a_withdrawn_code_redemption_leaves_no_trace: WHOLE,
    all_redemptions_of_a_code_answer_one_grant: Law.CODE_ONCE,
    a_spent_code_answers_its_grant_again: Law.CODE_ONCE,
}
