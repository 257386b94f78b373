"""A person hears of a request on whatever page is open, and by a notification, and decides (A3)."""

from collections.abc import Iterator

import pytest
from asking_server import AskingServer, asking_place
from chromium import PHONE
from deployment import Deployment
from page_witness import Witness
from playwright.sync_api import Browser, BrowserContext, expect
from push_service import TITLES, deliver, eventually, subscribing
from signed_in_page import signed_in

pytestmark = pytest.mark.browser
AFTER_DEAD_TIME = 700  # milliseconds
CODE = "open sesame"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, AskingServer]]:
    with asking_place(tmp_path_factory.mktemp("place")) as opened:
        yield opened


@pytest.fixture
def context(whole_chromium: Browser) -> Iterator[BrowserContext]:
    """A phone's browser in which nobody is signed in; nothing on its pages may go wrong."""
    opened = whole_chromium.new_context(**PHONE)
    witness = Witness(opened)
    yield opened
    assert witness.complaints == []
    opened.close()


@pytest.mark.requirement("A3", "XD-BACK-02", "XD-BACK-03")
def test_every_open_page_shows_a_request_at_once_and_the_person_decides(
    context: BrowserContext, place: tuple[Deployment, AskingServer]
) -> None:
    deployment, server = place
    page = signed_in(context, deployment, "/user-code")
    page.get_by_label("New code").fill(CODE)
    page.get_by_role("button", name="Set the code").click()
    expect(page.locator("[data-fact=has_one]")).to_have_attribute("data-value", "true")
    page.goto(f"{deployment.site.issuer}/devices")
    note = page.get_by_role("link", name="A request waits for you")
    expect(note).to_be_hidden()
    server.ask(CODE, binding_message="Order 4711")
    expect(note).to_be_visible()
    note.click()
    page.wait_for_timeout(AFTER_DEAD_TIME)
    expect(page.locator("[data-fact=binding_message]")).to_have_text("Order 4711")
    assert "check_value" not in server.poll()
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Let another device have a task?")
    page.get_by_label("A new task").check()
    page.get_by_label("Name").fill("Asked for at night")
    page.get_by_label("Check value").fill(str(server.poll()["check_value"]))
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    assert server.poll()["authorization_details"][0]["name"] == "Asked for at night"


@pytest.mark.requirement("A3", "XD-BACK-02")
def test_the_list_renews_itself_and_a_request_that_somebody_else_started_is_reported(
    context: BrowserContext, place: tuple[Deployment, AskingServer]
) -> None:
    deployment, server = place
    page = signed_in(context, deployment, "/requests")
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    server.ask(CODE, device_name="Night shift")
    expect(page.get_by_role("heading", level=1)).to_have_text("A request waits for you")
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("button", name="Decline")).to_be_focused()
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="I did not start this").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not approved")
    page.get_by_role("link", name="See the requests that wait").click()
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    assert server.poll()["error"] == "access_denied"


@pytest.mark.requirement("A3", "RFC8030-5", "RFC8292-2", "XD-WEB-04")
def test_a_browser_is_let_be_told_and_a_message_without_content_becomes_a_notification(
    context: BrowserContext, place: tuple[Deployment, AskingServer]
) -> None:
    deployment, _ = place
    context.grant_permissions(["notifications"], origin=deployment.site.issuer)
    context.add_init_script(subscribing("https://push.example/subscription"))
    page = signed_in(context, deployment, "/notices")
    page.evaluate("navigator.serviceWorker.addEventListener('message', () => {})")
    page.get_by_role("button", name="Notify this browser").click()
    expect(page.locator("[data-fact=told]")).to_have_attribute("data-value", "true")
    shown = page.evaluate(
        "async () => { const r = await navigator.serviceWorker.ready; return [r.scope, r.active.scriptURL]; }"
    )
    assert shown == [f"{deployment.site.issuer}/", f"{deployment.site.issuer}/service-worker.js"]
    deliver(context, page, deployment.site.issuer)
    settled = "This has been settled"  # nothing waits any more, and it says so
    eventually(page, f"async () => String(await ({TITLES})()) === '{settled}'")
    page.get_by_role("button", name="Stop notifying this browser").click()
    expect(page.locator("[data-fact=told]")).to_have_attribute("data-value", "false")
