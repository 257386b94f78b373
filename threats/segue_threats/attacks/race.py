"""XD-RACE: requests that arrive together, each of which would be fine alone.

RFC 10027 section 6.1.3, RFC 9700 section 4.14. Expected: one wins, once, and what was said to the person is what is.
"""

import asyncio

from segue_threats.attack import Need, attack
from segue_threats.attacks.push import wrong
from segue_threats.device import members_of
from segue_threats.grant import Grant
from segue_threats.lab import Lab

TOGETHER = 8
TRIALS = 3


@attack("XD-RACE-01", Need.PUSH)
async def many_polls_collect_one_approval(lab: Lab) -> None:
    """Poll many times at once, with the right key and with others, at the moment of the approval."""
    offer, claim = await lab.claimed(await lab.begin())
    await lab.confirm(offer, claim.check_value)
    thieves = [claim.device.like() for _ in range(2)]
    answers, stolen = await asyncio.gather(
        asyncio.gather(*(lab.poll(claim) for _ in range(TOGETHER))),
        asyncio.gather(*(lab.poll(claim, by=thief) for thief in thieves)),
    )
    for answer in stolen:
        lab.refuses(answer, "a poll with another key in the race")
    families = {members_of(answer)["refresh_token"] for answer in answers if not answer.is_error}
    lab.holds(len(families) <= 1, f"{len(families)} token families came of one approval")
    lab.proved += 1


@attack("XD-RACE-01", Need.PULL)
async def many_polls_collect_one_pull(lab: Lab) -> None:
    """Poll many times at once after the approval."""
    asked = await lab.ask()
    await lab.approve(asked)
    await lab.pause(asked)
    answers = await asyncio.gather(*(lab.poll(asked) for _ in range(TOGETHER)))
    good = [answer for answer in answers if not answer.is_error]
    lab.works(good[0] if good else answers[0], "one of the polls")
    families = {members_of(answer).get("refresh_token") or answer.text for answer in good}
    lab.holds(len(families) == 1, f"{len(families)} token families came of one approval")


@attack("XD-RACE-02", Need.PUSH)
async def two_devices_claim_one_code_together(lab: Lab) -> None:
    """Claim one code at once with many keys."""
    devices = [lab.phone() for _ in range(4)]
    await asyncio.gather(*(lab.claim_answer(device, "BCDFGHJK") for device in devices))  # they learn the nonce
    for _ in range(2):
        offer = await lab.offer(await lab.begin())
        answers = await asyncio.gather(*(lab.claim_answer(device, offer.handle) for device in devices))
        won = [device for device, answer in zip(devices, answers, strict=True) if not answer.is_error]
        lab.proved += bool(won)
        lab.holds(len(won) == 1, f"{len(won)} devices have claimed one code")


@attack("XD-RACE-03", Need.PUSH, Need.PAGES)
async def approve_and_decline_arrive_together(lab: Lab) -> None:
    """Press both buttons at once, from two windows of one browser."""
    grant = await lab.begin()
    for _ in range(TRIALS):
        offer, claim = await lab.claimed(grant, mode="share")
        decisions = [lab.confirm(offer, claim.check_value), lab.confirm(offer, "", decision="deny")]
        await asyncio.gather(*(lab.tries(decision) for decision in decisions))
        state = (await lab.state(grant, offer)).get("state")
        answer = await lab.poll(claim)
        lab.proved += state in ("approved", "denied")
        lab.holds(
            answer.is_error == (state != "approved"), f"the person was told {state}, and the poll {answer.status_code}"
        )


@attack("XD-RACE-05", Need.PUSH)
async def polls_overwrite_the_decision(lab: Lab) -> None:
    """Poll in a storm while the person approves."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    lab.proved += 1
    await asyncio.gather(lab.confirm(offer, claim.check_value), *(lab.poll(claim) for _ in range(2 * TOGETHER)))
    state = (await lab.state(grant, offer)).get("state")
    lab.holds(state in ("approved", "redeemed"), f"the person has approved, and the transfer is {state}")
    lab.still_works(await lab.poll(claim), "the redemption")


@attack("XD-RACE-06")
async def one_refresh_token_is_used_many_times_at_once(lab: Lab) -> None:
    """Refresh in parallel and count the successors."""
    grant = await lab.grant()
    lab.works(await grant.refresh(), "the honest refresh")
    grant = await lab.grant()
    await grant.device.form("token", {"grant_type": "refresh_token", "refresh_token": "x"})  # learns the nonce
    answers = await asyncio.gather(*(grant.refresh() for _ in range(TOGETHER)))
    successors = {members_of(answer).get("refresh_token") for answer in answers if not answer.is_error}
    lab.holds(len(successors) <= 1, f"one refresh token has {len(successors)} living successors")


@attack("XD-RACE-07", Need.REVOCATION)
async def a_refresh_overtakes_the_revocation(lab: Lab) -> None:
    """Refresh while the grant is revoked, and use whatever came of it."""
    for _ in range(TRIALS):
        grant = await lab.grant()
        lab.proved += 1
        answers = await asyncio.gather(
            grant.device.form("revocation", {"token": grant.refresh_token}), grant.refresh(), grant.refresh()
        )
        tokens = [grant.refresh_token, *(members_of(answer).get("refresh_token") for answer in answers)]
        for token in {each for each in tokens if each}:
            lab.refuses(await grant.refresh(refresh_token=token), "a refresh after the revocation")


@attack("XD-RACE-08", Need.PUSH, Need.PAGES)
async def all_guesses_are_sent_at_once(lab: Lab) -> None:
    """Send many wrong numbers together and then the right one."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    lab.proved += 1
    guess, guesses = claim.check_value, []
    for _ in range(TOGETHER):
        guess = wrong(guess)
        guesses.append(guess)
    await asyncio.gather(*(lab.tries(lab.confirm(offer, each)) for each in guesses))
    await lab.tries(lab.confirm(offer, claim.check_value))
    lab.refuses(await lab.poll(claim), "a redemption after many guesses at once", errors={"access_denied"})


@attack("XD-RACE-09", Need.PUSH, Need.TASK_STORE)
async def two_devices_believe_that_they_hold_the_task(lab: Lab) -> None:
    """Write with the old device while and after the task moves to the new one."""
    old = await lab.begin()
    event = {"events": [{"kind": "message", "role": "customer", "body": {"text": "still here"}}]}
    lab.works(await old.at("POST", "/events", json=event), "the write before the move")
    new = await lab.push(old)
    lab.works(await new.read(), "the new device's read")
    before = members_of(await new.at("GET", "/events?limit=1")).get("head")
    answers = await asyncio.gather(*(old.at("POST", "/events", json=event) for _ in range(4)))
    for answer in answers:
        lab.refuses(answer, "a write by the device that the task has left", statuses={401, 403, 409, 412})
    lab.holds(members_of(await new.at("GET", "/events?limit=1")).get("head") == before, "something was written")
    lab.still_works(await new.at("POST", "/events", json=event), "the new device's write")


@attack("XD-RACE-09", Need.PUSH, Need.TASK_STORE)
async def two_devices_claim_one_tool_call(lab: Lab) -> None:
    """Share a task and claim one tool call at once from both devices."""
    one = await lab.begin()
    two = await lab.push(one, mode="share")
    call = {"tool": "look_up", "title": "Look it up", "arguments": {}, "effect": "idempotent"}
    call_id = members_of(lab.works(await one.at("POST", "/tool-calls", json=call), "proposing a call"))["call_id"]

    async def claim(grant: Grant) -> bool:
        answer = await grant.at("POST", f"/tool-calls/{call_id}/claim", json={"lease": 30})
        return not answer.is_error

    held = await asyncio.gather(*(claim(grant) for grant in (one, two) for _ in range(3)))
    lab.holds(sum(held) == 1, f"{sum(held)} claims of one tool call have succeeded")
