"""XD-PULL: the attacker starts a request and has the victim approve it, or takes what a victim has started.

RFC 8628 section 5, RFC 10027 sections 4.1 and 6.1. Expected: only the device in front of the person gets anything.
"""

import secrets

from segue_threats.attack import Need, attack
from segue_threats.attacks.push import wrong
from segue_threats.device import error_of, members_of
from segue_threats.flows import Asked, details
from segue_threats.lab import Lab

WAITING = {"authorization_pending", "slow_down"}
NOT_KNOWN = {"invalid_grant", "unauthorized_client", "invalid_client", "invalid_request"}


async def works_still(lab: Lab, asked: Asked) -> None:
    """The honest end of a pull that an attack has left alone."""
    await lab.approve(asked)
    lab.works(await lab.collect(asked), "the honest pull")


@attack("XD-PULL-01", Need.PULL, Need.PAGES)
async def a_phished_person_approves_without_the_number(lab: Lab) -> None:
    """Have the person approve a remote request whose screen they have never seen."""
    lab.works(await lab.ask_answer(lab.phone()), "asking")
    asked = await lab.ask()
    browser = lab.pages().browser
    page = await browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    value = await lab.value(asked)
    lab.holds(value, "there is no number that binds the request to a screen")
    again = page
    for guess in ("", wrong(value)):
        again = await browser.approve(again, check_value=guess, name="Phished")
        answer = await lab.poll(asked)
        lab.refuses(answer, "a redemption without the number", errors=WAITING | {"access_denied"})


@attack("XD-PULL-01", Need.PULL)
async def a_request_nobody_has_approved_is_redeemed(lab: Lab) -> None:
    """Poll before anybody has decided."""
    asked = await lab.ask()
    lab.refuses(await lab.poll(asked), "a poll before the decision", errors=WAITING)
    await lab.pause(asked)
    await works_still(lab, asked)


@attack("XD-PULL-03", Need.PULL, Need.PAGES, Need.PEOPLE)
async def one_code_is_sent_to_many_people(lab: Lab) -> None:
    """Have a second person enter a code that another has opened."""
    asked = await lab.ask()
    first, second = (lab.pages(number).browser for number in (0, 1))
    opened = await first.enter_code(asked.verification_uri, user_code=asked.user_code)
    value = await lab.value(asked)
    lab.proved += bool(value)
    page = await second.enter_code(asked.verification_uri, user_code=asked.user_code)
    unknown = await second.enter_code(asked.verification_uri, user_code="BCDF-GHJK")
    lab.holds(page.status_code == unknown.status_code, "the second person sees another answer than for an unknown code")
    await lab.tries(first.approve(opened, check_value=value, name="Spread"))
    lab.refuses(await lab.collect(asked), "a redemption of a code that was spread", errors={"access_denied"})


@attack("XD-PULL-04", Need.PULL, Need.PAGES, Need.PEOPLE, destructive=True)
async def user_codes_are_guessed(lab: Lab) -> None:
    """Enter a dozen wrong codes and then a right one."""
    asked = await lab.ask()
    lab.proved += 1
    guesser = lab.expendable().browser
    for _ in range(12):
        letters = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
        await guesser.enter_code(asked.verification_uri, user_code=letters)
    await guesser.enter_code(asked.verification_uri, user_code=asked.user_code)
    answer = await lab.poll(asked)
    lab.refuses(answer, "a poll", errors=WAITING)
    lab.holds("check_value" not in members_of(answer), "a right code counts after twelve wrong ones")


@attack("XD-PULL-05", Need.PULL, Need.PAGES)
async def a_code_is_entered_in_strange_spellings(lab: Lab) -> None:
    """Enter a live code in full-width letters, with invisible characters, and with look-alikes."""
    asked = await lab.ask()
    lab.proved += 1
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in asked.user_code)
    hidden = "\u200b".join(asked.user_code)
    for spelling in (wide, hidden, asked.user_code + "\u0301"):
        await lab.pages().browser.enter_code(asked.verification_uri, user_code=spelling)
    lab.holds(not await lab.value(asked), "a code in a spelling that no device shows was accepted")


@attack("XD-PULL-06", Need.PULL)
async def device_codes_are_guessed(lab: Lab) -> None:
    """Draw a few device codes, look for a pattern, and poll with invented ones."""
    device = lab.phone()
    drawn = [(await lab.ask(device)).device_code for _ in range(4)]
    lab.works(await lab.ask_answer(device), "asking")
    lab.holds(len(set(drawn)) == len(drawn), "a device code was given twice")
    lab.holds(all(len(code) >= 22 for code in drawn), "a device code has less than 128 bits")
    for guess in (drawn[0][:-1] + ("A" if drawn[0][-1] != "A" else "B"), secrets.token_urlsafe(32), "1"):
        asked = Asked(device, guess, "", "", 0)
        lab.refuses(await lab.poll(asked), "a poll with an invented device code", errors={"invalid_grant"})


@attack("XD-PULL-07", Need.PULL, Need.CODE)
async def a_device_code_is_redeemed_by_another_client(lab: Lab) -> None:
    """Poll an approved code with another client's identifier, with the right key and with another."""
    asked = await lab.ask()
    await lab.approve(asked)
    other = lab.desktop().client
    for key in (asked.device.key, None):
        thief = asked.device.like(key=key, client=other)
        lab.refuses(
            await lab.poll(asked, by=thief), "a poll by another client", errors=NOT_KNOWN | {"invalid_dpop_proof"}
        )
    lab.works(await lab.collect(asked), "the honest poll")


@attack("XD-PULL-08", Need.PULL)
async def a_stolen_device_code_is_redeemed_with_the_thiefs_key(lab: Lab) -> None:
    """Read the device code in a log, wait for the approval, and poll first with a key of one's own."""
    asked = await lab.ask()
    await lab.approve(asked)
    answer = await lab.poll(asked, by=asked.device.like())
    lab.refuses(answer, "a poll with another key", errors={"invalid_grant", "invalid_dpop_proof"})
    lab.works(await lab.collect(asked), "the honest poll")


@attack("XD-PULL-09", Need.PULL)
async def the_device_polls_too_fast(lab: Lab) -> None:
    """Poll at once again, and go on like that."""
    asked = await lab.ask()
    lab.refuses(await lab.poll(asked), "the first poll", errors={"authorization_pending"})
    lab.proved += 1
    answers = [await lab.poll(asked) for _ in range(3)]
    lab.holds(any(error_of(answer) == "slow_down" for answer in answers), "nobody is told to slow down")


@attack("XD-PULL-11", Need.PULL, Need.PAGES)
async def the_link_approves_by_itself(lab: Lab) -> None:
    """Open the link with the code inside, signed in, as a link preview or a mail scanner does."""
    answer = lab.works(await lab.ask_answer(lab.phone()), "asking").json()
    asked = Asked(lab.phone(), answer["device_code"], answer["user_code"], answer["verification_uri"], 0)
    browser = lab.pages().browser
    await browser.enter_code(asked.verification_uri, user_code="BCDF-GHJK")  # signs in
    complete = answer.get("verification_uri_complete", asked.verification_uri)
    lab.holds(answer["user_code"] not in complete.partition("#")[0], "the link sends the code to the server by itself")
    asked = await lab.ask()
    http = lab.pages().http
    page = await http.get(asked.verification_uri, params={"user_code": asked.user_code}, follow_redirects=True)
    lab.holds(page.status_code < 500, "the page fails")
    polled = await lab.poll(asked)
    lab.refuses(polled, "a poll after the link was opened", errors=WAITING)
    lab.holds("check_value" not in members_of(polled), "the link alone has opened the request")


@attack("XD-PULL-15", Need.PULL, Need.PUSH, Need.PAGES)
async def a_code_is_used_for_another_intent(lab: Lab) -> None:
    """Enter a push code at the page of the pull, and claim with a user code."""
    asked = await lab.ask()
    lab.proved += 1
    answer = await lab.claim_answer(lab.phone(), asked.user_code)
    lab.refuses(answer, "a claim with a user code", errors={"invalid_grant"})
    grant = await lab.begin()
    offer = await lab.offer(grant)
    await lab.pages().browser.enter_code(asked.verification_uri, user_code=offer.transfer_code)
    lab.holds((await lab.state(grant, offer)).get("state") == "offered", "the page of the pull has taken a push code")


@attack("XD-PULL-16", Need.PULL, Need.CODE, Need.PAGES, Need.PEOPLE)
async def a_task_of_somebody_else_is_named(lab: Lab) -> None:
    """Ask for a task by its identifier that the approver has no part in."""
    theirs = await lab.begin()
    lab.proved += 1
    wanted = details([{"type": "task", "task_id": theirs.task_id, "actions": ["task:read"]}])
    asked = await lab.ask(authorization_details=wanted)
    stranger = lab.pages(1)

    async def value() -> str:
        return await lab.value(asked)

    await lab.tries(stranger.device(asked.verification_uri, asked.user_code, value))
    lab.refuses(await lab.poll(asked), "a redemption for a task of somebody else")
