"""What should have ended by now: codes, grants, a sign-in of long ago; and what a restart must not bring back.

RFC 8628 section 3.5, RFC 9700 section 4.14.2, RFC 10027 sections 6.1.2 and 6.1.10. The clock is that of an instance of
the suite's own. Expected: an end is an end, at every step that looks at it, and nothing that was used is new again.
"""

import asyncio

from segue_demo.browser import Browser

from segue_threats.attack import Need, attack
from segue_threats.attacks.push import wrong
from segue_threats.device import members_of, need
from segue_threats.flows import Asked, Claim
from segue_threats.forge import opened
from segue_threats.grant import Grant
from segue_threats.lab import Lab

OVER = {"expired_token", "invalid_grant", "access_denied"}
DAY = 86_400
LONGEST_GRANT = 90
"""Days after which the person must have been asked again."""
LONGEST_TOKEN = 900
"""Seconds that an access token may be good for."""


async def asked_until(lab: Lab) -> tuple[Asked, int, int]:
    """A pull, the seconds in which its code may be entered, and those in which it may be redeemed."""
    device = lab.phone()
    answer = lab.works(await lab.ask_answer(device), "asking")
    code, user_code, uri, lifetime = need(answer, "device_code", "user_code", "verification_uri", "expires_in")
    entering = int(members_of(answer).get("user_code_expires_in", lifetime))
    return Asked(device, code, user_code, uri, 0), entering, int(lifetime)


@attack("XD-PULL-10", Need.PULL, Need.PAGES, Need.OWN)
async def a_code_is_entered_after_its_time(outside: Lab) -> None:
    """Enter a user code a second after it has ended."""
    async with outside.instance() as (lab, machine):
        asked, _, _ = await asked_until(lab)
        await lab.approve(asked)
        lab.works(await lab.poll(asked), "the pull in time")
        asked, entering, _ = await asked_until(lab)
        machine.ahead += entering + 1
        await lab.tries(lab.pages().browser.enter_code(asked.verification_uri, user_code=asked.user_code))
        lab.holds(not await lab.value(asked), "a code was entered after its time")


@attack("XD-PULL-10", Need.PULL, Need.PAGES, Need.OWN)
async def a_page_that_was_opened_in_time_is_sent_too_late(outside: Lab) -> None:
    """Open the page in time, approve after the end; and redeem after the end what was approved in time."""
    async with outside.instance() as (lab, machine):
        browser = lab.pages().browser
        asked, _, lifetime = await asked_until(lab)
        page = await browser.enter_code(asked.verification_uri, user_code=asked.user_code)
        value = await lab.value(asked)
        lab.shows(value, "the page of the code is not open")
        machine.ahead += lifetime + 1
        await lab.tries(browser.approve(page, check_value=value, name="Too late"))
        lab.refuses(await lab.poll(asked), "a redemption of what was approved too late", errors=OVER)
        asked, _, lifetime = await asked_until(lab)
        await lab.approve(asked)
        machine.ahead += lifetime + 1
        lab.refuses(await lab.poll(asked), "a redemption after the end", errors=OVER)


@attack("XD-TOK-07", Need.PUSH, Need.PAGES, Need.OWN)
async def one_approval_is_refreshed_for_ever(outside: Lab) -> None:
    """Refresh twice a day and see when it ends; after a later transfer see what is left."""
    async with outside.instance() as (lab, machine):
        owner = await lab.begin()
        first = lab.works(await lab.poll(await confirmed(lab, owner)), "the redemption")
        lab.holds(members_of(first).get("expires_in", DAY) <= LONGEST_TOKEN, "an access token lives for hours")
        left = members_of(await owner.refresh()).get("authorization_details", [{"actions": []}])
        writes = [action for action in left[0]["actions"] if not action.endswith(":read")]
        lab.holds(not writes, f"the device that the task has left may still {', '.join(writes)}")
        grant = await lab.begin()
        for _ in range(2 * LONGEST_GRANT):
            machine.ahead += DAY // 2
            answer = await grant.refresh()
            if answer.is_error:
                break
            grant.refresh_token = members_of(answer).get("refresh_token", grant.refresh_token)
        lab.refuses(answer, f"a refresh {LONGEST_GRANT} days after the approval", errors={"invalid_grant"})


async def confirmed(lab: Lab, grant: Grant, **fields: str) -> Claim:
    """A push that the person has approved."""
    offer, claim = await lab.claimed(grant, **fields)
    await lab.confirm(offer, claim.check_value)
    return claim


@attack("XD-CONS-06", Need.PUSH, Need.PAGES, Need.TASK_STORE, Need.OWN)
async def an_old_sign_in_passes_for_a_fresh_one(outside: Lab) -> None:
    """Approve an hour after signing in, and look when the token says that it was; ask for somebody who is there now."""
    async with outside.instance() as (lab, machine):
        await lab.pages().browser.visit(f"{lab.target.issuer}/devices")  # signs in
        signed_in = lab.clock()
        machine.ahead += 3600
        grant = await lab.push(await lab.begin())
        lab.works(await grant.read(), "the read")
        claims = opened(grant.access_token)[1]
        said = claims.get("auth_time", lab.clock())
        lab.holds(said <= signed_in + 60, f"the token says that the person signed in {lab.clock() - said} seconds ago")
        lab.holds(claims.get("acr"), "the token does not say how the person signed in")
        device = lab.desktop()
        request = lab.authorization(device, max_age="60")
        fresh = Grant.of(device, await lab.exchange(device, request, await lab.code(device, request)))
        age = lab.clock() - opened(fresh.access_token)[1].get("auth_time", 0)
        lab.holds(age <= 60, f"somebody who signed in {age} seconds ago passes where 60 were asked for")


RECENT = 60
SENSITIVE = {"max_age": RECENT, "one_decision": "require"}
"""What the policy wants of the sign-in for a task that is sensitive."""
STEP_UP = {"insufficient_user_authentication"}


@attack("XD-PUSH-10", Need.PUSH, Need.PAGES, Need.OWN)
async def a_transfer_is_started_at_a_desk_that_was_left(outside: Lab) -> None:
    """Offer the task from a device whose person signed in minutes ago, and again with the sign-in of another offer."""
    async with outside.instance(sign_in=SENSITIVE) as (lab, machine):
        grant = await lab.begin()
        machine.ahead += RECENT + 1
        lab.refuses(await lab.offer_answer(grant), "an offer after the person has left", errors=STEP_UP)
        request = lab.authorization(grant.device, max_age="0")
        fresh = Grant.of(grant.device, await lab.exchange(grant.device, request, await lab.code(grant.device, request)))
        lab.works(await lab.offer_answer(fresh, mode="share"), "the offer after the person has signed in")
        lab.refuses(await lab.offer_answer(fresh, mode="share"), "a second offer by that sign-in", errors=STEP_UP)


@attack("XD-PUSH-10", Need.PUSH, Need.PAGES, Need.OWN)
async def a_transfer_is_confirmed_in_a_session_that_was_left_open(outside: Lab) -> None:
    """Confirm in the person's own browser, a minute after they signed in, without knowing their password."""
    async with outside.instance(sign_in=SENSITIVE) as (lab, machine):
        offer, claim = await lab.claimed(await lab.begin())
        machine.ahead += RECENT + 1
        at_the_desk = Browser(lab.pages().http, username=lab.username(), password="a guess")  # noqa: S106
        await lab.tries(at_the_desk.confirm(offer.confirmation_uri, check_value=claim.check_value))
        lab.refuses(await lab.poll(claim), "a redemption without the person", errors={"authorization_pending"})
        await lab.confirm(offer, claim.check_value)
        lab.works(await lab.poll(claim), "the redemption after the person has signed in")


@attack("XD-RACE-10", Need.PUSH, Need.PULL, Need.RESOURCE, Need.PAGES, Need.OWN)
async def a_restart_makes_used_things_new(outside: Lab) -> None:
    """Use a proof, a refresh token, a code and two guesses, restart both servers, and use them all again."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        lab.works(await grant.read(), "the honest read")
        proof = grant.device.proof("GET", grant.address, token=grant.access_token)
        lab.works(await grant.read(proofs=[proof]), "the first use of the proof")
        used = grant.device.proof("POST", lab.target.endpoint("token"))
        grant.refresh_token = Grant.of(grant.device, await grant.refresh(how={"proofs": [used]})).refresh_token
        code = lab.authorization(grant.device)
        redeemed = await lab.code(grant.device, code)
        lab.works(await lab.exchange(grant.device, code, redeemed), "the redemption of a code")
        offer, claim = await lab.claimed(grant, mode="share")
        guess = claim.check_value
        for _ in range(2):
            guess = wrong(guess)
            await lab.tries(lab.confirm(offer, guess))
        lab.step("both servers are stopped and started")
        await machine.stop()
        await machine.start()
        lab.refuses(await grant.read(proofs=[proof]), "a used proof after the restart")
        lab.refuses(await grant.refresh(how={"proofs": [used]}), "a used proof of a refresh after the restart")
        again = await lab.exchange(grant.device.like(), code, redeemed)
        lab.refuses(again, "a used code after the restart", errors={"invalid_grant"})
        await lab.tries(lab.confirm(offer, claim.check_value))
        polled = await lab.poll(claim)
        lab.refuses(polled, "a redemption after two wrong numbers and a restart", errors={"access_denied"})
        lab.still_works(await grant.read(), "the honest read")


@attack("XD-RACE-10", Need.PULL, Need.PAGES, Need.OWN)
async def a_limit_is_passed_by_many_connections(outside: Lab) -> None:
    """Enter two dozen wrong codes at once, each by a connection of its own, and then the right one."""
    async with outside.instance() as (lab, _):
        first = lab.windows(1)[0].browser
        asked = await lab.ask()
        await first.enter_code(asked.verification_uri, user_code=asked.user_code)
        lab.shows(await lab.value(asked), "a right code is not taken")
        asked = await lab.ask()
        windows = [window.browser for window in lab.windows(24)]
        wrong_codes = [window.enter_code(asked.verification_uri, user_code="BCDF-GHJK") for window in windows]
        await asyncio.gather(*wrong_codes)
        await lab.tries(first.enter_code(asked.verification_uri, user_code=asked.user_code))
        lab.holds(not await lab.value(asked), "a right code counts after two dozen wrong ones")
