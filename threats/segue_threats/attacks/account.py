"""Accounts: one that is no longer there when its approval is used, and a person who finds out too late.

RFC 10027 section 6.1.6, ASVS 5.0 section 7.4.2. Expected: every grant looks again at the moment of issue, and one
button ends what should not have begun.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from segue_threats.attack import Need, attack
from segue_threats.attacks.lapse import confirmed
from segue_threats.attacks.token import BOUND
from segue_threats.forge import opened
from segue_threats.grant import Grant
from segue_threats.lab import Lab

if TYPE_CHECKING:
    from segue_threats.machine import Machine

NOTHING = {"invalid_grant", "access_denied"}


@asynccontextmanager
async def locked(lab: Lab, machine: "Machine") -> AsyncIterator[None]:
    """For a while the test person has no account."""
    person = lab.target.configuration.people[0]
    lab.step(f"the account of {person.username} is disabled")
    await machine.disable(person)
    try:
        yield
    finally:
        await machine.disable(person, disabled=False)


@attack("XD-TOK-08", Need.CODE, Need.PULL, Need.PUSH, Need.PAGES, Need.OWN)
async def an_approval_is_used_after_the_account_was_locked(outside: Lab) -> None:
    """Approve by each flow, lock the account, and redeem; refresh what was given before."""
    async with outside.instance() as (lab, machine):
        device = lab.desktop()
        request = lab.authorization(device)
        code = await lab.code(device, request)
        asked = await lab.ask()
        await lab.approve(asked)
        grant = await lab.begin()
        claim = await confirmed(lab, grant, mode="share")
        lab.works(await (await lab.begin()).refresh(), "a grant of the same kind")
        async with locked(lab, machine):
            lab.refuses(await lab.exchange(device, request, code), "an authorization code", errors=NOTHING)
            lab.refuses(await lab.poll(asked), "a pull that was approved", errors=NOTHING)
            lab.refuses(await lab.poll(claim), "a push that was confirmed", errors=NOTHING)
            lab.refuses(await grant.refresh(), "a refresh", errors=NOTHING)
        lab.works(await (await lab.begin()).refresh(), "a grant of the account that is there again")


@attack("XD-CONS-09", Need.PUSH, Need.PAGES, Need.TASK_STORE)
async def a_device_stays_that_the_person_has_ended(lab: Lab) -> None:
    """Find the device among those that hold something, press its one button, and go on with its tokens."""
    thief = await lab.push(await lab.begin(), mode="share")
    lab.works(await thief.read(), "the read before")
    browser = lab.pages().browser
    device_id = str(opened(thief.access_token)[1].get("device_id"))
    page = await browser.visit(f"{lab.target.issuer}/devices")
    lab.holds(device_id in page.text, "the page of devices leaves out one that holds a task")
    await browser.press(page, revoke_device=device_id)
    await _is_over(lab, thief)


@attack("XD-CONS-09", Need.PUSH, Need.PAGES, Need.TASK_STORE, destructive=True)
async def a_transfer_stays_that_the_person_did_not_start(target: Lab) -> None:
    """Say of a transfer that it was somebody else's, and go on with what came of it.

    The client that asked for it may get nothing for a while afterwards.
    """
    async with target.apart() as lab:
        thief = await lab.push(await lab.begin(), mode="share")
        lab.works(await thief.read(), "the read before")
        transfer_id = thief.details.get("transfer_id", "")
        browser = lab.pages().browser
        page = await browser.visit(f"{lab.target.issuer}/devices")
        lab.holds(transfer_id and transfer_id in page.text, "the page does not tell of a transfer that has taken place")
        await browser.press(await browser.press(page, report=transfer_id), report=transfer_id)
        await _is_over(lab, thief)


async def _is_over(lab: Lab, thief: Grant) -> None:
    """It mints nothing, and what it has is refused within the bound."""
    lab.refuses(await thief.refresh(), "a refresh after the person has ended it", errors={"invalid_grant"})
    for _ in range(4 * BOUND):
        answer = await thief.read()
        if answer.is_error:
            break
        await asyncio.sleep(0.25)
    lab.refuses(answer, f"a read {BOUND} seconds after the person has ended it", statuses={401})
