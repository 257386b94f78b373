"""XD-CONS: what the person sees is not what happens.

RFC 10027 sections 6.1.1 and 6.1.14, RFC 9396 section 12. Expected: every transfer asks anew.
"""

from segue_threats.attack import Need, attack
from segue_threats.attacks.pull import WAITING
from segue_threats.device import members_of
from segue_threats.lab import Lab


@attack("XD-CONS-05", Need.PULL)
async def an_earlier_consent_is_reused(lab: Lab) -> None:
    """Ask again with a client that the person has approved a moment ago."""
    first = await lab.pull()
    lab.works(await first.refresh(), "the first pull")
    for device in (first.device, first.device.like()):
        asked = await lab.ask(device)
        lab.refuses(await lab.poll(asked), "a second pull that nobody has approved", errors=WAITING)


@attack("XD-CONS-05", Need.PUSH)
async def an_earlier_confirmation_is_reused(lab: Lab) -> None:
    """Transfer again to a device that the person has confirmed a moment ago."""
    grant = await lab.begin()
    first = await lab.push(grant, mode="share")
    lab.works(await first.refresh(), "the first push")
    offer = await lab.offer(grant, mode="share")
    claim = await lab.claim(offer, first.device)
    lab.refuses(await lab.poll(claim), "a second push that nobody has confirmed", errors={"authorization_pending"})


@attack("XD-CONS-07", Need.PUSH)
async def nearness_is_forged(lab: Lab) -> None:
    """Claim under headers that name another address, and look at what the server has noted."""
    grant = await lab.begin()
    offer = await lab.offer(grant)
    forged = [("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")]
    form = {"transfer_code": offer.handle, "device_name": "Near you"}
    lab.works(await lab.phone().form("transfer_claim", form, headers=forged), "the claim")
    claim = members_of(await lab.at_transfer(grant, "GET", f"/{offer.transfer_id}")).get("claim", {})
    lab.holds(claim.get("network"), "the server does not say where the claim came from")
    lab.holds("203.0.113.9" not in str(claim), "the server believes where a device says it is")


@attack("XD-CONS-04", Need.PULL, Need.PAGES, Need.TASK_STORE)
async def the_task_changes_while_the_person_reads(lab: Lab) -> None:
    """Rename the task between the page and the click: what was approved is not what was shown."""
    grant = await lab.begin()
    asked = await lab.ask()
    browser = lab.pages().browser
    page = await browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    value = await lab.value(asked)
    version = lab.works(await grant.at("GET", ""), "the read").headers.get("ETag", "")
    renamed = await grant.at("PATCH", "", json={"name": "Something else"}, headers=[("If-Match", version)])
    lab.works(renamed, "renaming the task")
    await lab.tries(browser.approve(page, check_value=value, task=grant.task_id))
    lab.refuses(await lab.poll(asked), "a redemption of what was shown as something else", errors=WAITING)
    page = await browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    await browser.approve(page, check_value=value, task=grant.task_id)
    lab.works(await lab.collect(asked), "the pull after a second look")
