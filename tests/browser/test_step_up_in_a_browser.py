"""Where the policy wants whoever is here now: the person signs in once more and is back at the same decision (A12)."""

from collections.abc import Iterator

import pytest
from asking_device import AskingDevice
from chromium import PHONE
from page_witness import Witness
from playwright.sync_api import Browser, Page, expect
from pull_pages import rested
from segue_demo.site import Site
from stage import Stage, embedded_stage
from two_devices import Desktop, Phone, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.requirement("A12", "XD-PUSH-10")]
POLICY = f"[sign_in_policy.clients.{Site.phone_client_id}]\nmax_age = 0\n"
"""For each decision about a task that goes to a phone."""
DUE = "To approve this, you sign in once more."


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with embedded_stage(tmp_path_factory.mktemp("stage"), job_seconds=20, policy=POLICY) as opened:
        yield opened


def sign_in_to_approve(page: Page, stage: Stage) -> None:
    """From a page that asks for it to the same page without that."""
    address = page.url
    expect(page.get_by_text(DUE)).to_be_visible()
    expect(page.get_by_label("Check value")).to_have_count(0)
    rested(page)
    page.get_by_role("button", name="Sign in to approve").click()
    expect(page.get_by_text("Please sign in once more.")).to_be_visible()
    sign_in(page, stage.person)
    expect(page.get_by_label("Check value")).to_be_visible()
    assert page.url.partition("?")[0] == address.partition("?")[0]


@pytest.mark.requirement("RFC9470-4-a")
def test_the_desktop_signs_in_again_for_another_transfer_and_shows_its_code_and_the_page_asks_too(
    desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    task_id = desktop.task_id()
    desktop.page.get_by_role("button", name="Continue on another device").click()
    desktop.expect_offered()
    desktop.page.get_by_role("radio", name="Share").check()  # another transfer, and the sign-in has served one
    expect(desktop.page.get_by_text("Please sign in once more.")).to_be_visible()
    sign_in(desktop.page, desktop.stage.person)
    desktop.page.get_by_role("button", name="Allow").click()
    desktop.expect_offered()
    expect(desktop.page.get_by_role("radio", name="Share")).to_be_checked()
    assert desktop.task_id() == task_id
    phone.scan(desktop.photographed_code())
    check_value = phone.connect("Pocket phone")
    page = desktop.review()
    sign_in_to_approve(page, desktop.stage)
    page.get_by_label("Check value").fill(check_value)
    rested(page)
    page.get_by_role("button", name="Approve").click()
    phone.pick_up()
    assert phone.task_id() == task_id


def test_it_takes_no_script(chromium: Browser, stage: Stage) -> None:
    context = chromium.new_context(**{**PHONE, "java_script_enabled": False})
    witness, page = Witness(context), context.new_page()
    device = AskingDevice(stage.site.issuer, stage.site.phone_client_id)
    page.goto(f"{stage.site.issuer}/device")
    sign_in(page, stage.person)
    page.get_by_label("Code").fill(device.code)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("A new task").check()
    page.get_by_label("Its name").fill("Quarterly report")
    address = page.url
    page.get_by_role("button", name="Sign in to approve").click()
    sign_in(page, stage.person)
    assert page.url.partition("?")[0] == address
    assert "Quarterly" not in page.url
    expect(page.get_by_label("A new task")).to_be_checked()
    expect(page.get_by_label("Its name")).to_have_value("Quarterly report")
    page.get_by_label("Check value").fill(str(device.poll()["check_value"]))
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    assert witness.complaints == []
    context.close()
