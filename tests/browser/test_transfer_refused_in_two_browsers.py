"""Transfers that must not happen, as a person sees them: both pages say what is true, and nothing was handed over."""

import sqlite3
from contextlib import closing

import pytest
from opened_devices import Devices
from playwright.sync_api import Page, expect
from stage import Stage
from two_devices import Desktop, Phone, decide, decline

pytestmark = pytest.mark.browser
RENEWALS = 4
"""Codes that follow a lapsed one by themselves."""


def claimed(desktop: Desktop, phone: Phone) -> str:
    """The check value, with the desktop showing who asks."""
    desktop.begin_task()
    desktop.offer()
    phone.scan(desktop.photographed_code())
    check_value = phone.connect("Pocket phone")
    desktop.expect_claim("Pocket phone")
    return check_value


def expect_heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1).locator("visible=true")).to_have_text(text)


def expect_nothing_handed_over(desktop: Desktop, phone: Phone, *, title: str, text: str) -> None:
    """The phone says so and has nothing; the task is where it was, and goes on there."""
    expect_heading(phone.page, title)
    expect(phone.page.locator("#refused-text")).to_contain_text(text)
    assert phone.page.evaluate("import('/static/segue/vault.js').then((vault) => vault.get('grant'))") is None
    desktop.close_dialog()
    desktop.say("still here")
    expect(desktop.message("still here")).to_have_count(1)


def let_everything_lapse(stage: Stage) -> None:
    """As if the time were over: what the server compares with its clock is moved into the past."""
    with closing(sqlite3.connect(stage.ledger.parent / "authz.db", timeout=10)) as database, database:
        living = "state IN ('Offered', 'Claimed') AND expires_at > created_at"
        lapsed = database.execute(f"UPDATE transfers SET expires_at = created_at WHERE {living}")
        assert lapsed.rowcount == 1


def expect_another_code(desktop: Desktop, lapsed: str) -> None:
    """It is drawn by itself."""
    expect(desktop.page.get_by_test_id("transfer-code")).not_to_have_text(lapsed)
    desktop.expect_offered()


def another_number(check_value: str) -> str:
    return f"{(int(check_value) + 1) % 10_000:04}"


@pytest.mark.requirement("A2", "XD-PUSH-02", "XD-PUSH-06")
def test_a_second_phone_is_told_that_the_code_is_taken_and_both_pages_of_the_owner_warn(
    desktop: Desktop, phone: Phone, devices: Devices
) -> None:
    desktop.begin_task()
    desktop.offer()
    code = desktop.photographed_code()
    phone.scan(code)
    phone.connect("Pocket phone")
    desktop.expect_claim("Pocket phone")
    expect(desktop.page.locator("#transfer-contested")).to_be_hidden()
    stranger = devices.phone()
    stranger.scan(code)
    stranger.page.get_by_role("button", name="Connect this device").tap()
    expect_heading(stranger.page, "This code can no longer be used")
    expect(stranger.page.locator("#refused-text")).to_contain_text("another device used it first")
    expect(desktop.page.locator("#transfer-contested")).to_be_visible()
    expect(desktop.page.locator("#transfer-claim")).to_contain_text("Pocket phone")
    confirmation = desktop.review()
    expect(confirmation.locator("[data-fact=contested]")).to_contain_text("Somebody else also tried this code.")
    decline(confirmation)
    expect_heading(confirmation, "Not approved")
    expect_nothing_handed_over(desktop, phone, title="Not confirmed on the other device", text="declined")


@pytest.mark.requirement("A2", "XD-PUSH-05")
def test_the_second_wrong_number_ends_the_transfer_and_every_page_says_so(desktop: Desktop, phone: Phone) -> None:
    check_value = claimed(desktop, phone)
    confirmation = desktop.review()
    decide(confirmation, another_number(check_value))
    expect(confirmation.locator("[data-fact=attempts_left]")).to_contain_text("One try left")
    assert phone.check_value() == check_value
    decide(confirmation, another_number(check_value))
    expect_heading(confirmation, "Wrong check value")
    expect(desktop.page.locator("#transfer-ended-title")).to_have_text("Not confirmed")
    expect(desktop.page.locator("#transfer-ended-text")).to_contain_text("typed wrongly twice")
    expect_nothing_handed_over(desktop, phone, title="Not confirmed on the other device", text="typed wrongly twice")


@pytest.mark.requirement("A2", "RFC10027-6-1-2")
def test_a_lapsed_code_is_refused_and_the_one_that_follows_it_on_the_screen_works(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    desktop.offer()
    lapsed = desktop.typed_code()
    phone.scan(desktop.photographed_code())
    let_everything_lapse(stage)
    expect_another_code(desktop, lapsed)
    phone.page.get_by_role("button", name="Connect this device").tap()
    expect_heading(phone.page, "This code can no longer be used")
    expect(phone.page.locator("#refused-text")).to_contain_text("It has lapsed")
    phone.scan(desktop.photographed_code())
    check_value = phone.connect("Pocket phone")
    desktop.expect_claim("Pocket phone")
    decide(desktop.review(), check_value)
    phone.pick_up()


@pytest.mark.requirement("A2", "RFC10027-6-1-2")
def test_a_code_that_nobody_looks_at_is_not_renewed_for_ever(stage: Stage, desktop: Desktop) -> None:
    desktop.begin_task()
    desktop.offer()
    for _ in range(RENEWALS):
        lapsed = desktop.typed_code()
        let_everything_lapse(stage)
        expect_another_code(desktop, lapsed)
    let_everything_lapse(stage)
    expect(desktop.page.locator("#transfer-ended-title")).to_have_text("The code has lapsed")
    expect(desktop.page.get_by_role("button", name="Show a new code")).to_be_visible()


@pytest.mark.requirement("A2")
def test_a_transfer_that_nobody_confirms_in_time_ends_on_every_page(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    check_value = claimed(desktop, phone)
    confirmation = desktop.review()
    confirmation.get_by_label("Check value").fill(check_value)
    let_everything_lapse(stage)
    expect_heading(confirmation, "Time ran out")
    expect(desktop.page.locator("#transfer-ended-title")).to_have_text("The confirmation took too long")
    expect_nothing_handed_over(desktop, phone, title="The confirmation took too long", text="in time")


@pytest.mark.requirement("A2")
def test_declining_ends_the_transfer_on_every_page(desktop: Desktop, phone: Phone) -> None:
    claimed(desktop, phone)
    confirmation = desktop.review()
    decline(confirmation)
    expect_heading(confirmation, "Not approved")
    expect(desktop.page.locator("#transfer-ended-title")).to_have_text("Not confirmed")
    expect_nothing_handed_over(desktop, phone, title="Not confirmed on the other device", text="declined")


@pytest.mark.requirement("A2")
def test_a_withdrawn_transfer_ends_on_the_phone(desktop: Desktop, phone: Phone) -> None:
    claimed(desktop, phone)
    desktop.page.get_by_role("button", name="Cancel").click()
    expect_heading(phone.page, "Not confirmed on the other device")
    expect(phone.page.locator("#refused-text")).to_contain_text("withdrawn")
    desktop.say("still here")
    expect(desktop.message("still here")).to_have_count(1)
