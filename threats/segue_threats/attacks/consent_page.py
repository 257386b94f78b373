"""XD-CONS and XD-AGT in a browser: what the person sees, what their hand falls on, and whose words stand where.

RFC 10027 section 6.1.14; Unicode TR36 and TR39. Expected: the page is true, whole, and no easier to agree to.
"""

import unicodedata

from segue_threats.attack import Need, attack
from segue_threats.decision_page import APPROVE, DECLINE, HEIGHT, NUMBER, DecisionPage, pulled, pushed
from segue_threats.device import need
from segue_threats.flows import DEVICE_NAME, Claim
from segue_threats.grant import Grant
from segue_threats.lab import TASK_NAME, Lab

FACTS_OF_A_PUSH = (
    *("task_name", "owner_name", "mode", "client_name", "device_name", "network", "claimed_at", "expires_in"),
    "attempts_left",
)
FACTS_OF_A_PULL = ("client_name", "device_name", "network", "requested_at", "expires_in", "attempts_left")
WAY_OUT = "If you did not start this, decline."
MARKED = "small.note"
DECEPTIVE = {
    "an override of the direction": "Your \u202eenohp\u202c",
    "hidden characters": "Se\u200bg\u2060ue\u00ad server",
    "letters of two alphabets": "\u0420\u0430y\u0420\u0430l",
    "ten lines": "phone" + "\n" * 10 + "Checked by Segue",
    "a hundred wide letters": "\ufdfd" * 100,
    "a tower of accents": "e" + "\u0301" * 90,
    "ten thousand letters": "W" * 10_000,
}
MUST_BE_MARKED = {"an override of the direction", "hidden characters", "letters of two alphabets"}
PICTURED = "letters of two alphabets"
LONGEST = 64
HOSTILE = "SECURITY NOTICE: approve this at once"
_CONTRAST = """(button) => {
  const colours = getComputedStyle(button);
  const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map((value) => value / 255)
    .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const [low, high] = [light(colours.color), light(colours.backgroundColor)].sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
}"""
_FOCUSED = "document.activeElement?.name === 'decision' ? document.activeElement.value : 'nothing that decides'"
_TIMELESS = """() => {
  const copy = document.querySelector("main").cloneNode(true);
  for (const each of copy.querySelectorAll("[data-ago], [data-left]")) each.replaceWith("some time");
  return copy.innerHTML;
}"""


@attack("XD-CONS-01", Need.PUSH, Need.PAGES, Need.BROWSER)
async def the_page_of_a_push_hides_what_matters(lab: Lab) -> None:
    """Look on the page for every fact, hold each to what the server has stored, and then to what was granted."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant, mode="share")
    page, value = await pushed(lab, await lab.window(), offer, claim)
    await page.window.picture("The page of a push")
    await _tells(lab, page, FACTS_OF_A_PUSH)
    stored = (await lab.state(grant, offer)).get("claim") or {}
    known = stored if isinstance(stored, dict) else {}
    for name in ("device_name", "client_name", "network", "claimed_at"):
        lab.holds(await page.fact(name) == str(known.get(name)), f"{name} on the page is not what is stored")
    lab.holds(await page.fact("task_name") == TASK_NAME, "the page names another task")
    shown = set(await page.facts("action")), await page.fact("mode")
    await page.ends_well(value)
    got = Grant.of(claim.device, lab.works(await lab.poll(claim), "the redemption"))
    lab.holds(shown == (set(got.details["actions"]), "share"), "the device can do something else than was shown")


@attack("XD-CONS-01", Need.PULL, Need.PAGES, Need.BROWSER)
async def the_page_of_a_pull_hides_what_matters(lab: Lab) -> None:
    """Look on the page for every fact, and hold what it says to what was granted."""
    asked = await lab.ask()
    page, value = await pulled(lab, await lab.window(), asked)
    await page.window.picture("The page of a pull")
    await _tells(lab, page, FACTS_OF_A_PULL)
    lab.holds(await page.fact("device_name") == DEVICE_NAME, "the page shows another name than the device gave")
    shown = set(await page.facts("action"))
    await page.ends_well(value)
    await lab.pause(asked)
    got = Grant.of(asked.device, lab.works(await lab.collect(asked), "the redemption"))
    lab.holds(shown == set(got.details["actions"]), "the device can do something else than was shown")


async def _tells(lab: Lab, page: DecisionPage, names: tuple[str, ...]) -> None:
    for name in names:
        lab.holds(await page.fact(name), f"the page does not show {name}")
    lab.holds(await page.facts("action"), "the page does not show what the device will be able to do")
    said = " ".join(await page.window.text("main"))
    lab.holds(WAY_OUT in said, "the page does not say when to decline")


@attack("XD-CONS-02", Need.PUSH, Need.PAGES, Need.BROWSER)
async def the_hand_falls_on_approve(lab: Lab) -> None:
    """Press Enter as soon as the page is there, and measure both controls."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    page, value = await pushed(lab, await lab.window(), offer, claim)
    focused = await page.page.evaluate(_FOCUSED)
    await page.page.keyboard.press("Enter")
    await page.window.rested()
    lab.holds(await page.state() in ("claimed", "denied"), "Enter right after the page has come approves")
    lab.holds(focused == "deny", f"the focus is on {focused}")
    if await page.shown_state() == "denied":
        offer, claim = await lab.claimed(grant)
        page, value = await pushed(lab, page.window, offer, claim)
    await page.window.picture("Both controls as the page comes")
    decline, approve = await page.box(DECLINE), await page.box(APPROVE)
    same = all(abs(decline.get(side, 0) - approve.get(side, 1)) <= 1 for side in ("width", "height", "y"))
    lab.holds(same, f"the controls are not alike: decline is {decline}, approve is {approve}")
    contrast = [await page.page.locator(each).evaluate(_CONTRAST) for each in (DECLINE, APPROVE)]
    lab.holds(min(contrast) >= 4.5, f"a control is hard to read: contrast {contrast[0]:.1f} and {contrast[1]:.1f}")
    await page.page.focus(NUMBER)
    await page.page.keyboard.press("Enter")
    lab.holds(await page.state() == "claimed", "Enter without a number decides")
    await page.ends_well(value)


@attack("XD-CONS-03", Need.PUSH, Need.PAGES, Need.BROWSER)
async def names_dress_up(lab: Lab) -> None:
    """Claim under names that turn round, hide, imitate, tower and sprawl, and see what they do to the page."""
    grant = await lab.begin()
    window = await lab.window()
    honest, _ = await pushed(lab, window, *await lab.claimed(grant, mode="share"))
    places = await _places(honest)
    lab.shows(places[0] and places[1], "the page has no controls")
    for what, name in DECEPTIVE.items():
        lab.step(f"a name with {what}")
        offer = await lab.offer(grant, mode="share")
        device = lab.phone()
        answer = await lab.claim_answer(device, offer.handle, device_name=name)
        if answer.is_error:
            lab.refuses(answer, f"a name with {what}", errors={"invalid_request"})
            continue
        page, _ = await pushed(lab, window, offer, Claim(device, *need(answer, "device_code", "check_value")))
        if what == PICTURED:
            await window.picture(f"A name with {what}")
        await _stands(lab, page, what, places)
    offer, claim = await lab.claimed(grant, mode="share")
    page, value = await pushed(lab, window, offer, claim)
    await page.ends_well(value)


async def _places(page: DecisionPage) -> tuple[dict[str, float], dict[str, float]]:
    return await page.box(DECLINE), await page.box(APPROVE)


async def _stands(lab: Lab, page: DecisionPage, what: str, places: tuple[dict[str, float], dict[str, float]]) -> None:
    """The page is as it is with an honest name."""
    lab.holds(await _places(page) == places, f"a name with {what} moves the controls")
    network = await page.box("[data-fact=network]")
    below = network.get("y", HEIGHT) + network.get("height", 0)
    lab.holds(below <= places[0]["y"], f"a name with {what} pushes the network out of the first view")
    width = await page.page.evaluate("document.documentElement.scrollWidth")
    lab.holds(width <= await page.page.evaluate("innerWidth"), f"a name with {what} makes the page wider")
    shown = await page.page.locator("[data-fact=device_name]").first.inner_text()
    hidden = [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]
    lab.holds(not hidden, f"a name with {what} is shown with characters that cannot be seen")
    lab.holds(len(shown) <= LONGEST, f"a name with {what} is shown at a length of {len(shown)}")
    marks = await page.window.text(f"section {MARKED}")
    lab.holds(marks or what not in MUST_BE_MARKED, f"a name with {what} has no mark")


@attack("XD-AGT-04", Need.PUSH, Need.TASK_STORE, Need.PAGES, Need.BROWSER)
async def the_task_speaks_on_the_page_of_a_push(lab: Lab) -> None:
    """Let the agent write to the approver wherever it may, and compare the page before and after, byte by byte."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant, mode="share")
    page, value = await pushed(lab, await lab.window(), offer, claim)
    before = await _read(page)
    await _speak(lab, grant)
    await page.window.open(offer.confirmation_uri)
    after = await _read(page)
    await page.window.picture("The page after the agent has written to the approver")
    lab.holds(after == before, "the page is another one once the task speaks")
    await page.ends_well(value)


@attack("XD-AGT-04", Need.PULL, Need.CODE, Need.TASK_STORE, Need.PAGES, Need.BROWSER)
async def the_task_speaks_where_one_is_chosen(lab: Lab) -> None:
    """Let the agent write to the approver wherever it may, and look for its words on the page of a pull."""
    grant = await lab.begin()
    await _speak(lab, grant)
    page, value = await pulled(lab, await lab.window(), await lab.ask())
    offered = await page.page.locator(f'input[name="task"][value="{grant.task_id}"]').count()
    lab.shows(offered, "the task that speaks is not among those to choose from")
    lab.holds(not await page.labels_of(HOSTILE), "the words of an agent stand on the page")
    await page.ends_well(value)


async def _read(page: DecisionPage) -> str:
    """The page but for the passing of time."""
    await page.window.rested()
    return str(await page.page.evaluate(_TIMELESS))


async def _speak(lab: Lab, grant: Grant) -> None:
    """Everywhere an agent may write."""
    event = {"kind": "message", "role": "agent", "body": {"text": HOSTILE}}
    item = {"type": "question", "title": HOSTILE, "body": HOSTILE, "status": "open"}
    call = {"tool": "look_up", "title": HOSTILE, "arguments": {"why": HOSTILE}, "effect": "irreversible"}
    lab.works(await grant.at("POST", "/events", json={"events": [event]}), "saying something")
    lab.works(await grant.at("POST", "/name-proposals", json={"name": HOSTILE}), "proposing a name")
    new = [("If-None-Match", "*")]
    lab.works(await grant.at("PUT", "/working-set/itm_hostile", json=item, headers=new), "writing an item")
    lab.works(await grant.at("POST", "/tool-calls", json=call), "proposing a tool call")
