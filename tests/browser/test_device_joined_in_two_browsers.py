"""A device joins a task: the person's other browser hears of it, and asks whether the device is still theirs (A10)."""

from collections.abc import Iterator

import pytest
from asking_server import AskingServer
from chromium import DESKTOP, PATIENCE, PHONE
from deployment import Deployment
from page_witness import Witness
from playwright.sync_api import Browser, BrowserContext, Page, expect
from push_service import TITLES, PushService, deliver, eventually, push_service, subscribing
from signed_in_page import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.requirement("A10", "XD-PUSH-10")]
AFTER_DEAD_TIME = 700  # milliseconds
CODE = "open sesame"
JOINED = """async () => {
  const shown = await (await navigator.serviceWorker.ready).getNotifications();
  return shown.find((each) => each.title === "A device joined your task")?.data;
}"""
CLICKED = """async (data) => {
  const opened = new Promise((resolve) => {
    Object.defineProperty(clients, "openWindow", { configurable: true, value: async (path) => resolve(path) });
  });
  const notification = { data, close: () => {} };
  dispatchEvent(Object.assign(new Event("notificationclick"), { notification, waitUntil: () => {} }));
  return opened;
}"""
"""Where a click on a notification with this data leads. Without a person at the mouse nothing may be opened, and a
Chromium without a screen closes what it has shown when it likes."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, AskingServer]]:
    deployment = Deployment(tmp_path_factory.mktemp("place"), database=None, redis=None)
    deployment.more["SEGUE_AUTHZ_CHECK_IN"] = "1"  # seconds after a device has joined
    deployment.prepare()
    server = AskingServer(deployment)
    try:
        deployment.start()
        yield deployment, server
    finally:
        deployment.kill()


@pytest.fixture
def contexts(whole_chromium: Browser) -> Iterator[list[BrowserContext]]:
    """A desktop's browser and a phone's; nothing on their pages may go wrong."""
    opened = [whole_chromium.new_context(**device) for device in (DESKTOP, PHONE)]
    witnesses = [Witness(context) for context in opened]
    yield opened
    assert [complaint for witness in witnesses for complaint in witness.complaints] == []
    for context in opened:
        context.close()


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as running:
        yield running


def let_a_server_have_a_task(page: Page, deployment: Deployment, server: AskingServer) -> None:
    """The person lets an app have a new task, in this browser."""
    server.ask(CODE, device_name="Night shift")
    page.goto(f"{deployment.site.issuer}/requests")
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_label("A new task").check()
    page.get_by_label("Name").fill("Asked for at night")
    page.get_by_label("Check value").fill(str(server.poll()["check_value"]))
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    assert "access_token" in server.poll()


def test_the_other_browser_is_told_asked_and_ends_the_access(
    contexts: list[BrowserContext], place: tuple[Deployment, AskingServer], service: PushService
) -> None:
    (deployment, server), (desk, phone), issuer = place, contexts, place[0].site.issuer
    page = signed_in(desk, deployment, "/user-code")
    page.get_by_label("New code").fill(CODE)
    page.get_by_role("button", name="Set the code").click()
    expect(page.locator("[data-fact=has_one]")).to_have_attribute("data-value", "true")
    phone.grant_permissions(["notifications"], origin=issuer)
    phone.add_init_script(subscribing(service.endpoint))
    other = signed_in(phone, deployment, "/notices")
    other.get_by_role("button", name="Notify this browser").click()
    expect(other.locator("[data-fact=told]")).to_have_attribute("data-value", "true")
    note = other.get_by_role("link", name="A device joined your task")
    expect(note).to_be_hidden()

    let_a_server_have_a_task(page, deployment, server)
    topics = set()
    while "joined" not in topics:  # the request itself was told before
        topics.add(service.topics.get(timeout=PATIENCE / 1_000))
    (worker,) = phone.service_workers
    deliver(phone, other, issuer)
    assert worker.evaluate(CLICKED, eventually(other, JOINED)) == "/devices"
    expect(note).to_be_visible()

    while "check_in" not in topics:
        topics.add(service.topics.get(timeout=PATIENCE / 1_000))
    assert set(service.bodies) == {b""}
    deliver(phone, other, issuer)
    eventually(other, f"async () => (await ({TITLES})()).includes('Is this device still yours?')")
    expect(other.get_by_role("link", name="Is this device still yours?")).to_be_visible()
    note.click()
    expect(other.get_by_role("heading", name="New since you were last here")).to_be_visible()
    expect(other.locator("[data-fact=arrival] [data-fact=device_name]")).to_have_text("Night shift")
    expect(other.get_by_role("link", name="A device joined your task")).to_be_hidden()
    expect(other.get_by_role("button", name="No, end its access")).to_be_focused()
    other.wait_for_timeout(AFTER_DEAD_TIME)
    other.get_by_role("button", name="I have seen this").click()
    expect(other.get_by_role("heading", name="New since you were last here")).to_be_hidden()
    other.wait_for_timeout(AFTER_DEAD_TIME)
    other.keyboard.press("Enter")
    expect(other.locator("[data-fact=notice]")).to_contain_text("That device has no access any more.")
    expect(other.locator("[data-fact=device]")).to_have_count(0)


def test_without_javascript_the_question_is_on_the_start_page_and_answered(
    chromium: Browser, place: tuple[Deployment, AskingServer]
) -> None:
    deployment, server = place
    desk = chromium.new_context(**DESKTOP)
    page = signed_in(desk, deployment, "/devices")
    server.move_house()
    let_a_server_have_a_task(page, deployment, server)
    page.goto(f"{deployment.site.issuer}/devices")
    page.get_by_role("link", name="Is this device still yours?").wait_for()
    desk.close()
    plain = chromium.new_context(**PHONE, java_script_enabled=False)
    page = signed_in(plain, deployment)
    expect(page.get_by_role("heading", name="Is this device still yours?")).to_be_visible()
    page.get_by_role("button", name="Yes, it is mine").click()
    expect(page.locator("[data-fact=kept_at]")).to_be_visible()
    expect(page.get_by_role("heading", name="Is this device still yours?")).to_have_count(0)
    plain.close()
