"""The main promise, as a person sees it: a task moves from the desktop to the phone, QR code to finished tool call."""

import re

import pytest
from playwright.sync_api import Page, expect
from segue_demo.site import TASK_NAME
from stage import Stage
from two_devices import Desktop, Phone, decide

pytestmark = pytest.mark.browser
LOCKED_OUT = "#screen-task[data-access=read]"
AT_ONCE = 2_000
"""Milliseconds from the redemption to a desktop that only reads."""
FINISHED_WITHIN = 60_000
"""Milliseconds the running call may still take."""

_WRITE = """
const answer = await send(key, "POST", `${settings.store}/tasks/${given.task_id}/${given.path}`, {
  accessToken: given.token,
  headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
  body: JSON.stringify(given.body),
});
return { status: answer.status, type: (await answer.json()).type };
"""
SAID = {"events": [{"kind": "message", "role": "customer", "body": {"text": "from the device left behind"}}]}


@pytest.mark.requirement(
    "U1",
    "A2",
    "A5",
    "A6",
    "A9",
    "T1",
    "T3",
    "T5",
    "T7",
    "T8",
    "T9",
    "E5",
    "E6",
    "R6",
    "R11",
    "R12",
    "R15",
    "R37",
    "R38",
)
@pytest.mark.requirement("XD-PUSH-05", "XD-PUSH-08", "XD-TOK-11")
@pytest.mark.parametrize(
    "stage",
    ["embedded", pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])],
    indirect=True,
)
def test_a_task_moves_with_everything_in_it_and_its_tool_call_finishes_once(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    desktop.watch_for(LOCKED_OUT)
    check_value = scan_and_claim(desktop, phone)
    confirm(desktop.review(), check_value)

    desktop.expect_read_only()
    assert desktop.first_seen(LOCKED_OUT) - redeemed_at(phone) < AT_ONCE
    phone.pick_up()
    expect(desktop.page.locator("#banner")).to_have_text(
        re.compile("^This task now continues on Pocket phone. You can still read it here.")
    )
    expect_the_same_task(desktop, phone)
    expect_what_the_desktop_writes_refused(desktop)
    expect_live_history(desktop, phone)
    expect_one_execution(stage, desktop, phone)


def scan_and_claim(desktop: Desktop, phone: Phone) -> str:
    """From the screen of one device to the number on the other; nothing was sent before the person agreed."""
    desktop.offer()
    phone.scan(desktop.photographed_code())
    assert phone.page.url == f"{phone.stage.site.phone}/"
    assert [request for request in phone.witness.requests if request.method == "POST"] == []
    check_value = phone.connect("Pocket phone")
    assert re.fullmatch("[0-9]{4}", check_value)
    desktop.expect_claim("Pocket phone")
    assert check_value not in desktop.page.locator("body").inner_text()
    return check_value


def confirm(page: Page, check_value: str) -> None:
    """The authorization server's page names the task and who asks, and takes the number."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Move this task to another device?")
    expect(page.locator("[data-fact=task_name]")).to_have_text(TASK_NAME)
    expect(page.locator("[data-fact=device_name]")).to_have_text("Pocket phone")
    expect(page.locator("[data-fact=client_name]")).to_have_text("Segue demo phone")
    decide(page, check_value)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^(Approved|Moved)$"))


def redeemed_at(phone: Phone) -> float:
    """When the phone asked for its tokens and got them, in milliseconds since the epoch: before any page knew."""
    polls = [request for request in phone.witness.requests if "device_code" in (request.post_data or "")]
    return float(polls[-1].timing["startTime"])


def expect_the_same_task(desktop: Desktop, phone: Phone) -> None:
    """Name, paragraph, working set, history, and the call that runs, now held here."""
    for place in ("#task-name", "#task-paragraph"):
        text = desktop.page.locator(place).inner_text()
        assert text
        expect(phone.page.locator(place)).to_have_text(text)
    items = desktop.page.get_by_test_id("item").all_inner_texts()
    assert len(items) == 5
    assert phone.page.get_by_test_id("item").all_inner_texts() == items
    assert phone.messages() == desktop.messages()
    assert len(phone.messages()) == 1
    expect(phone.call("running")).to_have_attribute("data-mine", "true")


def expect_what_the_desktop_writes_refused(desktop: Desktop) -> None:
    """The page offers no way to write; its token of before the move is stale, and a new one only reads."""
    expect(desktop.page.locator("#say")).to_be_hidden()
    expect(desktop.page.locator("#continue")).to_be_hidden()
    token = desktop.witness.token_for(desktop.stage.site.store)
    (call,) = desktop.calls()
    for path, body in (("events", SAID), (f"tool-calls/{call['call_id']}/claim", {"lease": 30})):
        given = {"token": token, "task_id": desktop.task_id(), "path": path, "body": body}
        assert desktop.as_client(_WRITE, given) == {"status": 409, "type": "urn:segue:problem:stale-epoch"}
    refused = desktop.as_client("return client.append(given.events, { key: 'late' });", SAID)
    assert refused == {"status": 403, "error": "insufficient_scope"}


def expect_live_history(desktop: Desktop, phone: Phone) -> None:
    """The phone writes, and both read: the one left behind too."""
    phone.say("Please put the cap at two years")
    for device in (phone, desktop):
        expect(device.message("Please put the cap at two years")).to_have_count(1)
        expect(device.message("I have noted “Please put the cap at two years”", exact=False)).to_have_count(1)


def expect_one_execution(stage: Stage, desktop: Desktop, phone: Phone) -> None:
    """One line in the ledger, one result in the log, by the device that holds the task now; no gap on any page."""
    expect(phone.call("succeeded")).to_be_visible(timeout=FINISHED_WITHIN)
    result = phone.page.locator("#shelf-output").get_by_test_id("item")
    expect(result).to_have_count(1)
    expect(desktop.page.locator("#shelf-output").get_by_test_id("item")).to_have_text(result.text_content() or "")
    assert len(stage.jobs(phone.task_id())) == 1
    events = phone.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    (done,) = [event for event in events if event["kind"] == "tool_call.succeeded"]
    (moved,) = [event for event in events if event["kind"] == "task.moved"]
    (call,) = phone.calls()
    holders = {done["actor"]["device_id"], call["holder"]["device_id"], moved["actor"]["device_id"]}
    assert (call["state"], len(holders)) == ("succeeded", 1)
    assert SAID["events"][0]["body"] not in [event["body"] for event in events]
    for device in (desktop, phone):
        device.expect_shown(events)
