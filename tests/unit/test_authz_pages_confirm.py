"""XD-CONS: the person decides by what the confirm page says, so it has to say everything, truly, and push nowhere."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from authz_page_views import CLAIMED, OFFERED, STATES, every_page
from html_page import Element, form_of, read_page
from segue_authz import pages
from segue_authz.pages import Confirm, confirm

FINAL = ("redeemed", "denied", "cancelled", "expired")


def shown(view: Confirm) -> Element:
    return read_page(confirm(view))


@pytest.mark.requirement("XD-CONS-01")
def test_each_required_fact_is_marked_and_equals_the_transfer() -> None:
    page = shown(CLAIMED)
    texts = {
        name: page.fact(name).text for name in ("task_name", "owner_name", "client_name", "network", "device_name")
    }
    assert texts == {name: getattr(CLAIMED, name) for name in texts}
    values = {name: page.fact(name).attributes["data-value"] for name in ("mode", "state")}
    assert values == {"mode": "move", "state": "claimed"}
    numbers = ("running_tool_calls", "claimed_at", "started_at", "expires_in", "attempts_left")
    assert {name: int(page.fact(name).attributes["data-value"]) for name in numbers} == {
        name: getattr(CLAIMED, name) for name in numbers
    }
    assert page.fact("contested").attributes["data-value"] == "false"
    assert {each.attributes["data-value"] for each in page.all(data_fact="action")} == set(CLAIMED.actions)


@pytest.mark.requirement("XD-CONS-01")
@pytest.mark.parametrize(
    "missing",
    [
        {"task_name": ""},
        {"task_name": "\u200b\u202e"},
        {"owner_name": ""},
        {"client_name": None},
        {"network": None},
        {"claimed_at": None},
        {"actions": ()},
    ],
)
def test_a_missing_fact_takes_approving_away_and_leaves_declining(missing: dict[str, object]) -> None:
    page = shown(replace(CLAIMED, **missing))  # type: ignore[arg-type]
    assert [each.words for each in page.all("button")] == ["Decline"]
    assert page.all(id="check_value") == []


@pytest.mark.requirement("XD-CONS-01")
def test_an_action_mode_or_state_without_words_is_never_shown() -> None:
    for unknown in ({"actions": ("task:own",)}, {"mode": "copy"}, {"state": "maybe"}):
        with pytest.raises(KeyError):
            confirm(replace(CLAIMED, **unknown))  # type: ignore[arg-type]


@pytest.mark.requirement("XD-CONS-01", "XD-CONS-07")
def test_what_the_device_says_of_itself_stands_apart_from_what_was_checked() -> None:
    checked, claims = (section for section in shown(CLAIMED).all("section") if section.all("dl"))
    assert checked.one("h2").words == "What we checked"
    assert {each.attributes["data-fact"] for each in checked.all("bdi")} == {"client_name", "network"}
    assert claims.one("h2").words == "What the device says about itself"
    assert [each.attributes["data-fact"] for each in claims.all("bdi")] == ["device_name"]


@pytest.mark.requirement("XD-CONS-01")
def test_the_page_tells_how_old_the_request_is_and_to_decline_what_one_did_not_start() -> None:
    page = shown(CLAIMED)
    assert page.fact("claimed_at").text == "12 seconds ago"
    assert page.fact("started_at").text == "40 seconds ago"
    assert "If you did not start this, decline." in page.one("main").words


@pytest.mark.requirement("XD-CONS-01")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Move: this device can then only read."),
        ({"mode": "share"}, "Share: both devices go on."),
        ({}, "1 tool call is running. The other device takes it over, or it waits for you to decide."),
        ({"running_tool_calls": 0}, "No tool call is running."),
        ({"running_tool_calls": 3, "mode": "share"}, "3 tool calls are running. They go on where they run now."),
        ({"actions": ("task:read",)}, "It stops here; the other device may not run it."),
    ],
)
def test_the_page_says_in_plain_words_what_follows(change: dict[str, object], words: str) -> None:
    assert words in shown(replace(CLAIMED, **change)).one("main").words  # type: ignore[arg-type]


@pytest.mark.requirement("XD-CONS-02")
def test_decline_alone_has_the_focus_and_the_two_buttons_weigh_the_same() -> None:
    page = shown(CLAIMED)
    (focused,) = [each for each in page.all() if "autofocus" in each.attributes]
    assert focused.words == "Decline"
    decline, approve = page.all("button")
    assert (decline.words, approve.words) == ("Decline", "Approve")
    row = next(each for each in page.all("p") if decline in each.children)
    assert approve in row.children
    assert len(approve.attributes["class"].split()) == len(decline.attributes["class"].split()) == 1


@pytest.mark.requirement("XD-CONS-02")
def test_enter_in_the_check_field_can_only_mean_approving_with_a_typed_value() -> None:
    page = shown(CLAIMED)
    decline, approve = page.all("button")
    form = form_of(page, approve)
    assert page.one(id="check_value") in form.all("input")
    assert form_of(page, decline) is not form
    assert "required" in page.one(id="check_value").attributes
    assert "formnovalidate" not in approve.attributes


@pytest.mark.requirement("XD-PUSH-05")
def test_the_forms_send_what_the_endpoint_reads() -> None:
    page = shown(CLAIMED)
    looked_at = {"deny": {}, "approve": {"shown": pages.shown(CLAIMED), "back": ""}}
    for button, decision in zip(page.all("button"), looked_at, strict=True):
        form = form_of(page, button)
        assert (form.attributes["method"], form.attributes["action"]) == ("post", "/confirm/trf_1")
        assert form.fields() == {"csrf": "form-token", "check_value": "", **looked_at[decision]}
        assert (button.attributes["name"], button.attributes["value"]) == ("decision", decision)


@pytest.mark.requirement("XD-PUSH-05")
def test_the_check_field_takes_four_digits_and_says_where_to_read_them() -> None:
    page = shown(CLAIMED)
    typed = page.one(id="check_value").attributes
    assert (typed["inputmode"], typed["pattern"], typed["maxlength"]) == ("numeric", "[0-9]{4}", "4")
    assert typed["autocomplete"] == "off"
    assert "type" not in typed
    assert page.one("label", _for="check_value").words == "Check value"
    assert "the other device shows" in page.one(id=typed["aria-describedby"]).words


@pytest.mark.requirement("XD-PUSH-04")
def test_the_tries_that_are_left_are_told() -> None:
    assert shown(CLAIMED).fact("attempts_left").words == "You have 2 tries."
    last = shown(replace(CLAIMED, attempts_left=1)).fact("attempts_left")
    assert last.words == "One try left; a wrong value ends the transfer."


def test_an_error_is_announced_and_linked_to_its_field_both_ways() -> None:
    answer = confirm(replace(CLAIMED, attempts_left=1, error="That is not the value the other device shows."))
    assert answer.status_code == 400
    page = read_page(answer)
    assert page.one(id="error").one("a").attributes["href"] == "#check_value"
    assert page.one(id="error").words == "That is not the value the other device shows."
    typed = page.one(id="check_value").attributes
    assert typed["aria-invalid"] == "true"
    assert "error" in typed["aria-describedby"].split()
    assert page.one(id="error") in page.all(role="alert")[-1].all()


@pytest.mark.requirement("XD-PUSH-02")
@pytest.mark.parametrize("state", STATES)
def test_a_code_that_somebody_else_tried_is_warned_about_in_every_state(state: str) -> None:
    view = replace(CLAIMED, state=state, contested=True)
    warning = shown(view).fact("contested")
    assert "hidden" not in warning.attributes
    assert warning.attributes["data-value"] == "true"
    assert warning.words.startswith("Somebody else also tried this code.")
    assert "hidden" in shown(replace(view, contested=False)).fact("contested").attributes


@pytest.mark.requirement("XD-PUSH-02")
def test_the_warning_on_an_open_transfer_advises_to_decline_and_start_again() -> None:
    warning = shown(replace(CLAIMED, contested=True)).fact("contested")
    assert warning.words.endswith("Decline, and start again.")


def test_an_offered_transfer_waits_and_refreshes_without_script() -> None:
    page = shown(OFFERED)
    assert page.one("h1").words == "Waiting for the other device"
    assert page.one("noscript").one("meta").attributes == {"http-equiv": "refresh", "content": "3"}
    assert [each.words for each in page.all("button")] == ["Stop this transfer"]
    assert page.all(data_fact="client_name") == []


@pytest.mark.parametrize("state", [state for state in STATES if state != "offered"])
def test_a_page_that_may_hold_typed_text_or_the_end_never_refreshes_itself(state: str) -> None:
    assert shown(replace(CLAIMED, state=state)).all("meta", http_equiv="refresh") == []


@pytest.mark.parametrize("state", STATES)
def test_the_script_is_told_the_state_and_whether_it_may_change(state: str) -> None:
    answer = confirm(replace(CLAIMED, state=state))
    page = read_page(answer)
    assert answer.headers["segue-transfer"] == state == page.fact("state").attributes["data-value"]
    assert ("data-watched" in page.fact("state").attributes) is (state not in FINAL)
    contested = confirm(replace(CLAIMED, state=state, contested=True))
    assert contested.headers["segue-transfer"] == f"{state} contested"


@pytest.mark.parametrize(
    ("change", "title", "words"),
    [
        ({"state": "approved"}, "Approved", "The other device may now pick the task up."),
        ({"state": "redeemed"}, "Moved", "This device can now only read it."),
        ({"state": "redeemed", "mode": "share"}, "Shared", "Both devices can go on with it."),
        ({"state": "denied"}, "Not approved", "Nothing was passed on."),
        ({"state": "denied", "attempts_left": 0}, "Wrong check value", "Nothing was passed on."),
        ({"state": "cancelled"}, "Stopped", "Nothing was passed on."),
        ({"state": "expired"}, "Time ran out", "Nothing was passed on."),
    ],
)
def test_each_end_is_told_in_its_own_words_and_offers_no_decision(
    change: dict[str, object], title: str, words: str
) -> None:
    page = shown(replace(CLAIMED, **change))  # type: ignore[arg-type]
    assert page.one("h1").words == title
    assert words in page.one("main").words
    assert page.all("form") == []


@pytest.mark.requirement("XD-CONS-02")
@pytest.mark.parametrize("state", STATES)
def test_no_word_on_the_page_pushes(state: str) -> None:
    words = shown(replace(CLAIMED, state=state)).words.lower()
    assert not re.search(r"\b(just|simply|quick|quickly|now or never|hurry|recommended|trusted|safe|secure)\b", words)


def test_a_page_with_every_style_and_script_stays_under_fifty_kilobytes() -> None:
    folder = Path(pages.__file__).parent / "static"
    total = max(len(page.body) for page in every_page().values()) + sum(
        path.stat().st_size for path in folder.iterdir()
    )
    assert total < 50_000
