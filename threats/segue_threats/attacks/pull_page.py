"""XD-PULL in a browser: the page of a pull, what it says of the asker, and whose request its form decides.

RFC 8628 sections 3.3 and 5.4, RFC 10027 sections 6.1.14 and 6.2. Expected: a form decides what it has shown.
"""

from urllib.parse import urlsplit

from segue_threats.attack import Need, attack
from segue_threats.decision_page import APPROVE, DecisionPage, pulled, pushed
from segue_threats.device import members_of, need
from segue_threats.flows import Claim
from segue_threats.lab import Lab

SAYS_ITSELF = "What the device says about itself"
TRUSTED = "Verified: your own laptop", "Your home, same network"
"""The name and the place that a device claims."""
_AIM = "(place) => [...document.forms].forEach((form) => { form.action = place; })"


@attack("XD-PULL-12", Need.PULL, Need.PAGES, Need.BROWSER)
async def another_request_is_opened_under_an_open_page(lab: Lab) -> None:
    """Have the person open an honest request and then, in another tab, the attacker's; they decide on the first."""
    honest, hostile = await lab.ask(), await lab.ask()
    window = await lab.window()
    page, value = await pulled(lab, window, honest)
    other, _ = await pulled(lab, await window.tab(), hostile)
    before = await other.fact("attempts_left")
    await page.approve(value)
    await window.picture("What the first page says after the decision")
    lab.holds(await other.state() == "requested", "a decision on one page has decided another request")
    lab.holds(await other.fact("attempts_left") == before, "a decision on one page was tried on another request")
    lab.shows(await page.state() == "approved", "the decision did not count for the request that was shown")


@attack("XD-PULL-12", Need.PULL, Need.PAGES, Need.BROWSER)
async def a_form_is_sent_for_another_request(lab: Lab) -> None:
    """Have the page that the person reads send its decision to the address of another request, with its number."""
    read, hidden = await lab.ask(), await lab.ask()
    window = await lab.window()
    page, value = await pulled(lab, window, read)
    other, hidden_value = await pulled(lab, await window.tab(), hidden)
    place = window.page.url
    await page.fill(hidden_value)
    await page.page.evaluate(_AIM, urlsplit(other.page.url).path)
    await window.press(APPROVE)
    await window.picture("What comes of a form that was sent for another request")
    lab.holds(await other.state() == "requested", "a form that showed one request has decided another")
    await window.open(place)
    await page.ends_well(value)


@attack("XD-PULL-13", Need.PULL, Need.PAGES, Need.BROWSER)
async def an_asking_device_passes_for_a_trusted_one(lab: Lab) -> None:
    """Ask under a name and from a place that the person trusts, and read the page as they do."""
    name, place = TRUSTED
    page, value = await pulled(lab, await lab.window(), await lab.ask(device_name=name, place=place))
    await _says_it_only_of_itself(lab, page)
    await page.ends_well(value)


@attack("XD-PULL-13", Need.PUSH, Need.PAGES, Need.BROWSER)
async def a_claiming_device_passes_for_a_trusted_one(lab: Lab) -> None:
    """Claim under a name and from a place that the person trusts, and read the page as they do."""
    name, place = TRUSTED
    grant = await lab.begin()
    offer = await lab.offer(grant)
    device = lab.phone()
    answer = lab.works(await lab.claim_answer(device, offer.handle, device_name=name, place=place), "the claim")
    claim = Claim(device, *need(answer, "device_code", "check_value"))
    page, value = await pushed(lab, await lab.window(), offer, claim)
    await _says_it_only_of_itself(lab, page)
    known = (await lab.state(grant, offer)).get("claim")
    network = known.get("network") if isinstance(known, dict) else None
    lab.holds(await page.fact("network") == network, "the network on the page is not the one the server has seen")
    await page.ends_well(value)


async def _says_it_only_of_itself(lab: Lab, page: DecisionPage) -> None:
    await page.window.picture("A device that claims to be trusted")
    for said in TRUSTED:
        labels = await page.labels_of(said)
        lab.shows(labels, f"the page does not show {said!r} at all")
        lab.holds(labels == {SAYS_ITSELF}, f"{said!r} stands under {', '.join(sorted(labels - {SAYS_ITSELF}))}")
    for checked in ("client_name", "network"):
        lab.holds(await page.fact(checked) not in ("", *TRUSTED), f"the page has no {checked} of the server's own")


@attack("XD-PULL-17", Need.PULL, Need.PAGES, Need.BROWSER)
async def an_app_passes_the_flow_off_as_its_login(lab: Lab) -> None:
    """Open the link in the browser of the very machine that asks, as an app does that wants it to look like a login."""
    told = lab.target.metadata
    lab.holds("authorization_code" in told.get("grant_types_supported", ()), "there is no flow for a single device")
    lab.holds(told.get("authorization_response_iss_parameter_supported"), "that flow does not name the issuer")
    asked, window = await lab.ask(), await lab.window()
    await window.open(asked.link)
    await window.picture("What the link shows")
    lab.holds(await window.text("[data-from-link]"), "the page does not say that the code came with the link")
    await window.rested()
    lab.holds("check_value" not in members_of(await lab.poll(asked)), "opening the link has entered the code")
    await window.press("main form button")
    page = DecisionPage(lab, window)
    lab.holds("another device" in (await window.text("h1"))[0], "the page does not speak of another device")
    await page.fill("")
    await window.page.evaluate("document.querySelectorAll('[required]').forEach((each) => { each.required = false; })")
    await window.press(APPROVE)
    lab.holds(await page.state() == "requested", "without the number of the device the request is decided")
    await lab.pause(asked)
    value = await lab.value(asked)
    lab.shows(value, "the device is not told the number")
    await page.ends_well(value)
