"""Adversaries of a transfer that begins where the task is: who takes another's, and who gives away their own."""

from segue_threats.device import error_of, members_of
from segue_threats.flows import Asked, Claim
from segue_threats.grant import Grant
from segue_threats.relay.adversary import adversary
from segue_threats.relay.stage import Stage
from segue_threats.staging.actor import Actor
from segue_threats.staging.person import Stopped, decide


async def _helpdesk(stage: Stage, adversary: Actor) -> None:
    typed_after, victim = stage.between(10, 150), stage.victim
    offer = await victim.offer(await victim.begin(), mode="share")
    stage.ground.clock.turn(typed_after)
    device = adversary.phone()
    answer = await adversary.claim_answer(device, offer.transfer_code)
    if answer.is_error:
        raise Stopped(f"the server refuses the claim: {error_of(answer)}")
    claim = Claim(device, answer.json()["device_code"], answer.json()["check_value"])

    async def on_the_phone() -> str | None:
        return claim.check_value

    page = await victim.browser.visit(offer.confirmation_uri)
    stage.ground.clock.turn(stage.between(5, 40))
    await decide(victim, page, stage.model, on_the_phone, stage.guesses)
    await stage.collected(_as_asked(claim), adversary, victim)


@adversary("Code relay", "XD-PUSH-01", flow="push")
async def code_relay(stage: Stage) -> None:
    """A false helpdesk has the victim press *Continue on another device* and read out the code, types it into a device
    of its own within ten seconds to two and a half minutes, and tells the victim the number on the phone."""
    await _helpdesk(stage, stage.ground.adversary)


@adversary("Code relay from the victim's network", "XD-PUSH-01", flow="push")
async def code_relay_near(stage: Stage) -> None:
    """The same, and the helpdesk's device comes out of the victim's network."""
    await _helpdesk(stage, stage.ground.near)


def _as_asked(claim: Claim) -> Asked:
    return Asked(claim.device, claim.device_code, "", "", 2)


@adversary("Attacker's own session", "XD-PUSH-09")
async def own_session(stage: Stage) -> None:
    """The adversary brings a task of their own to the victim's device, so that the victim goes on in it and the
    adversary reads along. The victim tells the adversary what their device shows. It succeeds when the adversary reads
    what the victim has written."""
    await _brought(stage, stage.ground.adversary)


@adversary("Attacker's own session from the victim's network", "XD-PUSH-09")
async def own_session_near(stage: Stage) -> None:
    """The same, and the adversary approves it from the victim's network."""
    await _brought(stage, stage.ground.near)


async def _brought(stage: Stage, adversary: Actor) -> None:
    typed_after = stage.between(10, 40)
    if stage.ground.plain:
        await _signed_in_as(adversary, stage, typed_after)
        return
    victim = stage.victim
    own = await adversary.begin()
    offer = await adversary.offer(own, mode="share")
    stage.ground.clock.turn(typed_after)
    device = victim.phone()
    answer = await victim.claim_answer(device, offer.handle)
    if answer.is_error:
        raise Stopped(f"the server refuses the claim: {error_of(answer)}")
    claim = Claim(device, answer.json()["device_code"], answer.json()["check_value"])
    page = await adversary.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
    if "only decline" in page.text:
        raise Stopped("the server lets the adversary approve nothing from another network")
    answer = await victim.poll(claim)
    if answer.is_error:
        raise Stopped(f"the server gives the victim's device no token: {error_of(answer)}")
    grant = Grant.of(device, answer)
    if stage.model.minds and "owner" in grant.details:
        raise Stopped("the person leaves it alone: their device shows whose task it is")
    written = {"events": [{"kind": "message", "role": "customer", "body": {"text": "my plan"}}]}
    await grant.at("POST", "/events", json=written)
    if "my plan" not in (await own.at("GET", "/events")).text:
        raise Stopped("the adversary does not see what the victim writes")


async def _signed_in_as(adversary: Actor, stage: Stage, typed_after: int) -> None:
    """As near as RFC 8628 comes: the victim's device shows a code, the adversary enters it for an account of theirs."""
    victim = stage.victim
    asked = await victim.ask()
    stage.ground.clock.turn(typed_after)
    page = await adversary.browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    await adversary.browser.send(page, decision="approve")
    answer = await victim.collect(asked)
    if not await stage.ground.opens(asked.device, answer, adversary):
        raise Stopped(f"the victim's device is not signed in: {error_of(answer) or members_of(answer)}")
