"""The pages in German and Arabic as a browser lays them out, and the switch at their foot."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from authz_page_views import CLAIMED, every_page
from playwright.sync_api import Browser, BrowserContext, Page, expect
from running_demo import RunningDemo, running_demo
from segue_authz.pages import static_routes
from segue_authz.pages.duration import ago, ahead
from segue_authz.pages.language import LANGUAGES, Language
from segue_authz.pages.text import Reader, gettext, reading
from server_process import PATIENCE, free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

pytestmark = [pytest.mark.browser, pytest.mark.requirement("PAGES-languages")]
GERMAN, ARABIC = LANGUAGES[1:]
SIZES = ({"width": 360, "height": 740}, {"width": 1280, "height": 800})


@pytest.fixture(scope="module")
def shown() -> Iterator[str]:
    """Every page in every language, at /{tag}/{name}."""
    every = {spoken.tag: _in(spoken) for spoken in LANGUAGES}

    async def page(request: Request) -> Response:
        return every[request.path_params["tag"]][request.path_params["name"]]

    app, port = Starlette(routes=[static_routes(), Route("/{tag}/{name}", page)]), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=SIZES, ids=["phone", "desktop"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=request.param)
    yield context
    context.close()


@pytest.mark.parametrize("spoken", [GERMAN, ARABIC], ids=lambda each: each.tag)
def test_longer_words_and_the_other_direction_fit_on_every_page_of_a_phone(
    chromium: Browser, shown: str, spoken: Language
) -> None:
    context, wide = chromium.new_context(viewport=SIZES[0]), {}
    page = context.new_page()
    for name, answer in every_page().items():
        if b'http-equiv="refresh"' in answer.body and b"<noscript>" not in answer.body:
            continue  # it goes on by itself
        page.goto(f"{shown}/{spoken.tag}/{name}")
        cut = page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll("button, .button, dt, input")]
              .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent.trim())"""
        )
        if cut:
            wide[name] = cut
    context.close()
    assert wide == {}


def test_in_arabic_everything_stands_on_the_other_side_but_codes(context: BrowserContext, shown: str) -> None:
    page = context.new_page()
    sides = {}
    for spoken in LANGUAGES:
        page.goto(f"{shown}/{spoken.tag}/approve requested")
        decline, approve, value = (
            page.locator(each).bounding_box() for each in (".decide .decline", ".decide .approve", "#check_value")
        )
        assert decline is not None
        assert approve is not None
        assert value is not None
        assert abs(decline["width"] - approve["width"]) < 2
        claim = page.locator(".claim").evaluate("(claim) => getComputedStyle(claim).borderInlineStartStyle")
        sides[spoken.tag] = (decline["x"] < approve["x"], value["x"] < decline["x"], claim)
        expect(page.locator(".decide .decline")).to_be_focused()
        assert page.locator("#check_value").evaluate("(field) => getComputedStyle(field).direction") == "ltr"
        edge = page.locator(".claim").evaluate("(claim) => getComputedStyle(claim).borderRightStyle")
        assert edge == ("dashed" if spoken == ARABIC else "none")
    assert sides == {"en": (True, True, "dashed"), "de": (True, True, "dashed"), "ar": (False, False, "dashed")}


@pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda each: each.tag)
def test_the_script_counts_time_in_the_words_of_the_page(chromium: Browser, shown: str, spoken: Language) -> None:
    with reading(Reader(spoken)):
        left = {ahead(CLAIMED.expires_in - passed) for passed in range(1, 60)}
        since = {ago(CLAIMED.now - CLAIMED.started_at + passed) for passed in range(1, 60)}
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{shown}/{spoken.tag}/confirm claimed")
    before = page.locator("[data-left]").inner_text()
    expect(page.locator("[data-left]")).not_to_have_text(before, timeout=PATIENCE * 1000)
    assert page.locator("[data-left]").inner_text() in left
    assert page.locator("[data-ago]").last.inner_text() in since
    context.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


def test_the_switch_works_by_keyboard_without_script_and_the_choice_stays(chromium: Browser, demo: RunningDemo) -> None:
    with _plain(chromium) as page:
        page.goto(f"{demo.site.issuer}/sign-in?return_to=%2Fdevices")
        for spoken in (GERMAN, ARABIC):
            switch = page.get_by_role("button", name=spoken.name)
            while not switch.evaluate("(button) => button === document.activeElement"):
                page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(page.locator("html")).to_have_attribute("dir", spoken.direction)
            with reading(Reader(spoken)):
                expect(page.get_by_role("heading", level=1)).to_have_text(gettext("Sign in"))
        page.locator("#username").fill(demo.person.username)
        page.locator("#password").fill(demo.person.password)
        page.locator("#password").press("Enter")
        page.wait_for_url("**/devices")
        expect(page.locator("html")).to_have_attribute("lang", "ar")


@contextmanager
def _plain(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=False, viewport=SIZES[0])
    yield context.new_page()
    context.close()


def _in(spoken: Language) -> dict[str, Response]:
    with reading(Reader(spoken)):
        return every_page()
