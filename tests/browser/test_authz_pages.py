"""The pages in a real browser: keyboard, focus, small screens, and what the decision pages do while they are open."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from app_thread import served
from authz_page_views import CLAIMED, CONFIRM_STEP, DEVICES, ENTER_CODE, NOW, OFFERED, REQUESTED, every_page, pulled
from playwright.sync_api import Browser, BrowserContext, Page, expect
from scenes.site import stay
from segue_authz.pages import (
    Approve,
    Confirm,
    TaskChoice,
    approve,
    confirm,
    confirm_step,
    devices,
    enter_code,
    shown,
    static_routes,
)
from server_process import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

pytestmark = pytest.mark.browser
AFTER_DEAD_TIME = 700  # milliseconds


class Site:
    """Shows `view` where it belongs and remembers what is posted; every other page is at /page/{name}."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.view: Confirm | Approve = CLAIMED
        self.posted: list[dict[str, str]] = []
        self._pages = every_page()
        routes = [
            Route("/confirm/trf_1", self._decision, methods=["GET", "POST"]),
            Route("/approve/trf_1", self._decision, methods=["GET", "POST"]),
            Route("/device", self._device, methods=["GET", "POST"]),
            Route("/devices", self._devices, methods=["GET", "POST"]),
            Route("/page/{name}", self._page),
            static_routes(),
        ]
        self.app = Starlette(routes=routes)

    async def _decision(self, request: Request) -> Response:
        if request.method == "GET":
            return show(self.view)
        await self._take(request)
        return show(replace(self.view, attempts_left=1, error="That did not match."))

    async def _device(self, request: Request) -> Response:
        if request.method == "POST":
            await self._take(request)
        return enter_code(ENTER_CODE)

    async def _devices(self, request: Request) -> Response:
        if request.method == "GET":
            return devices(DEVICES)
        await self._take(request)
        return devices(DEVICES) if "sure" in self.posted[-1] else confirm_step(CONFIRM_STEP)

    async def _take(self, request: Request) -> None:
        self.posted.append(dict(parse_qsl((await request.body()).decode(), keep_blank_values=True)))

    async def _page(self, request: Request) -> Response:
        return self._pages[request.path_params["name"]]


def show(view: Confirm | Approve) -> Response:
    return confirm(view) if isinstance(view, Confirm) else approve(view)


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    site = Site(port := free_port())
    with served(site.app, port=port):
        yield site


@pytest.fixture
def site(running: Site) -> Site:
    running.view, running.posted = CLAIMED, []
    return running


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Iterator[Page]:
    """A page that fails its test after a script error or a violation of the policy."""
    page, wrong = phone.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    assert wrong == []


def open_confirm(page: Page, site: Site, view: Confirm = CLAIMED) -> None:
    site.view = view
    page.goto(f"{site.origin}/confirm/trf_1")


def open_approve(page: Page, site: Site, view: Approve = REQUESTED) -> None:
    site.view = view
    page.goto(f"{site.origin}/approve/trf_1")


@pytest.mark.requirement("XD-CONS-02")
def test_enter_right_after_load_decides_nothing_and_later_it_declines(page: Page, site: Site) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1000)  # the page's timers run when the test says so, however slow the machine is
    open_confirm(page, site)
    expect(page.get_by_role("button", name="Decline")).to_be_focused()
    page.keyboard.press("Enter")
    page.clock.run_for(AFTER_DEAD_TIME)
    assert site.posted == []
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_be_visible()
    assert [each["decision"] for each in site.posted] == ["deny"]


@pytest.mark.requirement("XD-CONS-02")
def test_enter_in_the_check_field_does_nothing_until_four_digits_are_typed(page: Page, site: Site) -> None:
    open_confirm(page, site)
    page.wait_for_timeout(AFTER_DEAD_TIME)
    for typed in ("", "47", "47a1"):
        page.fill("#check_value", typed)
        page.keyboard.press("Enter")
    assert site.posted == []
    page.fill("#check_value", "4711")
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_be_visible()
    assert [(each["check_value"], each["decision"]) for each in site.posted] == [("4711", "approve")]


@pytest.mark.requirement("XD-WEB-02")
def test_a_click_on_approve_in_the_dead_time_does_nothing(page: Page, site: Site) -> None:
    open_confirm(page, site)
    page.evaluate(
        "document.getElementById('check_value').value = '4711', document.querySelector('button.approve').click()"
    )
    page.wait_for_timeout(200)
    assert site.posted == []


@pytest.mark.requirement("XD-CONS-02", "XD-CONS-03")
@pytest.mark.parametrize("name", ["Acme contract revision", "W" * 10_000, "\ufdfd" * 500])
def test_on_a_phone_the_decision_and_the_facts_are_in_the_first_view_side_by_side(
    page: Page, site: Site, name: str
) -> None:
    view = replace(CLAIMED, task_name=name, owner_name=name, client_name=name, device_name=name)
    open_confirm(page, site, view)
    decline, approve = (page.get_by_role("button", name=each).bounding_box() for each in ("Decline", "Approve"))
    assert decline is not None
    assert approve is not None
    assert (decline["height"], decline["y"]) == (approve["height"], approve["y"])
    assert round(decline["width"]) == round(approve["width"])
    assert approve["y"] + approve["height"] <= 740
    network = page.locator("[data-fact=network]").bounding_box()
    assert network is not None
    assert network["y"] + network["height"] < decline["y"]
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_claim_turns_the_waiting_page_into_the_form_by_itself(page: Page, site: Site) -> None:
    open_confirm(page, site, OFFERED)
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for the other device")
    site.view = CLAIMED
    expect(page.get_by_role("button", name="Decline")).to_be_focused(timeout=6_000)


@pytest.mark.requirement("XD-PUSH-02")
def test_a_second_claim_is_warned_about_without_losing_what_was_typed(page: Page, site: Site) -> None:
    open_confirm(page, site)
    expect(page.locator("[data-fact=contested]")).to_be_hidden()
    page.fill("#check_value", "47")
    site.view = replace(CLAIMED, contested=True)
    expect(page.locator("[data-fact=contested]")).to_be_visible(timeout=6_000)
    expect(page.locator("#check_value")).to_have_value("47")


def test_the_end_of_a_transfer_shows_even_after_a_wrong_value_and_sends_nothing_again(page: Page, site: Site) -> None:
    open_confirm(page, site)
    page.fill("#check_value", "4711")
    page.click("button.approve")
    expect(page.locator("#error")).to_be_visible()
    site.view = replace(CLAIMED, state="expired")
    expect(page.get_by_role("heading", level=1)).to_have_text("Time ran out", timeout=6_000)
    assert len(site.posted) == 1


def test_a_window_opened_for_the_transfer_offers_to_close_itself(page: Page, phone: BrowserContext, site: Site) -> None:
    page.goto(f"{site.origin}/page/account")
    site.view = replace(CLAIMED, state="redeemed")
    with phone.expect_page() as opened:
        page.evaluate(f"void window.open('{site.origin}/confirm/trf_1', '_blank', 'width=480,height=720')")
    with opened.value.expect_event("close"):
        button = opened.value.get_by_role("button", name="Close this window")
        button.evaluate("button => setTimeout(() => button.click(), 50)")
    open_confirm(page, site, site.view)
    expect(page.get_by_role("button", name="Close this window")).to_be_hidden()


def test_without_script_the_page_goes_on_and_the_form_works(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    open_confirm(page, site, OFFERED)
    site.view = CLAIMED
    page.fill("#check_value", "4711", timeout=10_000)
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_be_visible()
    assert [each["decision"] for each in site.posted] == ["approve"]
    context.close()


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_no_page_is_wider_than_its_screen(chromium: Browser, site: Site, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 740})
    stay(context)
    page = context.new_page()
    for name in every_page():
        page.goto(f"{site.origin}/page/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    context.close()


@pytest.mark.requirement("XD-CONS-02")
def test_on_the_approve_page_enter_right_after_load_decides_nothing_and_later_it_declines(
    page: Page, site: Site
) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    open_approve(page, site)
    expect(page.get_by_role("button", name="Decline")).to_be_focused()
    page.keyboard.press("Enter")
    page.clock.run_for(AFTER_DEAD_TIME)
    assert site.posted == []
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_be_visible()
    assert [each["decision"] for each in site.posted] == ["deny"]


@pytest.mark.requirement("XD-CONS-02", "XD-CONS-05")
def test_nothing_is_approved_before_a_task_is_chosen_and_four_digits_are_typed(page: Page, site: Site) -> None:
    open_approve(page, site)
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_label("Check value").fill("4711")
    page.keyboard.press("Enter")
    page.get_by_label("Quarterly report").check()
    page.get_by_label("Share").check()
    page.get_by_label("Check value").fill("47")
    page.keyboard.press("Enter")
    assert site.posted == []
    page.get_by_label("Check value").fill("4711")
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_be_visible()
    chosen = {"task": "tsk_2", "name": "New lease", "mode": "share", "back": "", "check_value": "4711"}
    assert site.posted == [{"csrf": "form-token", "shown": shown(REQUESTED), "decision": "approve", **chosen}]


@pytest.mark.requirement("XD-CONS-02", "XD-CONS-03", "XD-PULL-13")
@pytest.mark.parametrize("name", ["Blue phone", "W" * 10_000, "\ufdfd" * 500])
def test_on_a_phone_asker_and_decision_are_in_the_first_view_however_many_tasks_there_are(
    page: Page, site: Site, name: str
) -> None:
    tasks = tuple(TaskChoice(f"tsk_{number}", name, name, NOW) for number in range(30))
    open_approve(page, site, replace(REQUESTED, client_name=name, device_name=name, tasks=tasks))
    decline, agree = (page.get_by_role("button", name=each).bounding_box() for each in ("Decline", "Approve"))
    assert decline is not None
    assert agree is not None
    assert (decline["height"], decline["y"]) == (agree["height"], agree["y"])
    assert round(decline["width"]) == round(agree["width"])
    assert agree["y"] + agree["height"] <= 740
    for fact in ("network", "client_name", "device_name"):
        place = page.locator(f"[data-fact={fact}]").bounding_box()
        assert place is not None
        assert place["y"] + place["height"] < decline["y"]
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.requirement("R37")
def test_with_the_keyboard_no_choice_hides_behind_the_row_that_decides(page: Page, site: Site) -> None:
    tasks = tuple(TaskChoice(f"tsk_{number}", "A task", "One question open", NOW) for number in range(12))
    open_approve(page, site, replace(REQUESTED, tasks=tasks))
    page.locator("#task-1").focus()
    for _ in range(len(tasks) + 1):
        focused, row = page.locator(":focus").bounding_box(), page.locator(".decide").bounding_box()
        assert focused is not None
        assert row is not None
        assert focused["y"] + focused["height"] <= row["y"] or focused["y"] >= row["y"] + row["height"]
        page.keyboard.press("ArrowDown")


def test_with_a_new_task_there_is_nothing_to_move_or_share(page: Page, site: Site) -> None:
    open_approve(page, site)
    expect(page.get_by_text("Move it or share it?")).to_be_visible()
    page.get_by_label("A new task").check()
    expect(page.get_by_text("Move it or share it?")).to_be_hidden()


def test_the_end_of_a_pull_shows_by_itself_and_until_then_what_was_entered_stays(page: Page, site: Site) -> None:
    open_approve(page, site)
    page.get_by_label("Quarterly report").check()
    page.get_by_label("Check value").fill("47")
    page.wait_for_timeout(2_500)
    expect(page.get_by_label("Check value")).to_have_value("47")
    site.view = pulled("expired")
    expect(page.get_by_role("heading", level=1)).to_have_text("Time ran out", timeout=6_000)
    assert site.posted == []


@pytest.mark.requirement("XD-PULL-11", "XD-WEB-05")
def test_the_code_of_a_link_is_filled_in_and_leaves_the_address_and_the_person_sends_it(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/device?task=tsk_1#wdjb-mjht")
    expect(page.get_by_label("Code")).to_have_value("WDJB-MJHT")
    expect(page.get_by_text("This code came with the link.")).to_be_visible()
    assert page.url == f"{site.origin}/device"
    page.wait_for_timeout(500)
    assert site.posted == []
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_label("Code")).to_have_value("")
    assert site.posted == [{"csrf": "form-token", "user_code": "WDJB-MJHT"}]


@pytest.mark.requirement("XD-PULL-11")
def test_a_second_link_in_the_same_window_replaces_the_code(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/device#WDJB-MJHT")
    expect(page.get_by_label("Code")).to_have_value("WDJB-MJHT")
    page.evaluate("location.hash = 'BCDF-GHJK'")
    expect(page.get_by_label("Code")).to_have_value("BCDF-GHJK")
    assert page.url == f"{site.origin}/device"


@pytest.mark.requirement("XD-PULL-15")
@pytest.mark.parametrize("fragment", ["user_code", "<img src=x onerror=alert(1)>", "WDJB-MJH7", "WDJB-MJHT&task=tsk_1"])
def test_a_fragment_that_is_no_code_is_dropped(page: Page, site: Site, fragment: str) -> None:
    page.goto(f"{site.origin}/device#{fragment}")
    page.wait_for_url(f"{site.origin}/device")
    expect(page.get_by_label("Code")).to_have_value("")
    expect(page.get_by_text("This code came with the link.")).to_be_hidden()


@pytest.mark.requirement("XD-WEB-02", "A10")
def test_a_double_click_does_not_end_everything_and_enter_goes_back(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/devices")
    page.wait_for_timeout(AFTER_DEAD_TIME)
    with page.expect_navigation(wait_until="domcontentloaded"):
        page.get_by_role("button", name="End all access of all devices").click()
    page.evaluate("document.querySelector('button.ending').click()")
    page.wait_for_timeout(300)
    assert site.posted == [{"csrf": "form-token", "revoke_all": "yes"}]
    expect(page.get_by_role("link", name="Go back")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your devices and transfers")
    assert len(site.posted) == 1


@pytest.mark.requirement("A10", "R37")
def test_with_the_keyboard_alone_an_access_is_ended(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/devices")
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="End this access").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert site.posted == [{"csrf": "form-token", "revoke_grant": "grt_1"}]
