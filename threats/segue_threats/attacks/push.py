"""XD-PUSH: the transfer code is in the attacker's hands, by a photograph, a log, or the victim's own help.

RFC 10027 sections 4.2 and 6.1. Expected: the code alone releases nothing, and the person sees who claims.
"""

import re

from segue_threats.attack import Need, attack
from segue_threats.device import error_of
from segue_threats.lab import Lab

NOT_KNOWN = {"invalid_grant", "unauthorized_client"}
_TAGS = re.compile(r"<[^>]*>")


def wrong(check_value: str) -> str:
    """Another value of the same form."""
    return f"{(int(check_value) + 1) % 10 ** len(check_value):0{len(check_value)}d}"


@attack("XD-PUSH-01", Need.PUSH)
async def a_code_sent_to_a_false_helpdesk_is_redeemed(lab: Lab) -> None:
    """Claim with the right code and redeem before anybody has confirmed."""
    offer, claim = await lab.claimed(await lab.begin())
    answer = await lab.poll(claim)
    lab.refuses(answer, "a redemption before the confirmation", errors={"authorization_pending"})
    await lab.confirm(offer, claim.check_value)
    lab.works(await lab.poll(claim), "the redemption after the confirmation")


@attack("XD-PUSH-01", Need.PUSH, Need.PAGES)
async def the_victim_confirms_without_the_number(lab: Lab) -> None:
    """Have the person confirm with numbers that no device shows."""
    grant = await lab.begin()
    lab.works(await lab.offer_answer(grant), "an offer")
    offer, claim = await lab.claimed(grant)
    for _ in range(2):
        await lab.tries(lab.confirm(offer, wrong(claim.check_value)))
    lab.refuses(await lab.poll(claim), "a redemption after two wrong numbers", errors={"access_denied"})
    await lab.tries(lab.confirm(offer, claim.check_value))
    lab.refuses(await lab.poll(claim), "a redemption after the right number came too late", errors={"access_denied"})


@attack("XD-PUSH-02", Need.PUSH)
async def an_onlooker_claims_the_photographed_code(lab: Lab) -> None:
    """Claim a code that its owner has claimed already, with another key."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    onlooker = lab.phone()
    for code in (offer.handle, offer.transfer_code):
        lab.refuses(await lab.claim_answer(onlooker, code), "a second claim", errors=NOT_KNOWN)
    state = await lab.state(grant, offer)
    lab.holds(
        state.get("contested") is True or state.get("state") == "denied", "the owner is not told of the second claim"
    )
    await lab.confirm(offer, claim.check_value)
    answer = await lab.poll(claim)
    if error_of(answer) != "access_denied":  # a policy may end a contested transfer
        lab.works(answer, "the owner's redemption")
    lab.proved += 1


@attack("XD-PUSH-03", Need.PUSH, Need.PAGES)
async def the_second_value_is_left_out(lab: Lab) -> None:
    """Confirm with no number, with blanks, with wildcards, with the right one and something more."""
    grant = await lab.begin()
    lab.works(await lab.offer_answer(grant), "an offer")
    for change in (lambda _: "", lambda _: " ", lambda _: "*", lambda value: value + "0", lambda value: value[:3]):
        offer, claim = await lab.claimed(grant)
        lab.step("confirm with another number")
        await lab.tries(lab.confirm(offer, change(claim.check_value)))
        lab.refuses(await lab.poll(claim), "a redemption without the number")
    lab.holds((await lab.state(grant, offer)).get("state") in ("claimed", "denied"), "the transfer was approved")


@attack("XD-PUSH-04", Need.PUSH, Need.PAGES)
async def the_short_number_is_guessed(lab: Lab) -> None:
    """Try numbers until the budget is spent, then the right one; then start again with the older code."""
    grant = await lab.begin()
    older = await lab.offer(grant)
    lab.proved += 1
    offer, claim = await lab.claimed(grant)
    lab.refuses(await lab.claim_answer(lab.phone(), older.handle), "a claim of the older transfer", errors=NOT_KNOWN)
    guess = claim.check_value
    for _ in range(3):
        guess = wrong(guess)
        await lab.tries(lab.confirm(offer, guess))
    await lab.tries(lab.confirm(offer, claim.check_value))
    lab.refuses(await lab.poll(claim), "a redemption after the budget of guesses")
    lab.holds((await lab.state(grant, offer)).get("state") == "denied", "the transfer still lives")


@attack("XD-PUSH-05", Need.PUSH, Need.PAGES)
async def the_number_is_read_where_it_is_to_be_typed(lab: Lab) -> None:
    """Look for the number in all that the Authorization Device is told before the decision."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    state = await lab.at_transfer(grant, "GET", f"/{offer.transfer_id}")
    lab.works(state, "asking for the state")
    page = await lab.pages().browser.confirm(offer.confirmation_uri, check_value=wrong(claim.check_value))
    for what, text in (("state", state.text), ("page", _TAGS.sub(" ", page.text))):
        numbers = re.findall(rf"(?<![\w.:-])\d{{{len(claim.check_value)}}}(?![\w.:-])", text)
        lab.holds(claim.check_value not in numbers, f"the {what} tells the number that is to be typed")


@attack("XD-PUSH-06", Need.PUSH)
async def a_redeemed_code_is_presented_again(lab: Lab) -> None:
    """Claim and redeem once more with another key what the owner has redeemed."""
    offer, claim = await lab.claimed(await lab.begin())
    await lab.confirm(offer, claim.check_value)
    lab.works(await lab.poll(claim), "the redemption")
    thief = lab.phone()
    lab.refuses(await lab.claim_answer(thief, offer.handle), "a claim of a redeemed code", errors=NOT_KNOWN)
    lab.refuses(await lab.poll(claim, by=thief), "a second redemption", errors=NOT_KNOWN)


@attack("XD-PUSH-06", Need.PUSH)
async def a_redemption_by_a_thief_leaves_the_tokens_alive(lab: Lab) -> None:
    """Redeem a used code with another key, and see whether what came of it lives on: somebody has the code."""
    grant = await lab.push(await lab.begin())
    lab.works(await grant.refresh(), "the honest refresh")
    offer, claim = await lab.claimed(await lab.begin())
    await lab.confirm(offer, claim.check_value)
    issued = lab.works(await lab.poll(claim), "the redemption")
    lab.refuses(await lab.poll(claim, by=lab.phone()), "a redemption with another key", errors=NOT_KNOWN)
    form = {"grant_type": "refresh_token", "refresh_token": issued.json()["refresh_token"]}
    lab.refuses(await claim.device.form("token", form), "a refresh of what the stolen code gave", errors=NOT_KNOWN)


@attack("XD-PUSH-07", Need.PUSH)
async def the_code_is_claimed_by_another_client(lab: Lab) -> None:
    """Claim as a client that the code was not made for, as none, and as one that does not exist."""
    offer = await lab.offer(await lab.begin())
    for client_id in (lab.desktop().client.client_id, "", "no-such-client"):
        answer = await lab.claim_answer(lab.phone(), offer.handle, client_id=client_id)
        lab.refuses(answer, f"a claim as the client {client_id!r}")
    lab.works(await lab.claim_answer(lab.phone(), offer.handle), "the claim by the client it was made for")


@attack("XD-PUSH-08", Need.PUSH)
async def the_code_stands_where_servers_log_it(lab: Lab) -> None:
    """Look for the code in the part of an address that is sent to servers."""
    offer = await lab.offer(await lab.begin())
    address, _, fragment = offer.transfer_uri.partition("#")
    lab.proved += bool(offer.handle and fragment)
    for secret in (offer.handle, offer.transfer_code):
        lab.holds(secret not in address, "the code is in the path or the query")
        lab.holds(secret not in offer.confirmation_uri, "the code is in the address of the confirmation")


@attack("XD-PUSH-11", Need.PUSH)
async def both_values_are_read_in_one_place(lab: Lab) -> None:
    """Look for the second value in the answers that hold the code, and for the code in those that hold the value."""
    grant = await lab.begin()
    answer = lab.works(await lab.offer_answer(grant), "the offer")
    lab.holds("check_value" not in answer.json(), "the offer tells the second value")
    claimed = lab.works(await lab.claim_answer(lab.phone(), answer.json()["transfer_code"]), "the claim")
    lab.holds("transfer_code" not in claimed.text, "the claim tells the code")
    state = await lab.at_transfer(grant, "GET", f"/{answer.json()['transfer_id']}")
    lab.holds("check_value" not in state.text, "the state tells the second value")


@attack("XD-PUSH-13", Need.PUSH)
async def a_withdrawn_code_is_used(lab: Lab) -> None:
    """Claim a code that was cancelled, and one that a newer one has replaced; redeem what was cancelled meanwhile."""
    grant = await lab.begin()
    cancelled = await lab.offer(grant)
    lab.works(await lab.at_transfer(grant, "POST", f"/{cancelled.transfer_id}/cancel", data={"x": ""}), "cancelling")
    lab.refuses(await lab.claim_answer(lab.phone(), cancelled.handle), "a claim of a cancelled code", errors=NOT_KNOWN)
    older = await lab.offer(grant)
    offer, claim = await lab.claimed(grant)
    lab.refuses(await lab.claim_answer(lab.phone(), older.handle), "a claim of a replaced code", errors=NOT_KNOWN)
    await lab.at_transfer(grant, "POST", f"/{offer.transfer_id}/cancel", data={"x": ""})
    lab.refuses(await lab.poll(claim), "a redemption of a cancelled transfer", errors={"access_denied"})


@attack("XD-PUSH-13", Need.PUSH, Need.REVOCATION)
async def a_code_outlives_the_grant_it_came_of(lab: Lab) -> None:
    """Revoke the Authorization Device's grant and go on with the transfer it had started."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    await lab.confirm(offer, claim.check_value)
    lab.works(await grant.device.form("revocation", {"token": grant.refresh_token}), "the revocation")
    lab.refuses(await lab.poll(claim), "a redemption after the source was revoked")
