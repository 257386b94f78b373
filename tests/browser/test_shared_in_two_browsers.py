"""A task that is shared: both pages go on, and each sees live what the other does. The code is typed, not scanned."""

import pytest
from playwright.sync_api import Route, expect
from two_devices import Desktop, Phone, decide

pytestmark = pytest.mark.browser
OVERTAKING = 500
"""Milliseconds in which a second request, were it sent, would arrive before the first one."""


@pytest.mark.requirement("A9", "T7", "T2", "R16", "R53")
def test_both_devices_write_and_read_live_after_a_typed_code(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    desktop.offer("Share")
    phone.page.goto(f"{phone.stage.site.phone}/")
    phone.page.get_by_label("Code shown on the other device").fill(desktop.typed_code().replace("-", "").lower())
    check_value = phone.connect("Pocket phone")
    desktop.expect_claim("Pocket phone")
    confirmation = desktop.review()
    expect(confirmation.get_by_role("heading", level=1)).to_have_text("Share this task with another device?")
    decide(confirmation, check_value)
    phone.pick_up()
    expect(desktop.page.locator("#transfer-done-text")).to_have_text("Pocket phone has joined the task.")
    desktop.close_dialog()

    desktop.say("from the desktop")
    expect(phone.message("from the desktop")).to_have_count(1)
    phone.say("from the phone")
    expect(desktop.message("from the phone")).to_have_count(1)
    for device in (desktop, phone):
        for text in ("from the desktop", "from the phone"):
            expect(device.message(f"I have noted “{text}”", exact=False)).to_have_count(1)
        expect(device.page.locator("#presence")).to_contain_text("this device")
        expect(device.page.locator("#screen-task")).to_have_attribute("data-access", "write")
    expect(desktop.page.locator("#presence")).to_contain_text("Pocket phone")
    events = phone.events()
    assert [event for event in events if event["kind"] == "task.moved"] == []
    writers = {event["actor"]["device_id"] for event in events if event["role"] == "customer"}
    assert len(writers) == 2
    for device in (desktop, phone):
        device.expect_shown(events)


@pytest.mark.requirement("A9", "A2")
def test_a_change_of_mind_while_the_first_code_is_on_its_way_shows_the_code_that_works(
    desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    held: list[Route] = []
    desktop.page.route("**/transfer", lambda route: route.continue_() if held else held.append(route))
    with desktop.page.expect_request("**/transfer"):
        desktop.page.get_by_role("button", name="Continue on another device").click()
    desktop.page.get_by_role("radio", name="Share").check()
    desktop.page.wait_for_timeout(OVERTAKING)
    held[0].continue_()
    desktop.expect_offered()
    phone.scan(desktop.photographed_code())
    phone.connect("Pocket phone")
    confirmation = desktop.review()
    expect(confirmation.get_by_role("heading", level=1)).to_have_text("Share this task with another device?")


@pytest.mark.requirement("XD-PUSH-12")
def test_a_code_of_another_service_is_refused_and_sent_nowhere(phone: Phone) -> None:
    phone.page.goto(f"{phone.stage.site.phone}/#iss=https%3A%2F%2Fid.example&transfer_code={'A' * 43}")
    expect(phone.page.get_by_role("heading", name="This code is from another service")).to_be_visible()
    expect(phone.page.get_by_role("button", name="Connect this device")).to_be_hidden()
    site = f"{phone.stage.site.phone}/"
    assert [request.url for request in phone.witness.requests if not request.url.startswith(site)] == []
