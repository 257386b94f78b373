"""The devices page as a person uses it: what is ended there ends on the other device at once, and that one says so."""

import time

import pytest
from playwright.sync_api import Page, expect
from pull_pages import expect_heading, pull, rested, vault
from two_devices import Desktop, Phone

pytestmark = pytest.mark.browser
AT_ONCE = 2.0
"""Seconds from the click to the refusal on the phone: one that the servers may take, and one for two browsers."""
LOST = "This device no longer has access"


@pytest.mark.requirement("A10", "XD-TOK-09")
def test_a_revoked_phone_is_refused_at_once_and_shows_nothing_of_the_task_any_more(
    desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    pull(desktop, phone)
    page = devices_page(desktop)
    phones = page.locator("[data-fact=device]", has_text="Pocket phone")
    began = time.monotonic()
    phones.get_by_role("button", name="End all access of this device").click()
    expect_heading(phone.page, LOST)
    assert time.monotonic() - began < AT_ONCE
    expect(page.locator("[data-fact=notice]")).to_have_text("That device has no access any more.")
    expect(phone.page.locator("#screen-task")).to_be_empty()
    phone.page.reload()
    expect_heading(phone.page, LOST)

    phone.page.get_by_role("button", name="Start again").tap()
    expect(phone.page.locator("#screen-connect")).to_be_visible()
    assert vault(phone, "grant") is None
    page.close()
    pull(desktop, phone, name="Pocket phone again")
    phone.say("back with a new key")
    expect(desktop.message("back with a new key")).to_have_count(1)


@pytest.mark.requirement("A10", "RFC10027-6-1-6")
def test_what_nobody_started_is_ended_and_the_desktop_brings_its_task_back(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    pull(desktop, phone)
    desktop.expect_read_only()
    page = devices_page(desktop)
    page.locator("[data-fact=transfer]").first.get_by_role("button", name="I did not start this…").click()
    expect_heading(page, "You did not start this?")
    rested(page)
    began = time.monotonic()
    page.get_by_role("button", name="I did not start this").click()
    expect_heading(phone.page, LOST)
    assert time.monotonic() - began < AT_ONCE
    expect(page.locator("[data-fact=notice]")).to_contain_text("All access that came of that transfer has ended")
    page.close()
    bring_back(desktop)


@pytest.mark.requirement("A10")
def test_a_desktop_that_was_revoked_can_ask_for_the_same_task_again(desktop: Desktop) -> None:
    desktop.begin_task()
    task_id = desktop.task_id()
    page = devices_page(desktop)
    page.get_by_role("button", name="End all access of all devices…").click()
    rested(page)
    page.get_by_role("button", name="End all access").click()
    expect_heading(desktop.page, LOST)
    page.close()
    bring_back(desktop)
    assert desktop.task_id() == task_id


def devices_page(desktop: Desktop) -> Page:
    """The desktop page leads there."""
    with desktop.context.expect_page() as opened:
        desktop.page.get_by_role("link", name="Devices and access").click()
    expect_heading(opened.value, "Your devices and transfers")
    rested(opened.value)
    return opened.value


def bring_back(desktop: Desktop) -> None:
    """Through the authorization server, where the person is signed in; the desktop writes again."""
    desktop.page.get_by_role("button", name="Bring it back here").click()
    expect(desktop.page.get_by_role("button", name="Allow")).to_be_visible()
    rested(desktop.page)
    desktop.page.get_by_role("button", name="Allow").click()
    desktop.expect_live()
    desktop.say("here again")
    expect(desktop.message("here again")).to_have_count(1)
