"""XD-DOS: so much of what a server may be asked for that others get none, and limits that hit the wrong person.

RFC 10027 section 6.1.11, ASVS 5.0 sections 2.4 and 6.3. Expected: who asks too much waits, and nobody else does.
"""

import asyncio
import time

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.grant import Grant
from segue_threats.lab import OVERLOADED, Lab

ENOUGH = 10.0
"""Seconds in which others must be served while somebody floods the server."""
FLOOD = 60
"""Requests of one kind from one network; nobody transfers that many tasks in a minute."""
LONGEST_PAGE = 1_000
WRONG = "not the password"
EVENT = {"kind": "message", "role": "customer", "body": {"text": "one of many"}}


@attack("XD-DOS-01", Need.PULL, destructive=True)
async def requests_without_end_are_left_pending(lab: Lab) -> None:
    """Ask for sixty codes from one network, and then honestly from another."""
    other = lab.elsewhere(lab.phone())
    lab.works(await lab.ask_answer(other), "asking")
    flooding = lab.phone()
    flooding.patient = False
    answers = [await lab.ask_answer(flooding) for _ in range(FLOOD)]
    refused = [answer for answer in answers if answer.status_code in OVERLOADED]
    lab.holds(refused, f"{FLOOD} codes were given to one network")
    lab.holds(refused[-1].headers.get("Retry-After", "").isdigit(), "nobody is told when to come back")
    lab.still_works(await lab.ask_answer(other), "asking from another network")


@attack("XD-DOS-02", Need.PAGES, Need.TASK_STORE, destructive=True)
async def passwords_are_tried_without_end(lab: Lab) -> None:
    """Type a dozen wrong passwords for one name and many names at once, and see whether others are served."""
    attacker = lab.stranger()
    lab.works(await attacker.get(f"{lab.target.issuer}/sign-in"), "the page to sign in")
    name = f"nobody-{lab.phone().key.jkt[:8]}"
    answers = [await lab.sign_in(attacker, username=name, password=WRONG) for _ in range(14)]
    lab.holds(answers[0].status_code == 401, f"a wrong password is answered with {answers[0].status_code}")
    lab.holds(answers[-1].status_code in OVERLOADED, "fourteen passwords may be tried for one name")
    long = await lab.sign_in(attacker, username=f"{name}-long", password="a" * 60_000)
    lab.holds(long.is_error, "a password of 60,000 characters is taken")

    storm = asyncio.gather(*(lab.sign_in(attacker, username=f"{name}-{each}", password=WRONG) for each in range(FLOOD)))
    begin = time.monotonic()
    lab.still_works(await lab.http.get(lab.target.metadata_address), "the metadata")
    waited = time.monotonic() - begin
    answers = await storm
    lab.holds(waited < ENOUGH, f"while passwords are checked others wait for {waited:.0f} seconds")
    lab.holds(any(answer.status_code in OVERLOADED for answer in answers), f"{FLOOD} names may be tried at once")


@attack("XD-DOS-03", Need.CODE, Need.TASK_STORE)
async def streams_are_held_open_without_end(lab: Lab) -> None:
    """Follow one task sixty times by one device; then once by another, and again after closing some."""
    grant, other = await lab.begin(), await lab.begin()
    for each in (grant, other):
        lab.works(await each.read(), "the honest read")
    http, following = lab.stranger(), list[httpx2.Response]()
    try:
        for _ in range(FLOOD):
            following.append(await _followed(grant, http))
            if following[-1].is_error:
                break
        lab.holds(following[-1].status_code in OVERLOADED, f"one device may hold {FLOOD} streams open")
        following.append(lab.still_works(await _followed(other, lab.stranger()), "a stream of another device"))
        for closed in following[:5]:
            await closed.aclose()
        for _ in range(4 * int(ENOUGH)):
            again = await _followed(grant, http)
            following.append(again)
            if not again.is_error:
                break
            await asyncio.sleep(0.25)
        lab.still_works(again, "a stream in the place of one that was closed")
    finally:
        for answer in following:
            await answer.aclose()


async def _followed(grant: Grant, http: httpx2.AsyncClient) -> httpx2.Response:
    """The live log; the answer is left open."""
    address = f"{grant.address}/events"
    proof = grant.device.proof("GET", address, token=grant.access_token)
    headers = {"Accept": "text/event-stream", "Authorization": f"DPoP {grant.access_token}", "DPoP": proof}
    answer = await http.send(http.build_request("GET", address, headers=headers), stream=True)
    if answer.is_error:
        await answer.aread()
    return answer


@attack("XD-DOS-05", Need.PAGES, Need.TASK_STORE, destructive=True)
async def the_budget_of_another_person_is_spent(lab: Lab) -> None:
    """Type wrong passwords for the test person from elsewhere, until the server has had enough of it."""
    person = lab.target.configuration.people[-1]
    attacker = lab.stranger()
    for _ in range(14):
        answer = await lab.sign_in(attacker, username=person.username, password=WRONG)
        if answer.status_code in OVERLOADED:
            break
    lab.works(await attacker.get(lab.target.metadata_address), "the metadata, for the attacker")
    landed = await lab.sign_in(lab.stranger(), username=person.username, password=person.password)
    lab.holds(landed.is_redirect, f"the person is locked out by somebody else ({landed.status_code})")


@attack("XD-DOS-05", Need.PUSH, Need.PAGES)
async def a_transfer_that_was_spoilt_cannot_be_begun_again(lab: Lab) -> None:
    """Spoil a transfer by a second claim and wrong numbers; the owner begins again at once."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant, mode="share")
    lab.refuses(await lab.claim_answer(lab.phone(), offer.handle), "a second claim")
    for number in ("0000", "9999", "5555"):
        if number != claim.check_value:
            await lab.tries(lab.confirm(offer, number))
    lab.refuses(await lab.poll(claim), "a redemption of what was spoilt")
    again = await lab.push(grant, mode="share")
    lab.works(await again.refresh(), "the transfer that was begun again")


@attack("XD-DOS-05")
async def an_invented_refresh_token_ends_the_family(lab: Lab) -> None:
    """Present the token in use with another key, changed ones, and words; the owner goes on."""
    lab.works(await (await lab.grant()).refresh(), "the honest refresh")
    grant = await lab.grant()
    thief = grant.device.like()
    for token in (grant.refresh_token, grant.refresh_token + "x", grant.refresh_token[:-2], "x", "." * 40):
        lab.refuses(await grant.refresh(by=thief, refresh_token=token), "a refresh by a thief")
    lab.still_works(await grant.refresh(), "the owner's refresh")


@attack("XD-DOS-06", Need.CODE, Need.TASK_STORE)
async def pages_and_batches_have_no_end(lab: Lab) -> None:
    """Ask for a page of a million events, and append more at once than any honest agent does."""
    grant = await lab.begin()
    batch = {"events": [EVENT] * 100}
    lab.works(await grant.at("POST", "/events", json=batch), "appending")
    before = members_of(await grant.at("GET", "/events?limit=1")).get("head")
    for size in (5_000, 100_000):
        answer = await grant.at(
            "POST", "/events", json={"events": [{"kind": "x", "role": "customer", "body": {}}] * size}
        )
        lab.refuses(answer, f"{size} events at once")
    lab.holds(members_of(await grant.at("GET", "/events?limit=1")).get("head") == before, "some of them were written")
    for limit in ("1000000", "1" + "0" * 30, "-1"):
        page = await grant.at("GET", f"/events?limit={limit}")
        if not page.is_error:
            lab.holds(len(members_of(page).get("events", ())) <= LONGEST_PAGE, f"a page of {limit} events is served")
    for _ in range(11):
        answer = await grant.at("POST", "/events", json=batch)
    lab.works(answer, "appending a thousand events")
    page = await grant.at("GET", "/events?limit=1000000")
    told = len(members_of(page).get("events", ()))
    lab.holds(page.is_error or told <= LONGEST_PAGE, f"a page of {told} events is served")
