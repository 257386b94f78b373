"""Every page in every state: for eyes, keyboards and screen readers, by day and by night, on a phone and on a desktop.

`python -m screenshots` in `tests/` shows them to people.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page
from rounds import FULL
from scenes import axe, eye
from scenes.served import served_scenes
from scenes.shown import scenes
from scenes.site import SceneSite, scene_site, stay

pytestmark = pytest.mark.browser
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
SLIGHT = 0.01
"""A layout shift that nobody sees."""


@dataclass(frozen=True)
class Shown:
    """Every page at its address."""

    site: SceneSite
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    every = [*scenes(), *served_scenes(tmp_path_factory.mktemp("served"))]
    assert len({each.name for each in every}) == len(every)
    with scene_site() as site:
        yield Shown(site, site.show({each.name: each.answer for each in every}))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A phone's; it fails its test after a script error or a violation of the policy."""
    context, wrong = chromium.new_context(viewport=PHONE), []
    eye.watch_jumps(context)
    stay(context)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert wrong == []


@pytest.mark.requirement("PAGES-accessible")
def test_on_a_phone_every_page_can_be_seen_read_and_operated(page: Page, shown: Shown) -> None:
    found = {}
    for name, address in shown.addresses.items():
        page.goto(address)
        told = axe.violations(page) + eye.wider_than_the_screen(page)
        told += [str(jump) for jump in eye.jumps(page) if jump["value"] >= SLIGHT]
        page.emulate_media(color_scheme="dark")
        told += axe.violations(page, rules=axe.COLOURS)
        page.emulate_media(color_scheme="light")
        found |= {name: told} if told else {}
    assert found == {}


@pytest.mark.requirement("PAGES-accessible")
def test_on_a_desktop_every_page_can_be_seen_by_day_and_by_night(page: Page, shown: Shown) -> None:
    found = {}
    page.set_viewport_size(DESKTOP)
    names = list(shown.addresses) if FULL else [each.name for each in scenes()]
    for name in names:
        page.goto(shown.addresses[name])
        told = axe.violations(page, rules=(*axe.COLOURS, *axe.SIZES)) + eye.wider_than_the_screen(page)
        told += [str(jump) for jump in eye.jumps(page) if jump["value"] >= SLIGHT]
        page.emulate_media(color_scheme="dark")
        told += axe.violations(page, rules=axe.COLOURS)
        page.emulate_media(color_scheme="light")
        found |= {name: told} if told else {}
    assert found == {}


SPOILT = {
    "label": "document.querySelector('label[for=check_value]').remove(), "
    "document.getElementById('check_value').removeAttribute('title')",
    "color-contrast": "document.querySelector('.lead').style.color = '#999'",
    "page-has-heading-one": "document.querySelector('h1').remove()",
    "region": "document.body.append(document.querySelector('.lead'))",
    "button-name": "document.querySelector('button.decline').textContent = ''",
    "target-size": "document.querySelectorAll('.pair button').forEach(({ style }) => "
    "{ style.font = '6px serif'; style.padding = style.minHeight = 0; style.height = '10px'; style.width = '10px'; "
    "style.position = 'absolute'; })",
}
"""What each rule would find, and how to make it."""


@pytest.mark.requirement("PAGES-accessible")
def test_what_would_shut_somebody_out_is_found(page: Page, shown: Shown) -> None:
    """So that a page without violations says something."""
    for rule, spoil in SPOILT.items():
        page.goto(shown.addresses["approve requested"])
        page.evaluate(f"void ({spoil})")
        assert any(each.startswith(f"{rule}:") for each in axe.violations(page)), rule


@pytest.mark.requirement("PAGES-accessible")
def test_what_jumps_is_cut_off_or_cannot_be_reached_is_found(page: Page, shown: Shown) -> None:
    page.goto(shown.addresses["approve requested"])
    assert (eye.jumps(page), eye.wider_than_the_screen(page)) == ([], [])
    page.evaluate("document.querySelector('main').prepend(document.querySelector('.card').cloneNode(true))")
    assert sum(jump["value"] for jump in eye.jumps(page)) >= SLIGHT
    page.evaluate("document.querySelector('.lead').style.minWidth = '400px'")
    assert len(eye.wider_than_the_screen(page)) >= 1
    page.evaluate("document.querySelector('.lead').style.overflow = 'hidden'")
    page.evaluate("document.querySelector('.lead').style.height = '2px'")
    assert len(eye.clipped(page)) >= 1
    assert eye.keyboard_trouble(page) == []
    page.evaluate("document.querySelector('button.approve').tabIndex = 1")
    assert eye.keyboard_trouble(page) != []


@pytest.mark.requirement("PAGES-accessible")
def test_with_the_keyboard_alone_every_control_is_reached_in_order_and_shows_it(page: Page, shown: Shown) -> None:
    found = {}
    for each in scenes():
        page.goto(shown.addresses[each.name])
        if trouble := eye.keyboard_trouble(page):
            found[each.name] = trouble
    assert found == {}
