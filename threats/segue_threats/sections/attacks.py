"""An attack for each mitigation. It ends well for the adversary, or raises `Stopped`; its docstring is what it tries.

The same attack is played with the mitigation off and on. What has no setting is off at the plain server, or where a
deployment has not done its part.
"""

import re

from segue_threats.attack import PreconditionFailed
from segue_threats.sections.played import HERE, PLAIN, REGISTERED, Side, against, settings
from segue_threats.sections.scene import Scene
from segue_threats.staging.person import Stopped
from segue_threats.staging.seen import Seen

FILTERS = (
    r"#iss=https?%3A%2F%2F[^&\s]+&transfer_code=[A-Za-z0-9_-]{43}\b",
    r"/device#[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b",
    r"\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b",
)
"""The expressions of specs/content-filters.md."""


@against(
    "establish_proximity",
    off=settings(establish_proximity="off"),
    on=settings(establish_proximity="require"),
)
async def a_device_in_another_network_takes_the_code(scene: Scene) -> None:
    """A false helpdesk far away has the person read out the code, claims the task, and tells them the number."""
    await scene.pushed(scene.adversary)


@against("short_lived_codes", off=settings(short_lived_codes=900), on=settings(short_lived_codes=120))
async def a_photographed_code_is_used_four_minutes_later(scene: Scene) -> None:
    """Somebody has a picture of the code and comes to use it after four minutes; the person takes the device for
    their own."""
    await scene.pushed(scene.adversary, after=240)


@against("one_time_codes", off=settings(one_time_codes="show"), on=settings(one_time_codes="void"))
async def an_onlooker_takes_the_code_before_its_owner(scene: Scene) -> None:
    """An onlooker's device claims first. The person's own telephone is refused, and the person goes on all the same
    with the number they are told."""
    offer = await scene.offer()
    scene.step("the onlooker's device takes the code first")
    claim = await scene.claim(scene.adversary, offer.transfer_code)
    scene.step("the person's own telephone tries the same code")
    if not (await scene.victim.claim_answer(scene.victim.phone(), offer.handle)).is_error:
        raise PreconditionFailed("a code was claimed twice")
    await scene.confirm(offer, claim.check_value)
    await scene.redeemed(claim)


@against("unique_codes", off=settings(unique_codes="off"), on=settings(unique_codes="void"))
async def one_code_goes_to_two_people(scene: Scene) -> None:
    """One user code is mailed to two people. Both enter it; the first is told the number and approves."""
    asked = await scene.asked(scene.adversary)
    page = await scene.entered(asked)
    scene.wait(2)
    number = await scene.number(asked)
    scene.step("a second person enters the same code")
    await scene.stranger.browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    await scene.approved(asked, page, number)


@against(
    "content_filtering",
    off=Side("mail comes through as it is"),
    on=Side("a mail filter with the expressions of specs/content-filters.md", filtered=True),
)
async def a_mail_with_the_link_reaches_the_person(scene: Scene) -> None:
    """The link with the code inside is mailed as an invitation to a meeting; the person follows it."""
    asked = await scene.asked(scene.adversary)
    scene.step("a mail goes out: your meeting has been moved, join here, with the link of the QR code")
    mail = f"Your meeting has been moved. Join here: {asked.verification_uri}#{asked.user_code}"
    found = next((each for each in FILTERS if re.search(each, mail)), None) if scene.filtered else None
    if found:
        raise Stopped(f"the filter holds the mail back: it matches {found}")
    page = await scene.entered(asked)
    scene.wait(2)
    await scene.approved(asked, page, await scene.number(asked))


@against("detect_and_remediate", off=settings(detect_and_remediate=0), on=settings(detect_and_remediate=1))
async def an_application_that_was_reported_asks_again(scene: Scene) -> None:
    """The person has reported a transfer to this application as not theirs. Its next device claims a task."""
    offer = await scene.offer()
    await scene.claim(scene.adversary, offer.transfer_code)
    scene.step("the person says on the page of their devices: I did not start this")
    browser = scene.victim.browser
    page = await browser.visit(f"{scene.server.target.issuer}/devices")
    page = await browser.send(page, report=offer.transfer_id)
    await browser.send(page, sure="yes")
    await scene.pushed(scene.adversary)


async def known_device(scene: Scene) -> None:
    """The telephone has held a task of this person before, by signing in itself; now a task is pushed to it."""
    grant = await scene.victim.begin(scene.victim.phone())
    await scene.pushed(scene.victim, device=grant.device)


@against(
    "trusted_devices",
    off=settings(trusted_devices="off"),
    on=settings(trusted_devices="require"),
    honest=known_device,
)
async def a_device_that_was_never_seen_takes_the_code(scene: Scene) -> None:
    """A device that has never held anything of this person's claims the task, and the person is told the number."""
    await scene.pushed(scene.adversary)


@against("trusted_networks", off=settings(trusted_networks=[]), on=settings(trusted_networks=[HERE]))
async def a_device_outside_of_the_network_takes_the_code(scene: Scene) -> None:
    """A device outside of the company's network claims the task, and the person is told the number."""
    await scene.pushed(scene.adversary)


@against(
    "limited_scopes",
    off=settings(limited_scopes=["task:read", "task:transfer"]),
    on=settings(limited_scopes=["events:read", "task:read"]),
)
async def who_got_the_task_passes_it_on(scene: Scene) -> None:
    """Whoever got the task by a transfer offers it to a further device of theirs, without the person."""
    grant = await scene.pushed(scene.adversary)
    scene.step("that device offers the task to the next")
    more = {"consumption_uri": scene.consumption_uri}
    scene.needs(await scene.adversary.offer_answer(grant, mode="share", **more), "the server refuses")


@against("short_lived_tokens", off=settings(short_lived_tokens=300), on=settings(short_lived_tokens=120))
async def a_stolen_token_is_used_three_minutes_later(scene: Scene) -> None:
    """A thief has the token and the key of a device, but no refresh token, and uses them after three minutes."""
    grant = await scene.pushed(scene.victim)
    scene.step("three minutes pass; the thief reads the task")
    scene.wait(180)
    await scene.used(grant)


@against("rate_limits", off=settings(rate_limits=1000), on=settings(rate_limits=10))
async def codes_are_tried_one_after_the_other(scene: Scene) -> None:
    """A device tries fourteen wrong codes within a minute, and the fifteenth is right."""
    offer = await scene.offer()
    device = scene.adversary.phone()
    scene.step("fourteen wrong codes, then the right one")
    for _ in range(14):
        await scene.adversary.claim_answer(device, "BCDF-GHJK")
    await scene.claim(scene.adversary, offer.transfer_code, device=device)


@against("sender_constrained_tokens", off=PLAIN, on=Side("always"))
async def a_token_is_carried_to_another_machine(scene: Scene) -> None:
    """The token of the person's own device is copied out of a log and used elsewhere: with the thief's key, and as a
    bearer token."""
    asked = await scene.asked(scene.victim)
    page = await scene.entered(asked)
    scene.wait(2)
    grant = await scene.approved(asked, page, await scene.number(asked))
    thief = scene.adversary.phone()
    scene.step("the thief brings the token from their own machine, as a bearer token and with a key of their own")
    bearer = await grant.read(by=thief, scheme="Bearer")
    if bearer.is_error:
        scene.needs(await grant.read(by=thief), f"as a bearer token {bearer.status_code}, with another key")


async def own_request(scene: Scene) -> None:
    """The person's own device asks, as them where the policy wants that, and they type the number it shows."""
    asked = await scene.asked(scene.victim)
    page = await scene.entered(asked)
    scene.wait(2)
    await scene.approved(asked, page, await scene.number(asked))


@against("user_education", off=PLAIN, on=Side("always"), honest=own_request)
async def the_person_does_what_the_page_says(scene: Scene) -> None:
    """The code comes by chat. The person reads the page where it is to be entered and does what that says: closes it
    where it says so of codes that were sent, goes on where it says nothing."""
    asked = await scene.asked(scene.adversary)
    scene.step("the person opens the page where the code is to be entered, and reads it")
    seen = Seen(await scene.victim.browser.visit(asked.verification_uri))
    if "Did somebody send you this code or link? Then close this page." in seen.words:
        raise Stopped("the page: Did somebody send you this code or link? Then close this page.")
    page = await scene.entered(asked)
    scene.wait(2)
    await scene.approved(asked, page, await scene.number(asked))


@against("user_experience", off=PLAIN, on=Side("always"), honest=own_request)
async def the_person_presses_enter_without_reading(scene: Scene) -> None:
    """The person presses Enter as soon as the page is there. No number is verified here, so it is the page alone that
    decides what that means."""
    asked = await scene.asked(scene.adversary)
    page = await scene.entered(asked)
    name, value = Seen(page).focused or ("", "")
    scene.step(f"Enter presses the button that has the focus: {value}")
    await scene.victim.browser.send(page, **{name: value})
    await scene.collected(asked)


@against(
    "authenticate_then_initiate",
    off=settings(authenticate_then_initiate="off"),
    on=settings(authenticate_then_initiate="require"),
    honest=own_request,
)
async def the_adversary_has_a_code_made(scene: Scene) -> None:
    """The adversary asks as nobody, or as themselves where that is not let, and sends the person code and number."""
    asked = await scene.asked(scene.adversary)
    page = await scene.entered(asked)
    scene.wait(2)
    await scene.approved(asked, page, await scene.number(asked))


@against(
    "request_initiation_verification",
    off=settings(request_initiation_verification="off"),
    on=settings(request_initiation_verification="require"),
    honest=own_request,
)
async def the_person_clicks_through(scene: Scene) -> None:
    """The person enters a code they were sent and approves with any four digits; no device beside them shows any."""
    asked = await scene.asked(scene.adversary)
    page = await scene.entered(asked)
    scene.wait(2)
    wrong = f"{(int(await scene.number(asked)) + 1) % 10_000:04d}"
    await scene.approved(asked, page, wrong)


@against(
    "request_binding_oob",
    off=PLAIN,
    on=Side("always; verified here", policy={"request_initiation_verification": "require"}),
    honest=own_request,
)
async def the_number_of_the_own_device_is_typed_for_another(scene: Scene) -> None:
    """The person has opened the code of their own device, which shows a number. Then a second code is put before them,
    the adversary's, and they approve it with the number of their own device."""
    own, other = await scene.asked(scene.victim), await scene.asked(scene.adversary)
    scene.step("first the code of their own device")
    await scene.entered(own)
    scene.wait(2)
    number = await scene.number(own)
    scene.step("then the adversary's code, with the number of their own device")
    await scene.approved(other, await scene.entered(other), number)


PLAYED = REGISTERED
"""By mitigation, in the order of the RFC."""
