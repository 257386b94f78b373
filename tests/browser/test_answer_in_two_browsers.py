"""An answer is seen while it is written, may be stopped by whoever may speak, and outlives the page that writes it."""

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect
from segue_demo.scripted_agent import EXPLANATION
from stage import Stage
from two_devices import Desktop, Device, Phone, hand_over

pytestmark = pytest.mark.browser
ASKED = "Explain the cap"
PIECE = 24
"""Characters that the page shows at a time."""
PIECES = "**/drafts/*"
DRAFTS = "**/tasks/*/drafts"


class Gate:
    """Lets so many requests to such addresses through from a page; further ones wait, as long as the page does."""

    def __init__(self, page: Page, address: str, *, through: int) -> None:
        self._through = through
        self._waiting: list[Route] = []
        page.route(address, self._pass_or_hold)
        page.on("requestfailed", self._forget)

    def let(self, number: int) -> None:
        self._through += number
        waiting, self._waiting = self._waiting, []
        for route in waiting:
            self._pass_or_hold(route)

    def _forget(self, request: Request) -> None:
        self._waiting = [route for route in self._waiting if route.request != request]

    def _pass_or_hold(self, route: Route) -> None:
        if self._through == 0:
            self._waiting.append(route)
            return
        self._through -= 1
        route.fallback()


def draft(device: Device) -> Locator:
    return device.page.get_by_test_id("draft")


def expect_grown(device: Device, pieces: int) -> None:
    """All of it, whenever this page came to it."""
    expect(draft(device).locator(".words")).to_have_text(EXPLANATION[: pieces * PIECE].strip())


def expect_said_once(device: Device) -> None:
    expect(device.message(EXPLANATION[-40:], exact=False)).to_have_count(1)
    expect(draft(device)).to_have_count(0)
    said = [event for event in device.events() if event["role"] == "agent" and event["kind"] == "message"]
    assert [event["body"]["text"] for event in said].count(EXPLANATION) == 1


@pytest.mark.requirement("T16", "T7", "T15", "R57", "R54", "R60")
@pytest.mark.parametrize(
    "stage", [pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])], indirect=True
)
def test_an_answer_grows_on_both_pages_and_whoever_may_speak_stops_it(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    hand_over(desktop, phone, mode="Share")
    desktop.close_dialog()
    pieces = Gate(desktop.page, PIECES, through=2)
    desktop.say(ASKED)
    for device in (desktop, phone):
        expect_grown(device, 2)
    phone.page.reload()
    expect_grown(phone, 2)
    pieces.let(1)
    for device in (desktop, phone):
        expect_grown(device, 3)
    phone.page.get_by_label("Say something to the agent").press_sequentially("wait")
    expect(desktop.page.locator("#presence")).to_have_text("Here now: this device, Pocket phone (typing)")
    phone.page.get_by_role("button", name="Stop the answer of: Agent").tap()
    expect(draft(phone)).to_contain_text("stopped")
    expect(phone.page.get_by_label("Say something")).to_be_focused()
    pieces.let(100)
    for device in (desktop, phone):
        expect(device.page.locator("#history .message").filter(has_text="stopped here")).to_have_count(1)
        expect(draft(device)).to_have_count(0)
    events = phone.events()
    (stopped,) = [event for event in events if event["kind"] == "draft.interrupted"]
    (answer,) = [event for event in events if event["body"].get("interrupted")]
    assert answer["body"]["text"] == EXPLANATION[: stopped["body"]["length"]]
    assert answer["actor"]["device_id"] != stopped["actor"]["device_id"]
    for device in (desktop, phone):
        device.expect_shown(events)


@pytest.mark.requirement("T8", "R49")
def test_a_closed_tab_in_the_middle_of_an_answer_is_opened_again_and_the_answer_goes_on_where_it_stopped(
    stage: Stage, desktop: Desktop
) -> None:
    desktop.begin_task()
    Gate(desktop.page, PIECES, through=3)
    desktop.say(ASKED)
    expect_grown(desktop, 3)
    begun = draft(desktop).get_attribute("data-draft-id")
    closed, desktop.page = desktop.page, desktop.context.new_page()
    closed.close()
    desktop.page.goto(f"{stage.site.desktop}/")
    expect_said_once(desktop)
    (answer,) = [event for event in desktop.events() if event["body"].get("text") == EXPLANATION]
    assert answer["body"]["draft_id"] == begun
    desktop.expect_shown(desktop.events())


@pytest.mark.requirement("T8", "T16", "R49", "R54")
def test_a_switched_device_in_the_middle_of_an_answer_shows_it_at_once_and_finishes_it(
    desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    Gate(desktop.page, PIECES, through=3)
    desktop.say(ASKED)
    expect_grown(desktop, 3)
    begun = draft(desktop).get_attribute("data-draft-id")
    taking_over = Gate(phone.page, DRAFTS, through=0)
    hand_over(desktop, phone)
    expect_grown(phone, 3)
    taking_over.let(100)
    expect_said_once(phone)
    expect(draft(desktop)).to_have_count(0)
    events = phone.events()
    (answer,) = [event for event in events if event["body"].get("text") == EXPLANATION]
    (moved,) = [event for event in events if event["kind"] == "task.moved"]
    assert answer["body"]["draft_id"] == begun
    assert answer["actor"]["device_id"] == moved["actor"]["device_id"]
    for device in (desktop, phone):
        device.expect_shown(events)
