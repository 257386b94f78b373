"""XD-WEB in a browser: frames, decoys, markup in names, and what a link leaves behind.

W3C CSP 3, Trusted Types and HTML; ASVS 5.0 chapters 1, 3 and 14. Expected: the browser itself stops what must not be.
"""

from urllib.parse import quote, urlsplit

from segue_threats.attack import Need, PreconditionFailed, attack
from segue_threats.decision_page import pulled, pushed
from segue_threats.decoy import decoy_beside
from segue_threats.device import need
from segue_threats.flows import Claim
from segue_threats.grant import Grant
from segue_threats.lab import Lab
from segue_threats.window import Window

PAGES = ("/sign-in", "/device", "/devices", "/invitation", "/no-such-page")
FRAMING = ("content-security-policy", "x-frame-options")
OPENING = ("cross-origin-opener-policy",)
MARKUP = (
    "<img src=x onerror=owned=1>",
    "\"><svg/onload='owned=1'>",
    "</script><script>owned=1</script>",
    "' autofocus onfocus='owned=1",
    "{{ 7 * 191 }}${7 * 191}<%= 7 * 191 %>",
)
EVALUATED = "1337"
A_MOMENT = 300
"""Milliseconds in which a browser does what it is going to do."""
_AT_ONCE = """addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("check_value"), button = document.querySelector("button.approve");
  if (!field || !button) return;
  field.value = "%s";
  button.click();
});"""
_REGAINED = """(value) => {
  document.getElementById("check_value").value = value;
  dispatchEvent(new Event("focus"));
  document.querySelector("button.approve").click();
}"""
_INJECTED = {
    "an inline script": "document.body.append(Object.assign(document.createElement('script'), {text: 'owned = 1'}))",
    "a foreign script": "document.body.append(Object.assign(document.createElement('script'), {src: '%s/x.js'}))",
    "an event handler": "document.body.setAttribute('onclick', 'owned = 1'), document.body.click()",
    "markup": "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=owned=1>')",
    "a text that is run": "setTimeout('owned = 1')",
}


@attack("XD-WEB-02", Need.PUSH, Need.PAGES, Need.BROWSER)
async def pages_are_framed(lab: Lab) -> None:
    """Show each page in a frame of a hostile one, where a control can be put under the person's finger."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    window = await lab.window()
    page, value = await pushed(lab, window, offer, claim)
    issuer = lab.target.issuer
    async with decoy_beside(await window.tab(), issuer=issuer) as decoy:
        for address in (offer.confirmation_uri, *(issuer + path for path in PAGES)):
            lab.holds(not await decoy.framed(address), f"{urlsplit(address).path} can be framed")
        await decoy.window.picture("A hostile page, with the frame that the browser leaves empty")
        await decoy.without(FRAMING, f"{issuer}/sign-in")
        lab.shows(await decoy.framed(f"{issuer}/sign-in"), "without its headers a page is not framed either")
    await page.ends_well(value)


@attack("XD-WEB-02", Need.PUSH, Need.PAGES, Need.BROWSER)
async def a_decoy_keeps_hold_of_the_window_it_opens(lab: Lab) -> None:
    """Open a page in a window and keep a handle to it, by which it can be moved and swapped at the right moment."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    window = await lab.window()
    page, value = await pushed(lab, window, offer, claim)
    issuer = lab.target.issuer
    async with decoy_beside(await window.tab(), issuer=issuer) as decoy:
        for address in (offer.confirmation_uri, f"{issuer}/device"):
            lab.holds(not await decoy.holds(address), f"{urlsplit(address).path} stays in the hand of its opener")
        await decoy.without(OPENING, f"{issuer}/devices")
        lab.shows(await decoy.holds(f"{issuer}/devices"), "without its header a window is not held either")
    await page.ends_well(value)


@attack("XD-WEB-02", Need.PUSH, Need.PAGES, Need.BROWSER)
async def the_second_click_of_a_double_click_decides(lab: Lab) -> None:
    """Press approve, everything filled in, in the moment in which the page comes, and as it regains the focus."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    window = await lab.window()
    await window.page.add_init_script(_AT_ONCE % claim.check_value)
    await window.open(offer.confirmation_uri)
    await window.page.wait_for_timeout(A_MOMENT)
    lab.holds(not window.posted, "a click as the page comes sends the decision")
    page, value = await pushed(lab, await window.tab(), offer, claim)
    await page.window.rested()
    await page.page.evaluate(_REGAINED, value)
    await page.page.wait_for_timeout(A_MOMENT)
    lab.holds(not page.window.posted, "a click as the focus comes back sends the decision")
    lab.holds((await lab.state(grant, offer)).get("state") == "claimed", "a click in the dead time decides")
    await page.ends_well(value)


@attack("XD-WEB-04", Need.PUSH, Need.TASK_STORE, Need.PAGES, Need.BROWSER)
async def names_are_markup(lab: Lab) -> None:
    """Name tasks, devices and places so that they break out of text, attributes, scripts and templates."""
    window = await lab.window()
    for markup in MARKUP:
        lab.step(f"everything is named {markup}")
        grant = await _begun(lab, markup)
        offer, device = await lab.offer(grant), lab.phone()
        answer = await lab.claim_answer(device, offer.handle, device_name=markup, place=markup)
        claim = Claim(device, *need(answer, "device_code", "check_value"))
        page, value = await pushed(lab, window, offer, claim)
        await _is_text(lab, window, markup, at_least=3)
        await page.ends_well(value)
        lab.works(await lab.poll(claim), "the redemption")
        await window.open(f"{lab.target.issuer}/devices")
        await _is_text(lab, window, markup, at_least=3)
    await window.picture("What the person's overview makes of the names")
    await pulled(lab, window, await lab.ask(device_name=MARKUP[0], place=MARKUP[1]))
    for markup in MARKUP[:2]:
        await _is_text(lab, window, markup, at_least=2)
    await window.open(lab.authorization(lab.desktop()).url)
    for markup in MARKUP:
        await _is_text(lab, window, markup, at_least=1)
        await window.open(f"{lab.target.issuer}/approve/{quote(markup, safe='')}")
        await _is_text(lab, window, markup, at_least=0)
        await window.page.go_back()


async def _begun(lab: Lab, name: str) -> Grant:
    """A task of that name."""
    device = lab.desktop()
    request = lab.authorization(device)
    uri = device.client.redirect_uri
    back = await lab.pages().browser.authorize(request.url, redirect_uri=uri, name=name)
    if "code" not in back:
        raise PreconditionFailed("a task cannot be given that name")
    return Grant.of(device, await lab.exchange(device, request, back["code"]))


async def _is_text(lab: Lab, window: Window, markup: str, *, at_least: int) -> None:
    """Shown as it is, run by nobody."""
    owned = await window.page.evaluate("typeof owned")
    lab.holds(owned == "undefined", f"a script in the name {markup} runs")
    lab.holds(not window.wrong, f"the name {markup} makes the browser complain: {' '.join(window.wrong[:1])}")
    shown = (await window.page.inner_text("body")).replace("\u2026", "")
    seen = shown.count(markup[:20])
    lab.holds(seen >= at_least, f"the name {markup} is not shown as it is: {seen} times, where {at_least} are due")
    lab.holds(EVALUATED not in shown, f"the name {markup} is worked out")


@attack("XD-WEB-04", Need.PUSH, Need.PAGES, Need.BROWSER)
async def a_script_got_into_the_page(lab: Lab) -> None:
    """Suppose that the escaping had failed: put scripts into the page itself, in every way a breakout could."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    window = await lab.window()
    page, value = await pushed(lab, window, offer, claim)
    async with decoy_beside(await window.tab(), issuer=lab.target.issuer) as decoy:
        for what, script in _INJECTED.items():
            run = script % decoy.origin if "%s" in script else script
            await window.page.evaluate(f"() => {{ try {{ {run} }} catch {{ /* refused */ }} }}")
            await window.page.wait_for_timeout(A_MOMENT)
            owned = await window.page.evaluate("typeof owned")
            lab.holds(owned == "undefined", f"the page lets {what} run")
    lab.shows(window.wrong, "the browser has not complained of anything")
    await page.ends_well(value)


@attack("XD-WEB-05", Need.PULL, Need.PAGES, Need.BROWSER)
async def a_link_leaves_its_code_behind(lab: Lab) -> None:
    """Open a link with a code, and look for the code in the address, history, title, requests and referrers."""
    asked, window = await lab.ask(), await lab.window()
    await window.open(asked.link)
    await window.picture("The page that a link with a code leads to")
    filled = await window.page.input_value("#user_code")
    lab.shows(filled in ("", asked.user_code), "the page does not take the code")
    await _holds_no_code(lab, window, asked.user_code)
    page, value = await pulled(lab, window, asked)
    await _holds_no_code(lab, window, asked.user_code)
    place = window.page.url
    await window.page.go_back()
    await _holds_no_code(lab, window, asked.user_code)
    await window.open(place)
    async with decoy_beside(window, issuer=lab.target.issuer) as decoy:
        await window.page.evaluate("(address) => { location.href = address; }", f"{decoy.origin}/next")
        await window.page.wait_for_url(f"{decoy.origin}/next")
        told = await window.page.evaluate("document.referrer")
        lab.holds(not told, "the page that follows is told where one came from")
    places = {"{0.scheme}://{0.netloc}".format(urlsplit(each)) for each in window.addresses if each}
    elsewhere = places - {lab.target.issuer, decoy.origin}
    lab.holds(not elsewhere, f"the pages ask another origin: {' '.join(elsewhere)}")
    await window.open(place)
    await page.ends_well(value)


async def _holds_no_code(lab: Lab, window: Window, code: str) -> None:
    spellings = code, code.replace("-", "")
    entries = [window.page.url, await window.page.title(), *window.addresses]
    where = [entry for entry in entries for each in spellings if each.lower() in entry.lower()]
    lab.holds(not where, "the code stands in the address, the title or a request")
