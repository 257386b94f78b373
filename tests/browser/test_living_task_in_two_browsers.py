"""A living task asks things of a person and shows them: its name, its rest, calls that wait, work done in absence."""

import time

import pytest
from playwright.sync_api import Locator, expect
from segue_demo.site import TASK_NAME
from stage import Stage
from two_devices import Desktop, Device, Phone, hand_over

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize(
        "stage", [pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])], indirect=True
    ),
]
PROPOSED = "Acme contract: liability and notice"
SENDING = "Send the draft to Acme's counsel"
FINISHED_WITHIN = 60_000
"""Milliseconds the running call may still take."""


def press(device: Device, name: str) -> None:
    device.page.get_by_role("button", name=name, exact=True).click()


def sending(device: Device) -> Locator:
    return device.page.get_by_test_id("tool-call").filter(has_text=SENDING)


def kinds(device: Device) -> list[str]:
    return [event["kind"] for event in device.events()]


@pytest.mark.requirement("T1", "R2")
def test_the_agent_proposes_a_name_and_the_person_keeps_it_or_gives_another(stage: Stage, desktop: Desktop) -> None:
    desktop.begin_task()
    heading = desktop.page.locator("#task-name")
    proposal = desktop.page.locator("#proposal")
    expect(proposal).to_contain_text(f"The agent proposes to call this task “{PROPOSED}”.")
    expect(heading).to_have_text(TASK_NAME)
    press(desktop, "Keep this name")
    expect(heading).to_have_text(PROPOSED)
    expect(proposal).to_be_hidden()
    expect(heading).to_be_focused()
    press(desktop, "Rename this task")
    box = desktop.page.get_by_label("Name of this task")
    expect(box).to_be_focused()
    box.fill("<b>Acme</b> & Söhne")
    box.press("Enter")
    expect(heading).to_have_text("<b>Acme</b> & Söhne")
    expect(heading).to_be_focused()
    renamed = [event["body"]["name_source"] for event in desktop.events() if event["kind"] == "task.renamed"]
    assert renamed == ["agent_accepted", "person"]


@pytest.mark.requirement("T9", "T1", "T6", "R14", "R15", "R38")
def test_a_call_that_cannot_be_undone_asks_before_it_runs_and_again_when_nobody_knows_whether_it_did(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    desktop.say(SENDING)
    card = sending(desktop)
    expect(card).to_contain_text("The agent wants to do this. It cannot be undone.")
    assert [job["tool"] for job in stage.jobs(desktop.task_id())] == ["compare_precedents"]
    card.get_by_role("button", name="Approve").click()
    expect(card).to_have_attribute("data-state", "running")
    expect(card.get_by_test_id("call-percent")).to_contain_text("%")
    hand_over(desktop, phone)
    lost = sending(phone)
    expect(lost).to_have_attribute("data-state", "unknown")
    expect(lost).to_contain_text(f"Nobody knows whether “{SENDING}” took effect")
    expect(lost.get_by_role("button", name="It did not: run it again")).to_be_disabled()
    expect(lost).to_contain_text("until then the lost device may still be at it")
    lost.get_by_role("button", name="It happened").tap()
    expect(lost).to_have_attribute("data-state", "succeeded")
    expect(sending(desktop)).to_have_attribute("data-state", "succeeded")
    assert [job["tool"] for job in stage.jobs(phone.task_id())].count("send_draft") == 1
    assert "tool_call.settled" in kinds(phone)
    press(phone, "No, thank you")
    expect(phone.page.locator("#proposal")).to_be_hidden()
    press(phone, "Pause")
    for device in (phone, desktop):
        expect(device.page.locator("#resting")).to_contain_text("This task is paused")


@pytest.mark.requirement("T9", "R14")
def test_a_call_that_is_declined_does_not_run(stage: Stage, desktop: Desktop) -> None:
    desktop.begin_task()
    desktop.say(SENDING)
    sending(desktop).get_by_role("button", name="Decline").click()
    expect(sending(desktop)).to_contain_text("Declined")
    expect(sending(desktop).get_by_role("heading")).to_be_focused()
    assert [job["tool"] for job in stage.jobs(desktop.task_id())] == ["compare_precedents"]


@pytest.mark.requirement("T6")
def test_a_paused_task_hears_the_person_and_answers_once_it_goes_on_and_a_closed_one_is_only_read(
    stage: Stage, desktop: Desktop
) -> None:
    desktop.begin_task()
    press(desktop, "Pause")
    expect(desktop.page.locator("#resting")).to_contain_text("This task is paused")
    expect(desktop.page.get_by_role("button", name="Go on with it")).to_be_focused()
    desktop.say("one more thought")
    expect(desktop.message("one more thought")).to_have_count(1)
    answer = desktop.message("I have noted “one more thought”", exact=False)
    expect(desktop.call("succeeded")).to_be_visible(timeout=FINISHED_WITHIN)
    expect(answer).to_have_count(0)
    press(desktop, "Go on with it")
    expect(answer).to_have_count(1)
    expect(desktop.page.locator("#shelf-output").get_by_test_id("item")).to_have_count(1)
    desktop.say(SENDING)
    expect(sending(desktop)).to_have_attribute("data-state", "proposed")
    press(desktop, "Close task")
    press(desktop, "Yes, close it")
    expect(desktop.page.locator("#steering")).to_contain_text(f"First these have to end: “{SENDING}”.")
    sending(desktop).get_by_role("button", name="Decline").click()
    press(desktop, "Yes, close it")
    expect(desktop.page.locator("#resting")).to_contain_text("This task is closed")
    expect(desktop.page.locator("#say")).to_be_hidden()
    expect(desktop.page.locator("#steering")).to_be_hidden()
    desktop.page.reload()
    expect(desktop.page.locator("#resting")).to_contain_text("This task is closed")
    desktop.expect_shown(desktop.events())


@pytest.mark.requirement("R49", "T8", "T11")
def test_a_switched_tab_that_slept_in_the_background_misses_nothing(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    hand_over(desktop, phone, mode="Share")
    desktop.close_dialog()
    lifecycle = desktop.context.new_cdp_session(desktop.page)
    lifecycle.send("Page.setWebLifecycleState", {"state": "frozen"})
    for number in ("first", "second"):
        phone.say(f"{number} while the other tab slept")
        expect(phone.message(f"{number} while the other tab slept")).to_have_count(1)
    lifecycle.send("Page.setWebLifecycleState", {"state": "active"})
    desktop.expect_live()
    for number in ("first", "second"):
        expect(desktop.message(f"{number} while the other tab slept")).to_have_count(1)
    events = phone.events()
    desktop.expect_shown(events)
    phone.expect_shown(events)


@pytest.mark.requirement("R52", "R49", "R51", "T9")
def test_work_finished_while_nobody_was_there_reaches_whoever_comes_back(stage: Stage, desktop: Desktop) -> None:
    desktop.begin_task()
    task_id = desktop.task_id()
    [job] = stage.jobs(task_id)
    absent, desktop.page = desktop.page, desktop.context.new_page()
    absent.close()
    time.sleep(max(0, job["started_at"] + 21 - time.time()))
    desktop.page.goto(f"{stage.site.desktop}/")
    expect(desktop.call("succeeded")).to_be_visible()
    expect(desktop.page.locator("#shelf-output").get_by_test_id("item")).to_contain_text("31 of 40 precedents")
    assert len(stage.jobs(task_id)) == 1
    assert kinds(desktop).count("tool_call.succeeded") == 1
