"""A pull at the real server as the person meets it: the QR code's address, signing in, deciding, ending it again."""

from collections.abc import Iterator

import pytest
from asking_device import AskingDevice
from chromium import PHONE
from page_witness import Witness, leaked
from playwright.sync_api import Browser, BrowserContext, Page, expect
from stage import Stage

pytestmark = pytest.mark.browser
AFTER_DEAD_TIME = 700  # milliseconds


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone's browser in which nobody is signed in; nothing on its pages may go wrong."""
    opened = chromium.new_context(**PHONE)
    witness = Witness(opened)
    yield opened
    assert witness.complaints == []
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def device(stage: Stage) -> AskingDevice:
    return AskingDevice(stage.site.issuer, stage.site.phone_client_id)


def sign_in(page: Page, stage: Stage, password: str | None = None) -> None:
    page.get_by_label("User name").fill(stage.person.username)
    page.get_by_label("Password").fill(password or stage.person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def approve(page: Page, device: AskingDevice) -> None:
    """From the code page on: enter the code, begin a new task, type the check value."""
    expect(page.get_by_label("Code")).to_have_value(device.code)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Let another device have a task?")
    page.get_by_label("A new task").check()
    page.get_by_label("Check value").fill(str(device.poll()["check_value"]))
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="Approve").click()


@pytest.mark.requirement("A1", "A8", "XD-PULL-11", "XD-WEB-05", "RFC8628-3-3-1")
def test_the_code_of_a_qr_code_outlasts_signing_in_and_no_server_sees_it(
    context: BrowserContext, page: Page, stage: Stage, device: AskingDevice
) -> None:
    witness = Witness(context)
    page.goto(device.address)
    sign_in(page, stage, password="a wrong one")
    expect(page.locator("#error")).to_be_visible()
    sign_in(page, stage)
    expect(page.get_by_label("Code")).to_have_value(device.code)
    assert page.url == f"{stage.site.issuer}/device"
    assert leaked({device.code}, {*witness.urls(), *stage.logged()}) == []
    assert "check_value" not in device.poll()
    approve(page, device)
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    details = device.poll()["authorization_details"]
    assert details[0]["name"] == "Started on the phone"
    expect(page.get_by_role("heading", level=1)).to_have_text("Shared")
    expect(page.locator("[data-fact=task_name]")).to_have_text("Started on the phone")


@pytest.mark.requirement("XD-PULL-11")
def test_whoever_is_signed_in_and_follows_the_link_has_decided_nothing(
    page: Page, stage: Stage, device: AskingDevice
) -> None:
    page.goto(f"{stage.site.issuer}/")
    sign_in(page, stage)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    page.goto(device.address)
    expect(page.get_by_label("Code")).to_have_value(device.code)
    page.wait_for_timeout(AFTER_DEAD_TIME)
    assert "check_value" not in device.poll()


@pytest.mark.requirement("A10", "XD-CONS-09")
def test_what_was_approved_by_mistake_is_found_from_the_end_of_the_pull_and_reported(
    page: Page, stage: Stage, device: AskingDevice
) -> None:
    page.goto(device.address)
    sign_in(page, stage)
    approve(page, device)
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    tokens = device.poll()
    page.get_by_role("link", name="See what your devices can reach").click()
    row = page.locator("[data-fact=device]").filter(has_text="Blue phone").first
    expect(row).to_contain_text("Can work on it.")
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="I did not start this").first.click()
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="I did not start this").click()
    expect(page.get_by_role("status")).to_contain_text("ended")
    assert device.refresh(tokens) == 400
    expect(page.locator("[data-fact=state]").first).to_have_attribute("data-value", "reported")
