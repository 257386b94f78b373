"""XD-PULL, XD-CONS: the person decides about a device that asks, by what the approve page says of it."""

import re
from dataclasses import replace

import pytest
from authz_page_views import NOW, PULL_STATES, REQUESTED, pulled
from html_page import Element, form_of, read_page
from segue_authz import pages
from segue_authz.pages import Approve, TaskChoice, approve
from segue_authz.pages.names import display_name

FINAL = ("redeemed", "denied", "cancelled", "expired")
LEFT_TO_RIGHT_TURNED = "Blue\u202ephone" + "W" * 500


def shown(view: Approve) -> Element:
    return read_page(approve(view))


@pytest.mark.requirement("XD-CONS-01", "A8")
def test_each_required_fact_is_marked_and_equals_the_request() -> None:
    page = shown(REQUESTED)
    texts = {name: page.fact(name).text for name in ("client_name", "network", "device_name", "person_name")}
    assert texts == {name: getattr(REQUESTED, name) for name in texts}
    values = {name: page.fact(name).attributes["data-value"] for name in ("mode", "state")}
    assert values == {"mode": "move", "state": "requested"}
    numbers = ("requested_at", "expires_in", "attempts_left")
    assert {name: int(page.fact(name).attributes["data-value"]) for name in numbers} == {
        name: getattr(REQUESTED, name) for name in numbers
    }
    assert {each.attributes["data-value"] for each in page.all(data_fact="action")} == set(REQUESTED.actions)
    assert [each.text for each in page.all(data_fact="task_name")] == [task.name for task in REQUESTED.tasks]


@pytest.mark.requirement("XD-CONS-01", "XD-PULL-16")
@pytest.mark.parametrize(
    "missing",
    [
        {"client_name": ""},
        {"client_name": "\u200b\u202e"},
        {"network": ""},
        {"actions": ()},
        {"tasks": (), "may_begin": False},
    ],
)
def test_a_missing_fact_takes_approving_away_and_leaves_declining(missing: dict[str, object]) -> None:
    page = shown(replace(REQUESTED, **missing))  # type: ignore[arg-type]
    assert [each.words for each in page.all("button")] == ["Decline"]
    assert page.all(id="check_value") == page.all("input", name="task", type="radio") == []


@pytest.mark.requirement("XD-PULL-16")
def test_a_task_that_is_not_the_persons_is_said_to_be_none_of_theirs() -> None:
    page = shown(replace(REQUESTED, tasks=(), may_begin=False))
    assert "The task it asks for is not one of yours" in page.one("main").words
    assert "If you approve" not in page.words


@pytest.mark.requirement("XD-CONS-01")
def test_an_action_mode_or_state_without_words_is_never_shown() -> None:
    for unknown in ({"actions": ("task:own",)}, {"mode": "copy"}, {"state": "claimed"}):
        with pytest.raises(KeyError):
            approve(replace(REQUESTED, **unknown))  # type: ignore[arg-type]


@pytest.mark.requirement("XD-PULL-13", "XD-CONS-07")
def test_what_the_device_says_of_itself_stands_apart_from_what_was_checked() -> None:
    checked, claims = (section for section in shown(REQUESTED).all("section") if section.all("dl"))
    assert checked.one("h2").words == "What we checked"
    assert {each.attributes["data-fact"] for each in checked.all("bdi")} == {"client_name", "network"}
    assert claims.one("h2").words == "What the device says about itself"
    assert [each.attributes["data-fact"] for each in claims.all("bdi")] == ["device_name"]


@pytest.mark.requirement("XD-PULL-02", "XD-CONS-07", "RFC10027-6-1-1")
@pytest.mark.parametrize(
    ("nearness", "words"),
    [("near", "Near you, by network"), ("far", "Not your network")],
)
def test_whether_the_device_is_near_is_told_among_what_was_checked(nearness: str, words: str) -> None:
    page = shown(replace(REQUESTED, nearness=nearness))
    fact = page.fact("nearness")
    assert (fact.attributes["data-value"], fact.words) == (nearness, words)
    assert fact in page.all("section")[0].all()
    assert shown(REQUESTED).all(data_fact="nearness") == []


@pytest.mark.requirement("XD-CONS-03")
def test_names_dressed_to_deceive_are_cleaned_cut_and_isolated() -> None:
    raw = LEFT_TO_RIGHT_TURNED
    task = TaskChoice("tsk_1", raw, raw, NOW)
    page = shown(replace(REQUESTED, client_name=raw, device_name=raw, person_name=raw, tasks=(task,)))
    for name in ("client_name", "device_name", "person_name"):
        assert (page.fact(name).tag, page.fact(name).text) == ("bdi", display_name(raw, limit=32).text)
    assert page.fact("task_name").text == display_name(raw).text
    assert [each.words for each in page.all("button")] == ["Decline", "Approve"]


@pytest.mark.requirement("XD-PULL-15")
def test_the_first_lines_say_what_is_asked_and_to_decline_what_one_did_not_start() -> None:
    page = shown(REQUESTED)
    assert page.one("h1").words == "Let another device have a task?"
    assert "If you did not start this, decline." in page.one("main").words
    assert page.fact("requested_at").text == "12 seconds ago"


@pytest.mark.requirement("XD-CONS-02")
def test_decline_alone_has_the_focus_and_the_two_buttons_weigh_the_same() -> None:
    page = shown(REQUESTED)
    (focused,) = [each for each in page.all() if "autofocus" in each.attributes]
    assert focused.words == "Decline"
    decline, agree = page.all("button")
    assert (decline.words, agree.words) == ("Decline", "Approve")
    row = next(each for each in page.all("p") if decline in each.children)
    assert agree in row.children
    assert len(agree.attributes["class"].split()) == len(decline.attributes["class"].split()) == 1


@pytest.mark.requirement("XD-PULL-12", "XD-CONS-04")
def test_the_forms_send_what_the_endpoint_reads() -> None:
    page = shown(replace(REQUESTED, chosen="tsk_2"))
    decline, agree = page.all("button")
    assert form_of(page, decline) is not form_of(page, agree)
    empty = dict.fromkeys(("task", "name", "mode", "check_value"), "")
    assert form_of(page, decline).fields() == {"csrf": "form-token", **empty}
    assert form_of(page, agree).fields() == {
        "csrf": "form-token",
        "shown": pages.shown(REQUESTED),
        "back": "",
        "task": "tsk_2",
        "name": "New lease",
        "mode": "move",
        "check_value": "",
    }
    for button, decision in ((decline, "deny"), (agree, "approve")):
        form = form_of(page, button)
        assert (form.attributes["method"], form.attributes["action"]) == ("post", "/approve/trf_1")
        assert (button.attributes["name"], button.attributes["value"]) == ("decision", decision)


@pytest.mark.requirement("A12", "XD-PUSH-10")
def test_who_has_to_sign_in_once_more_is_told_so_and_can_still_decline() -> None:
    page = shown(replace(REQUESTED, sign_in_due=True, back="chosen=x&signed_in=y"))
    decline, agree = page.all("button")
    assert page.all(id="check_value") == []
    said = page.one(id=agree.attributes["aria-describedby"]).words
    assert said == (
        "To approve this, you sign in once more. You come back to this page, and until you approve here nothing is "
        "passed on."
    )
    assert (agree.words, agree.attributes["value"]) == ("Sign in to approve", "approve")
    assert ("autofocus" in decline.attributes, "autofocus" in agree.attributes) == (True, False)
    assert form_of(page, agree).fields()["back"] == "chosen=x&signed_in=y"
    assert page.one("p", _class="lead").words == "If you did not start this, decline."


@pytest.mark.requirement("XD-PULL-01")
def test_approving_takes_the_four_digits_that_the_other_device_shows_now() -> None:
    page = shown(REQUESTED)
    typed = page.one(id="check_value").attributes
    assert "required" in typed
    assert (typed["inputmode"], typed["pattern"], typed["autocomplete"]) == ("numeric", "[0-9]{4}", "off")
    assert "the other device shows now" in page.one(id=typed["aria-describedby"]).words
    assert "formnovalidate" not in page.all("button")[1].attributes


@pytest.mark.requirement("A9")
def test_move_and_share_are_told_in_plain_words_and_one_is_kept() -> None:
    page = shown(replace(REQUESTED, mode="share"))
    labels = [page.one("label", _for=f"mode-{mode}").words for mode in ("move", "share")]
    assert labels == [
        "Move The other device takes over. Devices that have the task now can then only read it.",
        "Share The other device joins. Devices that have the task now go on as well.",
    ]
    assert [each.attributes["value"] for each in page.all("input", name="mode") if "checked" in each.attributes] == [
        "share"
    ]


@pytest.mark.requirement("XD-CONS-05", "XD-PULL-16")
@pytest.mark.parametrize(
    ("change", "ticked"),
    [
        ({}, []),
        ({"chosen": "tsk_2"}, ["tsk_2"]),
        ({"chosen": "tsk_gone"}, []),
        ({"tasks": ()}, ["new"]),
        ({"tasks": REQUESTED.tasks[:1]}, []),
        ({"tasks": REQUESTED.tasks[:1], "may_begin": False}, ["tsk_1"]),
    ],
)
def test_no_task_is_chosen_for_the_person_while_there_is_a_choice(change: dict[str, object], ticked: list[str]) -> None:
    choices = shown(replace(REQUESTED, **change)).all("input", name="task", type="radio")  # type: ignore[arg-type]
    assert [each.attributes["value"] for each in choices if "checked" in each.attributes] == ticked
    assert all("required" in each.attributes for each in choices)


@pytest.mark.parametrize("field", ["check_value", "tasks", "name", "modes", "asks"])
def test_an_error_is_announced_and_leads_to_what_it_is_about(field: str) -> None:
    answer = approve(replace(REQUESTED, chosen="new", error="Not so.", error_at=field))
    page = read_page(answer)
    assert answer.status_code == 400
    assert page.one(id="error").one("a").attributes["href"] == f"#{field}"
    assert page.one(id="error") in page.one(role="alert").all()
    described = page.one(id=field).attributes.get("aria-describedby", "").split()
    assert ("error" in described) is (field != "asks")
    assert ("aria-invalid" in page.one(id="check_value").attributes) is (field == "check_value")


@pytest.mark.parametrize("state", PULL_STATES)
def test_the_script_is_told_the_state_and_whether_it_may_change(state: str) -> None:
    answer = approve(pulled(state))
    fact = read_page(answer).fact("state")
    assert answer.headers["segue-transfer"] == state == fact.attributes["data-value"]
    assert ("data-watched" in fact.attributes) is (state not in FINAL)


@pytest.mark.parametrize(
    ("state", "change", "title", "words", "way_on"),
    [
        ("approved", {}, "Approved", "The other device may now pick the task up.", "/devices"),
        ("redeemed", {}, "Moved", "Devices that had it before can only read it.", "/devices"),
        ("redeemed", {"mode": "share"}, "Shared", "The other device received the task", "/devices"),
        ("denied", {}, "Not approved", "Nothing was passed on.", "/device"),
        ("denied", {"attempts_left": 0}, "Wrong check value", "Nothing was passed on.", "/device"),
        ("cancelled", {}, "Withdrawn", "This request has been ended.", "/device"),
        ("expired", {}, "Time ran out", "it then shows a new code.", "/device"),
    ],
)
def test_each_end_is_told_in_its_own_words_with_a_way_on_and_no_decision(
    state: str, change: dict[str, object], title: str, words: str, way_on: str
) -> None:
    page = shown(replace(pulled(state), **change))  # type: ignore[arg-type]
    assert page.one("h1").words == title
    assert words in page.one("main").words
    assert page.one("main").one("a").attributes["href"] == way_on
    assert page.all("form") == page.all("button") == []


def test_a_task_is_named_as_passed_on_only_when_it_was() -> None:
    assert {state: len(shown(pulled(state)).all(data_fact="task_name")) for state in PULL_STATES[1:]} == {
        "approved": 1,
        "redeemed": 1,
        "denied": 0,
        "cancelled": 0,
        "expired": 0,
    }


@pytest.mark.requirement("XD-CONS-02")
@pytest.mark.parametrize("state", PULL_STATES)
def test_no_word_on_the_page_pushes(state: str) -> None:
    words = shown(pulled(state)).words.lower()
    assert not re.search(r"\b(just|simply|quick|quickly|hurry|recommended|trusted|safe|secure)\b", words)
