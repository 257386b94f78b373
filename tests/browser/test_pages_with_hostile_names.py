"""XD-CONS-03: whatever somebody calls themselves, their device, app or task, no page breaks, runs it, or grows for it.

And printed: nothing is lost on paper, by night as by day.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from scenes import eye, hostile
from scenes.shown import scenes
from scenes.site import SceneSite, scene_site, stay

pytestmark = pytest.mark.browser
A4 = {"width": 794, "height": 1123}
PRINTED = ("devices", "approve requested", "confirm claimed", "account security with new codes", "invitation")
_WORDS = "() => document.querySelector('main').innerText.split(/\\s+/).filter(Boolean)"
_BUTTONS = "(all) => all.flatMap((each) => each.innerText.split(/\\s+/))"


@pytest.fixture(scope="module")
def site() -> Iterator[SceneSite]:
    with scene_site() as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    stay(context)
    yield context.new_page()
    context.close()


@pytest.mark.requirement("XD-CONS-03")
@pytest.mark.parametrize("kind", hostile.NAMES)
def test_no_name_widens_a_page_runs_in_it_or_fills_it(page: Page, site: SceneSite, kind: str) -> None:
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    addresses = site.show({f"{name} {kind}": answer for name, answer in hostile.pages_with(hostile.NAMES[kind])})
    for name, address in addresses.items():
        page.goto(address)
        assert eye.wider_than_the_screen(page) == [], name
        assert page.evaluate("typeof window.pwned") == "undefined", name
        assert page.evaluate("document.documentElement.scrollHeight") < 5_000, name
    assert wrong == []


@pytest.mark.requirement("XD-CONS-03")
def test_a_name_that_widens_a_page_is_noticed(page: Page, site: SceneSite) -> None:
    page.goto(site.show({each.name: each.answer for each in scenes()})["devices"])
    page.evaluate(
        "document.querySelector('h3 bdi').textContent = 'W'.repeat(100), document.body.style.overflowWrap = 'normal'"
    )
    assert eye.wider_than_the_screen(page) != []


@pytest.mark.requirement("PAGES-accessible")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_every_word_is_there_in_black_on_white(page: Page, site: SceneSite, scheme: str) -> None:
    addresses = site.show({each.name: each.answer for each in scenes()})
    page.set_viewport_size(A4)
    for name in PRINTED:
        page.emulate_media(media="screen", color_scheme="light")
        page.goto(addresses[name])
        words = page.evaluate(_WORDS)
        pressed = set(page.locator("main :is(button, .button, .decide, .decision)").evaluate_all(_BUTTONS))
        page.emulate_media(media="print", color_scheme="dark" if scheme == "dark" else "light")
        assert {word for word in words if word not in pressed} <= set(page.evaluate(_WORDS)), name
        assert eye.wider_than_the_screen(page) + eye.clipped(page) == [], name
        colours = "({ backgroundColor, color }) => [backgroundColor, color]"
        paper = page.evaluate(f"({colours})(getComputedStyle(document.body))")
        assert paper == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"], name
        stuck = (
            "[...document.querySelectorAll('main *')].filter((each) => getComputedStyle(each).position === 'sticky')"
        )
        assert page.evaluate(f"{stuck}.filter((each) => each.checkVisibility()).length") == 0, name


@pytest.mark.requirement("PAGES-accessible")
def test_the_devices_page_and_the_approve_page_print(page: Page, site: SceneSite) -> None:
    addresses = site.show({each.name: each.answer for each in scenes()})
    pages = {}
    for name in ("devices", "approve requested"):
        page.goto(addresses[name])
        printed = page.pdf(format="A4", tagged=True)
        assert printed.startswith(b"%PDF-")
        pages[name] = printed.count(b"/Type /Page\n")
    assert pages["approve requested"] == 1
    assert 1 <= pages["devices"] <= 3
