"""Reloads, closed tabs and lost networks, in a transfer and in a tool call: nothing is lost, nothing is done twice."""

import pytest
from playwright.sync_api import Route, expect
from segue_demo.site import TASK_NAME
from stage import Stage
from two_devices import Desktop, Phone, decide, hand_over

pytestmark = pytest.mark.browser
FINISHED_WITHIN = 60_000
"""Milliseconds the running call may still take."""


def expect_finished_once(stage: Stage, phone: Phone) -> None:
    expect(phone.call("succeeded")).to_be_visible(timeout=FINISHED_WITHIN)
    expect(phone.page.locator("#shelf-output").get_by_test_id("item")).to_have_count(1)
    events = phone.events()
    assert len(stage.jobs(phone.task_id())) == 1
    assert len([event for event in events if event["kind"] == "tool_call.succeeded"]) == 1
    phone.expect_shown(events)


@pytest.mark.requirement("T8", "T9", "A2", "R11", "R49", "XD-PUSH-08")
def test_the_phone_reloads_at_every_step_and_loses_nothing(stage: Stage, desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    desktop.offer()
    phone.scan(desktop.photographed_code())
    phone.page.reload()
    assert phone.page.url == f"{stage.site.phone}/"
    expect(phone.page.get_by_label("Code shown on the other device")).to_be_hidden()
    check_value = phone.connect("Pocket phone")
    phone.page.reload()
    assert phone.check_value() == check_value
    desktop.expect_claim("Pocket phone")
    expect(desktop.page.locator("#transfer-contested")).to_be_hidden()
    decide(desktop.review(), check_value)
    phone.page.reload()
    question = phone.page.get_by_role("heading", name=f"You were working on {TASK_NAME} - pick up where you left off?")
    expect(question).to_be_visible()
    phone.page.reload()
    phone.pick_up()
    expect(phone.call("running")).to_have_attribute("data-mine", "true")
    phone.page.reload()
    phone.expect_live()
    expect(phone.page.get_by_test_id("item")).to_have_count(5)
    expect(phone.call("running").or_(phone.call("succeeded"))).to_be_visible()
    events = phone.events()
    assert len([event for event in events if event["kind"] == "session.joined"]) == 2
    assert len([event for event in events if event["kind"] == "tool_call.claimed"]) == 2
    phone.expect_shown(events)


@pytest.mark.requirement("T8", "T9", "R15", "R49")
def test_a_closed_tab_in_the_middle_of_a_call_is_opened_again_and_the_call_finishes_once(
    stage: Stage, desktop: Desktop, phone: Phone
) -> None:
    desktop.begin_task()
    hand_over(desktop, phone)
    expect(phone.call("running")).to_have_attribute("data-mine", "true")
    closed, phone.page = phone.page, phone.context.new_page()
    closed.close()
    expect(desktop.call("running").or_(desktop.call("succeeded"))).to_be_visible()
    phone.page.goto(f"{stage.site.phone}/")
    phone.expect_live()
    expect(phone.page.get_by_test_id("item")).to_have_count(5)
    expect_finished_once(stage, phone)


@pytest.mark.requirement("T7", "T8", "T11", "R49", "R61")
def test_a_network_change_leaves_no_gap_and_repeats_nothing(desktop: Desktop, phone: Phone) -> None:
    desktop.begin_task()
    hand_over(desktop, phone, mode="Share")
    desktop.close_dialog()
    desktop.expect_live()
    desktop.witness.forgive_network()
    desktop.context.set_offline(True)
    expect(desktop.page.locator("#task-state")).to_have_attribute("data-connection", "reconnecting")
    desktop.say("typed without a network")
    expect(desktop.page.locator("#say-status")).to_contain_text("Not sent. Your text is still here")
    for number in ("first", "second", "third"):
        phone.say(f"{number} while the desktop was away")
        expect(phone.message(f"{number} while the desktop was away")).to_have_count(1)
    assert [text for text in desktop.messages() if "while the desktop was away" in text] == []
    desktop.context.set_offline(False)
    desktop.expect_live()
    expect(desktop.message("third while the desktop was away")).to_have_count(1)
    desktop.page.get_by_role("button", name="Send").click()
    for device in (desktop, phone):
        expect(device.message("typed without a network")).to_have_count(1)
    expect(desktop.message("I have noted “typed without a network”", exact=False)).to_have_count(1)
    events = phone.events()
    said = [event["body"]["text"] for event in events if event["kind"] == "message" and event["role"] == "customer"]
    ways = ["first", "second", "third"]
    assert said == [*(f"{number} while the desktop was away" for number in ways), "typed without a network"]
    for device in (desktop, phone):
        device.expect_shown(events)


@pytest.mark.requirement("T11", "T8")
def test_a_message_whose_answer_was_lost_is_written_once_when_it_is_sent_again(desktop: Desktop) -> None:
    desktop.begin_task()
    desktop.witness.forgive_network()
    desktop.page.route("**/tasks/*/events", lose_answer)
    desktop.say("is this still there?")
    expect(desktop.page.locator("#say-status")).to_contain_text("Not sent. Your text is still here")
    expect(desktop.message("is this still there?")).to_have_count(1)
    desktop.page.unroute_all()
    desktop.page.get_by_role("button", name="Send").click()
    expect(desktop.page.get_by_label("Say something to the agent")).to_have_value("")
    said = [event for event in desktop.events() if event["role"] == "customer"]
    assert len(said) == 1


@pytest.mark.requirement("T8", "U1")
def test_what_is_typed_while_a_message_is_on_its_way_stays_in_the_box(desktop: Desktop) -> None:
    desktop.begin_task()
    held: list[Route] = []
    desktop.page.route("**/tasks/*/events", lambda route: hold(route, held))
    box = desktop.page.get_by_label("Say something to the agent")
    desktop.say("the first thought")
    expect(desktop.page.get_by_role("button", name="Send")).to_be_disabled()
    box.fill("the second thought")
    for route in held:
        route.fallback()
    expect(desktop.page.get_by_role("button", name="Send")).to_be_enabled()
    expect(box).to_have_value("the second thought")
    expect(desktop.message("the first thought")).to_have_count(1)


def hold(route: Route, held: list[Route]) -> None:
    if '"customer"' in (route.request.post_data or ""):
        held.append(route)
    else:
        route.fallback()


def lose_answer(route: Route) -> None:
    """The server acts on what the person says, and the network fails before the browser hears of it."""
    if '"customer"' not in (route.request.post_data or ""):
        route.fallback()
        return
    route.fetch()
    route.abort("connectionreset")
