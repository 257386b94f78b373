"""The pages on which a person decides: what is read out in which order, what has the focus, what it takes to use them.

RFC 10027 section 6.1.13: they say when to decline. Section 6.1.14: it is clear who asks, why, and what follows;
declining is as easy to see as approving, and is what happens by accident.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import SWITCHES, executable
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect
from rounds import FULL
from scenes import axe, eye
from scenes.shown import scenes
from scenes.site import SceneSite, scene_site, stay

pytestmark = pytest.mark.browser
DECISIONS = {
    "approve requested": "Approve",
    "approve that may continue a task": "Approve",
    "approve by the backchannel": "Approve",
    "approve that takes a sign-in": "Sign in to approve",
    "approve with an error": "Approve",
    "confirm claimed": "Approve",
    "confirm that takes a sign-in": "Sign in to approve",
    "confirm with an error": "Approve",
    "consent": "Allow",
    "consent with an error": "Allow",
    "consent unverified": "Allow",
    "invitation": "Accept",
}
"""Each page, and what its button says that is not *Decline*."""
NOTHING_TO_APPROVE = ("approve without a task", "confirm without facts")
PHONE = {"width": 360, "height": 740}
BUDGET = 50_000
"""Bytes of our own that the approve page may take, from the first visit to the last script."""
SLOW_3G = {"offline": False, "latency": 2000, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""400 kbit/s and two seconds for each request."""


@pytest.fixture(scope="module")
def running() -> Iterator[SceneSite]:
    with scene_site() as site:
        yield site


@pytest.fixture
def addresses(running: SceneSite) -> dict[str, str]:
    running.posted = []
    return running.show({each.name: each.answer for each in scenes()})


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=PHONE)
    eye.watch_jumps(context)
    stay(context)
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Page:
    return phone.new_page()


def in_order(text: str, *said: str) -> bool:
    """Whether each is in the text, after the one before."""
    at = -1
    for each in said:
        at = text.find(each, at + 1)
        if at < 0:
            return False
    return True


@pytest.mark.requirement("PAGES-accessible", "RFC10027-6-1-14", "XD-CONS-01")
def test_read_aloud_a_decision_page_tells_what_who_and_what_follows_before_it_asks(
    page: Page, addresses: dict[str, str]
) -> None:
    """What the server knows and what the device claims are regions of their own, with names."""
    asker = ('region "What we checked"', "Network", "192.0.2.7", "App", "Segue phone", 'region "What the device says')
    decision = ('textbox "Check value"', 'button "Decline"', 'button "Approve"')
    told = {
        "approve requested": ('heading "Let another', "decline.", *asker, "Blue phone", "If you approve", "run tool"),
        "confirm claimed": ('heading "Move this task', "decline.", "Acme contract revision", "Dana Example", *asker),
        "consent": ('heading "Segue desktop asks', "decline.", "will be able to do", 'group "Which task?"'),
        "consent unverified": ("nobody here has checked", "decline.", 'region "What we checked"', "What the app says"),
        "invitation": ('heading "Dana Example invites', "decline.", "Acme contract", "a human agent", "will be able"),
    }
    ends = {"approve requested": ('group "Which task?"', 'group "Move it or share it?"', *decision)}
    ends |= {"confirm claimed": ("Blue phone", "If you approve", "Move:", "1 tool call", *decision)}
    for name, beginning in told.items():
        page.goto(addresses[name])
        read = page.locator("main").aria_snapshot()
        buttons = ('button "Decline"', f'button "{DECISIONS[name]}"')
        assert in_order(read, *beginning, *ends.get(name, buttons)), read


@pytest.mark.requirement("XD-CONS-02", "RFC10027-6-1-14")
@pytest.mark.parametrize("width", [360, 1280])
def test_declining_has_the_focus_and_as_much_room_as_approving(
    page: Page, addresses: dict[str, str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    for name, approving in DECISIONS.items():
        page.goto(addresses[name])
        decline, approve = (page.get_by_role("button", name=each, exact=True) for each in ("Decline", approving))
        expect(decline).to_be_focused()
        boxes = [each.bounding_box() for each in (decline, approve)]
        assert all(boxes), name
        one, other = ({side: round(box[side]) for side in ("y", "width", "height")} for box in boxes if box)
        assert one == other, name
        assert page.evaluate("scrollY") == 0, f"{name}: the focus takes what is to be read out of sight"
        assert [each for each in eye.jumps(page) if each["value"] >= 0.01] == [], name


@pytest.mark.requirement("XD-CONS-02")
def test_where_nothing_can_be_approved_there_is_only_declining(page: Page, addresses: dict[str, str]) -> None:
    for name in NOTHING_TO_APPROVE:
        page.goto(addresses[name])
        expect(page.get_by_role("button", name="Decline")).to_be_focused()
        assert page.get_by_role("button", name="Approve").count() == 0


@pytest.mark.requirement("RFC10027-6-1-13", "XD-CONS-10")
def test_every_page_that_decides_says_when_to_decline_and_every_end_says_what_became_of_it(
    page: Page, addresses: dict[str, str]
) -> None:
    for name in (*DECISIONS, *NOTHING_TO_APPROVE):
        page.goto(addresses[name])
        expect(page.locator("h1 + .lead")).to_contain_text("decline.")
        if name.startswith(("approve", "confirm")) and name not in NOTHING_TO_APPROVE:
            expect(page.locator("main")).to_contain_text(
                "never asks for a code or a check value by mail, chat or phone"
            )
    for state in ("denied", "cancelled", "expired"):
        for name in (f"approve {state}", f"confirm {state}"):
            page.goto(addresses[name])
            expect(page.locator("main")).to_contain_text("Nothing was passed on.")


@pytest.mark.requirement("PAGES-calm")
def test_the_approve_page_takes_at_most_fifty_kilobytes(page: Page, addresses: dict[str, str]) -> None:
    """All that the first visit loads: the page, style sheet, scripts, pictures, with their headers."""
    sizes: dict[str, int] = {}
    urls: dict[str, str] = {}
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    client.on("Network.requestWillBeSent", lambda told: urls.update({told["requestId"]: told["request"]["url"]}))
    client.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
    page.goto(addresses["approve requested"], wait_until="networkidle")
    kinds = {urls[request].rpartition(".")[2] for request in sizes}
    assert {"css", "js", "svg"} <= kinds
    assert sum(sizes.values()) <= BUDGET, {urls[request]: size for request, size in sizes.items()}
    print(f"the approve page: {sum(sizes.values())} of {BUDGET} bytes in {len(sizes)} answers")


@pytest.mark.requirement("PAGES-calm")
@pytest.mark.parametrize("decision", ["Decline", "Approve"])
def test_on_a_slow_line_the_decision_waits_for_no_script(
    running: SceneSite, page: Page, addresses: dict[str, str], decision: str
) -> None:
    """The scripts never arrive; the page is there after three round trips and works."""
    page.route("**/*.js", lambda route: None)
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    client.send("Network.emulateNetworkConditions", SLOW_3G)
    page.goto(addresses["approve requested"], wait_until="commit")
    page.get_by_label("Quarterly report").check()
    page.get_by_label("Check value").fill("4711")
    page.get_by_role("button", name=decision).click(no_wait_after=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Taken")
    sent = [(each["decision"], each["check_value"]) for each in running.posted]
    assert sent == [("approve", "4711") if decision == "Approve" else ("deny", "")]


@pytest.mark.requirement("PAGES-calm")
def test_without_javascript_every_decision_can_be_made(
    running: SceneSite, chromium: Browser, addresses: dict[str, str]
) -> None:
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    for name, approving in DECISIONS.items():
        for button in ("Decline", approving):
            page.goto(addresses[name])
            if page.locator("#check_value").count() and button != "Decline":
                page.locator("#check_value").fill("4711")
            if page.locator("#task-1").count():
                page.locator("#task-1").check()
            page.get_by_role("button", name=button, exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Taken")
    assert [each["decision"] for each in running.posted] == [
        said for approving in DECISIONS.values() for said in (_sent("Decline", approving), _sent(approving, approving))
    ]
    context.close()


def _sent(button: str, approving: str) -> str:
    if approving == "Accept":
        return "accept" if button == approving else "decline"
    return "approve" if button == approving else "deny"


@pytest.mark.requirement("PAGES-accessible")
def test_in_forced_colours_every_control_has_an_edge_and_the_choice_is_seen(
    page: Page, addresses: dict[str, str]
) -> None:
    page.emulate_media(forced_colors="active")
    edges = """(all) => all.map((each) => getComputedStyle(each)).map((style) =>
        style.borderTopStyle !== "none" && style.borderTopColor !== style.backgroundColor)"""
    for name in DECISIONS:
        page.goto(addresses[name])
        assert all(page.locator("main button, main input:not([type=hidden], [type=radio])").evaluate_all(edges)), name
    page.goto(addresses["consent"])
    page.get_by_label("Quarterly report").check()
    rings = "(all) => all.map((each) => getComputedStyle(each).outlineStyle)"
    assert page.locator(".choice").evaluate_all(rings) == ["none", "solid", "none"]


@pytest.mark.requirement("PAGES-accessible")
@pytest.mark.parametrize(("width", "letters"), [(320, 16), (360, 32), *([(640, 32)] if FULL else [])])
def test_enlarged_nothing_lies_beside_the_screen_or_is_cut_off(
    playwright: Playwright, addresses: dict[str, str], width: int, letters: int
) -> None:
    """400 % of a desktop's width (WCAG 1.4.10), and letters of twice the size, as set in the browser (1.4.4)."""
    switches = [*SWITCHES, f"--blink-settings=defaultFontSize={letters}"]
    browser = playwright.chromium.launch(executable_path=executable(), args=switches)
    page, found = browser.new_page(viewport={"width": width, "height": 740}), {}
    stay(page.context)
    for name, address in addresses.items():
        page.goto(address)
        told = eye.wider_than_the_screen(page) + eye.clipped(page)
        found |= {name: told} if told else {}
    size: Any = page.evaluate("getComputedStyle(document.documentElement).fontSize")
    browser.close()
    assert (size, found) == (f"{letters}px", {})


@pytest.mark.requirement("PAGES-accessible")
def test_nothing_moves_by_itself(page: Page, addresses: dict[str, str]) -> None:
    """No animation and no transition, whether or not the person has asked for less motion (WCAG 2.2.2, 2.3.3)."""
    moving = """() => [...document.querySelectorAll("*")].map((each) => getComputedStyle(each))
        .filter(({ animationName, transitionDuration }) => animationName !== "none" || transitionDuration !== "0s")"""
    for name in ("approve requested", "devices", "account security"):
        page.goto(addresses[name])
        assert page.evaluate("document.getAnimations().length") == 0
        assert page.evaluate(moving) == []


@pytest.mark.requirement("PAGES-calm")
def test_a_warning_that_comes_while_the_page_is_open_moves_nothing_that_the_person_is_about_to_press(
    page: Page, addresses: dict[str, str], running: SceneSite
) -> None:
    """`watch.js` and `dead_time.js` run; what changes by them is words in their own places."""
    page.goto(addresses["approve requested"])
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    page.wait_for_timeout(1_200)  # the clock of the page goes on once a second
    expect(page.locator("[data-ago]").first).not_to_have_text("12 seconds ago")
    assert [each for each in eye.jumps(page) if each["value"] >= 0.01] == []
    assert axe.violations(page) == []
