"""The demo's pages in German and Arabic, with a keyboard alone, on small screens, in the dark and on a slow line."""

import re
from collections.abc import Iterator

import pytest
from chromium import PHONE
from opened_devices import Devices
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from scenes.axe import COLOURS, violations
from scenes.eye import jumps, watch_jumps, wider_than_the_screen
from stage import Stage
from two_devices import Desktop, Phone

pytestmark = [pytest.mark.browser, pytest.mark.requirement("U1")]
SOONER = 0.02
"""How much may jump while a page comes: a quarter of what Web Vitals calls good would be 0.025."""
NARROW = {"width": 320, "height": 640}
SMALL = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""400 kbit/s, as on the edge of a cell."""
MANY = 60
"""Stops that Tab may make before it must have come to a place."""

_SAID = """async (given) => {
  const { t, plural, listed } = await import("/static/text.js");
  return [
    t("The task now continues on {device}.", { device: given.name }),
    listed([given.name, "Pocket phone"]),
    ...given.counts.map((count) => plural("{count} new line in the history", "", count)),
  ];
}"""
_LISTEN = """() => {
  const [page, news] = [document.documentElement, document.getElementById("news")];
  const hear = () => (page.dataset.heard = `${page.dataset.heard ?? ""} ${news.textContent}`);
  new MutationObserver(hear).observe(news, { childList: true });
}"""
_BEGUN = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
  const modules = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js"));
  return { paint, last: Math.max(...modules.map(({ responseEnd }) => responseEnd)) };
}"""


@pytest.fixture
def small(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone-sized screen of a person who reads German."""
    with chromium.new_context(locale="de-AT", **PHONE) as context:
        watch_jumps(context)
        yield context


def looks_right(page: Page, *sizes: dict[str, int]) -> None:
    """Nothing beside the screen, and nothing that axe finds, in light and dark."""
    before = page.viewport_size
    for size in (*sizes, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert wider_than_the_screen(page) == [], size
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, rules=COLOURS) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before)  # type: ignore[arg-type]


def tab_to(place: Locator) -> None:
    """Go there with the Tab key alone; where one is can be seen."""
    for _ in range(MANY):
        if place.evaluate("(place) => document.activeElement === place"):
            assert place.evaluate("(place) => parseFloat(getComputedStyle(place).outlineWidth)") >= 2
            return
        place.page.keyboard.press("Tab")
    pytest.fail(f"Tab does not come to {place}")


def press(place: Locator) -> None:
    tab_to(place)
    place.page.keyboard.press("Enter")


def in_arabic(page: Page) -> None:
    press(page.get_by_role("link", name="العربية"))
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("#screen-opening")).to_be_hidden()


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def test_a_task_is_handed_on_in_arabic_by_the_keyboard_alone(desktop: Desktop, phone: Phone) -> None:
    for device in (desktop, phone):
        watch_jumps(device.context)
    desktop.begin_task()
    in_arabic(desktop.page)
    desktop.expect_live()
    phone.page.goto(f"{phone.stage.site.phone}/")
    in_arabic(phone.page)

    offered(desktop)
    check_value = claimed(desktop, phone)
    with desktop.context.expect_page() as opened:
        press(desktop.page.locator("#transfer-confirm"))
    opened.value.locator("#check_value").fill(check_value)
    opened.value.locator("button[value=approve]").click()
    picked_up(desktop, phone)
    told(desktop, phone)


def offered(desktop: Desktop) -> None:
    """The dialog opens, takes a choice by the arrow keys, closes on Escape and gives the focus back."""
    page = desktop.page
    press(page.locator("#continue"))
    expect(focused(page)).to_have_text("المتابعة على جهاز آخر")
    tab_to(page.locator("[name=mode][value=move]"))
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=mode][value=share]")).to_be_checked()
    page.keyboard.press("ArrowUp")
    desktop.expect_offered()
    assert page.get_by_test_id("transfer-code").evaluate("(code) => getComputedStyle(code).direction") == "ltr"
    looks_right(page, SMALL, WIDE)
    page.keyboard.press("Escape")
    expect(page.locator("#transfer")).to_be_hidden()
    expect(page.locator("#continue")).to_be_focused()
    page.keyboard.press("Enter")
    desktop.expect_offered()


def claimed(desktop: Desktop, phone: Phone) -> str:
    page = phone.page
    page.goto(desktop.photographed_code())
    expect(focused(page)).to_have_text("متابعة مهمة هنا")
    tab_to(page.locator("#device-name"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("هاتف الجيب")
    press(page.locator("#connect-button"))
    check_value = phone.check_value()
    expect(focused(page)).to_have_text("اكتب هذا الرقم على الجهاز الآخر")
    expect(focused(page)).to_have_accessible_description(check_value)
    looks_right(page, SMALL)
    desktop.expect_claim("هاتف الجيب")
    looks_right(desktop.page, SMALL)
    return check_value


def picked_up(desktop: Desktop, phone: Phone) -> None:
    page = phone.page
    expect(focused(page)).to_have_attribute("id", "pick-up-title")
    press(page.locator("#pick-up"))
    phone.expect_live()
    expect(focused(page)).to_have_attribute("id", "task-name")
    looks_right(page, SMALL)
    page.reload()
    phone.expect_live()
    assert sum(jump["value"] for jump in jumps(page)) < SOONER, jumps(page)
    expect(desktop.page.locator("#transfer")).to_have_attribute("data-step", "redeemed")
    desktop.page.keyboard.press("Escape")
    desktop.expect_read_only()
    expect(desktop.page.locator("#task-name")).to_be_focused()  # the button that opened the dialog has gone
    looks_right(desktop.page, WIDE)


def told(desktop: Desktop, phone: Phone) -> None:
    """Who listens hears what somebody else says, and not their own words."""
    for device in (desktop, phone):
        device.page.evaluate(_LISTEN)
    tab_to(phone.page.locator("#say-text"))
    phone.page.keyboard.type("Explain the cap")
    press(phone.page.locator("#say-button"))
    for device in (desktop, phone):
        page = device.page.locator("html")
        expect(page).to_have_attribute("data-heard", re.compile("الوكيل.*The cap says how much"))
        assert "Explain the cap" not in (page.get_attribute("data-heard") or "")


def test_in_german_every_screen_before_the_task_fits_and_jumps_nowhere(small: BrowserContext, stage: Stage) -> None:
    page = small.new_page()
    page.goto(f"{stage.site.desktop}/")
    expect(page.get_by_role("heading", name="Eine Aufgabe, die Sie mitnehmen können")).to_be_visible()
    assert jumps(page) == []
    looks_right(page, SMALL, WIDE)
    page.goto(f"{stage.site.phone}/")
    expect(page.get_by_role("heading", name="Eine Aufgabe hier fortsetzen")).to_be_visible()
    assert jumps(page) == []
    looks_right(page, SMALL)
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    assert page.locator("#connect-button").evaluate("(button) => getComputedStyle(button).borderTopStyle") == "solid"
    page.emulate_media(forced_colors="none")
    page.get_by_role("button", name="Code anzeigen").tap()
    expect(page.get_by_test_id("qr").locator("svg")).to_be_visible()
    looks_right(page, SMALL)
    page.set_viewport_size({"width": 640, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert wider_than_the_screen(page) == []
    page.goto(f"{stage.site.phone}/#iss=https%3A%2F%2Fid.example&transfer_code={'A' * 43}")
    expect(page.get_by_role("heading", name="Dieser Code stammt von einem anderen Dienst")).to_be_visible()
    looks_right(page, SMALL)


def test_a_name_turns_no_sentence_around_and_numbers_have_their_forms(small: BrowserContext, stage: Stage) -> None:
    page = small.new_page()
    page.goto(f"{stage.site.phone}/")
    hostile = "\u202eenohp\u2069\u2066 هاتف"
    sentence, people, *_ = page.evaluate(_SAID, {"name": hostile, "counts": []})
    assert sentence == "Diese Aufgabe läuft jetzt hier weiter: \u2068enohp هاتف\u2069."
    assert people == "\u2068enohp هاتف\u2069, Pocket phone"
    counts = [0, 1, 2, 3, 11, 100]
    assert page.evaluate(_SAID, {"name": "", "counts": counts})[2:4] == [
        "0 neue Zeilen im Verlauf",
        "1 neue Zeile im Verlauf",
    ]
    page.goto(f"{stage.site.phone}/?lang=ar")
    assert page.evaluate(_SAID, {"name": "", "counts": counts})[2:] == [
        "لا أسطر جديدة في السجل",
        "سطر جديد واحد في السجل",
        "سطران جديدان في السجل",
        "3 أسطر جديدة في السجل",
        "11 سطرًا جديدًا في السجل",
        "100 سطر جديد في السجل",
    ]


def test_on_a_slow_line_something_is_seen_before_all_of_it_has_come(small: BrowserContext, stage: Stage) -> None:
    page = small.new_page()
    session = small.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW)
    page.goto(f"{stage.site.phone}/", wait_until="commit")
    expect(page.locator("#screen-connect")).to_be_visible()
    begun = page.evaluate(_BEGUN)
    assert begun["paint"] < begun["last"]
    assert jumps(page) == []


def test_what_was_chosen_is_still_there_when_the_page_is_opened_again(devices: Devices) -> None:
    phone = devices.phone()
    phone.page.goto(f"{phone.stage.site.phone}/")
    phone.page.get_by_role("link", name="Deutsch").tap()
    expect(phone.page.get_by_role("heading", name="Eine Aufgabe hier fortsetzen")).to_be_visible()
    assert phone.page.url == f"{phone.stage.site.phone}/"
    phone.page.reload()
    expect(phone.page.get_by_role("heading", name="Eine Aufgabe hier fortsetzen")).to_be_visible()
    expect(phone.page.get_by_label("Name dieses Geräts")).to_have_value("Chrome auf Linux-Computer")
