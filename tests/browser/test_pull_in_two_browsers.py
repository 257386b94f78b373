"""The pull as a person sees it: a phone shows a code, a browser in which the person signs in lets it have the task."""

import os
import re
import subprocess

import pytest
from deployment import SEGUE
from opened_devices import Devices
from playwright.sync_api import expect
from pull_pages import approve, enter, expect_heading, open_code, pull, rested, vault
from segue_demo.enrolled import Person
from segue_demo.site import TASK_NAME
from stage import Stage
from two_devices import Desktop, Phone

pytestmark = pytest.mark.browser
_LAPSE = """import('/static/segue/vault.js').then(async (vault) =>
  vault.put('request', { ...await vault.get('request'), enter_until: Date.now() }))"""


@pytest.mark.requirement("U1", "A1", "A5", "A8", "A9", "A11")
def test_a_task_moves_to_a_phone_that_asked_for_it_and_comes_back_to_both(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    phone.ask("Pocket phone")
    address = phone.photographed_code()
    assert address == f"{phone.stage.site.issuer}/device#{phone.user_code()}"
    expect(phone.page.locator("#ask-address")).to_have_text(f"{phone.stage.site.issuer}/device")
    expect(phone.page.locator("#ask-countdown")).to_have_text(re.compile("^(4:00|3:5[0-9])$"))
    page = open_code(desktop, address)
    expect(page.locator("[data-from-link]")).to_be_visible()
    enter(page)
    expect(page.locator("[data-fact=device_name]")).to_have_text("Pocket phone")
    expect(page.locator("[data-fact=client_name]")).to_have_text("Segue demo phone")
    check_value = phone.check_value()
    assert check_value not in page.locator("body").inner_text()
    approve(page, check_value=check_value)
    expect_heading(page, "Approved")
    phone.pick_up()
    desktop.expect_read_only()
    phone.say("from the phone")
    expect(desktop.message("from the phone")).to_have_count(1)

    desktop.page.get_by_role("button", name="Bring it back here").click()
    expect(desktop.page.get_by_role("radio")).to_have_count(1)
    rested(desktop.page)
    desktop.page.get_by_role("button", name="Allow").click()
    expect(desktop.page.locator("#screen-task")).to_have_attribute("data-access", "write")
    desktop.say("from the desktop")
    expect(phone.message("from the desktop")).to_have_count(1)
    phone.say("and from the phone again")
    expect(desktop.message("and from the phone again")).to_have_count(1)
    expect(desktop.page.locator("#continue")).to_be_visible()


@pytest.mark.requirement("A1", "A9", "XD-PULL-04")
def test_the_code_survives_signing_in_and_a_reload_of_the_phone_loses_nothing(
    desktop: Desktop, phone: Phone, devices: Devices
) -> None:
    desktop.begin_task()
    phone.ask("Pocket phone")
    code = phone.user_code()
    phone.page.reload()
    assert phone.user_code() == code
    other = devices.desktop()
    page = open_code(other, phone.photographed_code(), person=phone.stage.person)
    enter(page)
    check_value = phone.check_value()
    phone.page.reload()
    assert phone.check_value() == check_value
    approve(page, check_value=check_value, mode="Share")
    phone.pick_up()
    assert vault(phone, "request") is None
    desktop.say("shared")
    expect(phone.message("shared")).to_have_count(1)


@pytest.mark.requirement("A1", "XD-PULL-01")
def test_the_second_wrong_number_ends_the_request_on_both_sides(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    phone.ask("Pocket phone")
    page = open_code(desktop, phone.photographed_code())
    enter(page)
    wrong = f"{(int(phone.check_value()) + 1) % 10_000:04}"
    approve(page, check_value=wrong)
    expect(page.locator("[data-fact=attempts_left]")).to_contain_text("One try left")
    rested(page)
    approve(page, check_value=wrong)
    expect_heading(page, "Wrong check value")
    expect_nothing_handed_over(desktop, phone, "typed wrongly twice")


@pytest.mark.requirement("A1")
def test_declining_ends_the_request_and_the_phone_can_ask_again(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    phone.ask("Pocket phone")
    page = open_code(desktop, phone.photographed_code())
    enter(page)
    page.get_by_role("button", name="Decline").click()
    expect_heading(page, "Not approved")
    expect_nothing_handed_over(desktop, phone, "declined")
    phone.page.get_by_role("button", name="Start again").tap()
    pull(desktop, phone)
    desktop.expect_read_only()


@pytest.mark.requirement("A1", "RFC10027-6-1-2")
def test_a_lapsed_code_says_so_and_a_new_one_works_and_replaces_the_old_one(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    phone.ask("Pocket phone")
    first = phone.user_code()
    phone.page.evaluate(_LAPSE)
    phone.page.reload()
    expect(phone.page.get_by_text("The code has lapsed")).to_be_visible()
    expect(phone.page.get_by_test_id("user-code")).to_be_hidden()
    phone.page.get_by_role("button", name="Show a new code").tap()
    second = phone.user_code()
    phone.page.get_by_role("button", name="Show a new code").tap()
    expect(phone.page.get_by_test_id("user-code")).not_to_have_text(second)
    assert len({first, second, phone.user_code()}) == 3
    page = open_code(desktop, phone.photographed_code())
    enter(page)
    approve(page, check_value=phone.check_value())
    phone.pick_up()


@pytest.mark.requirement("A1", "XD-PULL-03", "RFC10027-6-1-4")
def test_a_code_that_a_second_account_enters_is_void_for_everybody(
    stage: Stage, desktop: Desktop, phone: Phone, devices: Devices
) -> None:
    desktop.begin_task()
    phone.ask("Pocket phone")
    address = phone.photographed_code()
    page = open_code(desktop, address)
    enter(page)
    check_value = phone.check_value()
    spread = open_code(devices.desktop(), address, person=stranger(stage))
    spread.get_by_role("button", name="Go on").click()
    expect(spread.locator("#error")).to_contain_text("That code is not known here")
    expect_heading(page, "Not approved")
    assert check_value not in spread.locator("body").inner_text()
    expect_nothing_handed_over(desktop, phone, "Nothing was handed over")


def expect_nothing_handed_over(desktop: Desktop, phone: Phone, text: str) -> None:
    """The phone says so and has nothing; the desktop works on as before."""
    expect_heading(phone.page, "Not confirmed on the other device")
    expect(phone.page.locator("#refused-text")).to_contain_text(text)
    assert (vault(phone, "grant"), vault(phone, "request")) == (None, None)
    desktop.page.bring_to_front()
    desktop.say("still here")
    expect(desktop.message("still here")).to_have_count(1)
    expect(desktop.page.locator("#task-name")).to_have_text(TASK_NAME)


def stranger(stage: Stage) -> Person:
    """A second account at the stage."""
    person = Person("stranger", "a-long-password-of-theirs")
    environment = dict(os.environ) | {"SEGUE_STATE": str(stage.ledger.parent)}
    command = [str(SEGUE), "user", "add", person.username, "--name", "Somebody else", "--json"]
    subprocess.run(command, env=environment, input=person.password, text=True, check=True, capture_output=True)
    return person
