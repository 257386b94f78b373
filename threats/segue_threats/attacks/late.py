"""XD-RACE-04: a decision that read the transfer while it waited is written once everything is over.

ASVS 5.0 section 15.4.2. Expected: every write depends on what was read, so that the late one changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from segue_threats.attack import Need, attack
from segue_threats.flows import Claim, Offer
from segue_threats.grant import Grant
from segue_threats.lab import Lab

MOST_WRITES = 8
"""Of one decision; an attack that has not met the last of them by then proves nothing."""
End = Callable[[Lab, Grant, Offer, Claim], Awaitable[str]]
"""Ends a transfer while a decision about it is held; says how it has ended."""


async def _denied(lab: Lab, _: Grant, offer: Offer, __: Claim) -> str:
    await lab.confirm(offer, "", decision="deny")
    return "denied"


async def _cancelled(lab: Lab, grant: Grant, offer: Offer, _: Claim) -> str:
    await lab.at_transfer(grant, "POST", f"/{offer.transfer_id}/cancel", data={"x": ""})
    return "cancelled"


async def _redeemed(lab: Lab, _: Grant, offer: Offer, claim: Claim) -> str:
    await lab.confirm(offer, claim.check_value)
    lab.works(await lab.poll(claim), "the redemption while another decision is held")
    return "redeemed"


@attack("XD-RACE-04", Need.PUSH, Need.PAGES, Need.OWN)
async def a_late_approval_revives_what_was_denied(lab: Lab) -> None:
    """Hold an approval before each of its writes in turn, decline meanwhile, and let it go on."""
    await _held_everywhere(lab, _denied)


@attack("XD-RACE-04", Need.PUSH, Need.PAGES, Need.OWN)
async def a_late_approval_revives_what_was_cancelled(lab: Lab) -> None:
    """Hold an approval before each of its writes in turn, cancel at the device meanwhile, and let it go on."""
    await _held_everywhere(lab, _cancelled)


@attack("XD-RACE-04", Need.PUSH, Need.PAGES, Need.OWN)
async def a_late_approval_makes_a_redeemed_transfer_redeemable(lab: Lab) -> None:
    """Hold an approval, approve and redeem in another window, let it go on, and redeem with a thief's key."""
    await _held_everywhere(lab, _redeemed)


async def _held_everywhere(outside: Lab, end: End) -> None:
    async with outside.instance() as (lab, machine):
        for write in range(MOST_WRITES):
            grant = await lab.begin()
            offer, claim = await lab.claimed(grant)
            with machine.held_at(urlsplit(offer.confirmation_uri).path, write=write) as gate:
                late = asyncio.create_task(lab.tries(lab.confirm(offer, claim.check_value)))
                reached = asyncio.create_task(gate.reached.wait())
                await asyncio.wait({late, reached}, return_when=asyncio.FIRST_COMPLETED)
                if not reached.done():
                    reached.cancel()
                    lab.works(await lab.poll(claim), "the redemption of what nothing has disturbed")
                    return
                ended = await end(lab, grant, offer, claim)
            await late
            state = (await lab.state(grant, offer)).get("state") if ended != "redeemed" else ended
            lab.holds(state == ended, f"the transfer was {ended}, and a late approval has made it {state}")
            lab.refuses(await lab.poll(claim, by=claim.device.like()), "a thief's redemption after the late approval")
            if ended != "redeemed":
                lab.refuses(await lab.poll(claim), "a redemption after the late approval", errors={"access_denied"})
