"""The sign-in, consent, account and message pages: what they ask, what they send, and that everybody can use them."""

import re
from dataclasses import replace

import pytest
from authz_page_views import CONSENT, ENTER_CODE, MESSAGE, ORIGIN, SIGN_IN, UNVERIFIED, every_page
from html_page import Element, read_page
from segue_authz.domain.transfer_code import ALPHABET, normalise
from segue_authz.pages import Consent, Message, account, consent, enter_code, message, sign_in

RIGHT_CODES = ["WDJB-MJHT", "wdjbmjht", " WDJB MJHT ", "W-D-J-B-M-J-H-T-", ALPHABET[:8], ALPHABET[8:16], ALPHABET[-8:]]
WRONG_CODES = [
    "WDJB-MJH",
    "WDJB-MJHTT",
    "WDJB_MJHT",
    "WDJB\tMJHT",
    "ADJB-MJHT",
    "WDJB-MJH7",
    "WDJB-MJHY",
    "\uff37DJB-MJHT",
]


def consent_page(view: Consent) -> Element:
    return read_page(consent(view, form_action_origin=ORIGIN))


@pytest.mark.requirement("XD-WEB-01")
def test_the_sign_in_form_sends_what_the_endpoint_reads() -> None:
    page = read_page(sign_in(replace(SIGN_IN, username="dana", acr_values="phr urn:segue:acr:password")))
    errand = {"csrf": "form-token", "return_to": "/authorize?x=1&y=2", "acr_values": "phr urn:segue:acr:password"}
    sent = {form.attributes["action"]: form.fields() for form in page.all("form") if "data-sign-in" in form.attributes}
    assert sent == {
        "/sign-in": errand | {"username": "dana", "password": ""},
        "/sign-in/passkey": errand | {"credential": ""},
    }


@pytest.mark.requirement("A12")
def test_the_sign_in_form_offers_what_will_do_and_nothing_else() -> None:
    by_passkey = read_page(sign_in(replace(SIGN_IN, acr_values="phr", any_way=False, password=False)))
    assert [form.attributes["action"] for form in by_passkey.all("form") if "data-sign-in" in form.attributes] == [
        "/sign-in/passkey"
    ]
    by_password = read_page(sign_in(replace(SIGN_IN, any_way=False, passkey=False)))
    assert by_password.one(id="username").attributes["autocomplete"] == "username"
    assert "recovery" not in by_password.one("main").words


def test_the_sign_in_form_can_be_filled_by_a_password_manager() -> None:
    page = read_page(sign_in(SIGN_IN))
    assert page.one(id="username").attributes["autocomplete"] == "username webauthn"
    assert page.one(id="password").attributes["autocomplete"] == "current-password"
    assert page.one(id="password").attributes["type"] == "password"


def test_a_failed_sign_in_is_linked_to_the_fields_and_keeps_the_name() -> None:
    answer = sign_in(replace(SIGN_IN, username="dana", error="That did not match."))
    page = read_page(answer)
    assert answer.status_code == 400
    assert page.one(id="error").one("a").attributes["href"] == "#password"
    for name in ("username", "password"):
        assert page.one(id=name).attributes["aria-describedby"] == "error"
    assert page.one(id="username").attributes["value"] == "dana"


def test_too_many_tries_say_when_to_come_back_to_people_and_programs() -> None:
    answer = sign_in(replace(SIGN_IN, error="Too many attempts.", retry_after=300))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "300")
    assert "You can try again in 5 minutes." in read_page(answer).one("main").words


@pytest.mark.requirement("XD-WEB-01", "XD-PULL-11")
def test_the_code_form_sends_what_the_endpoint_reads_and_holds_no_code() -> None:
    page = read_page(enter_code(ENTER_CODE))
    form = page.one("form")
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/device")
    assert form.fields() == {"csrf": "form-token", "user_code": ""}
    assert page.one("header").fact("person_name").text == "Dana Example"


@pytest.mark.requirement("A1", "RFC8628-6-1")
def test_the_code_field_suits_a_code_and_shows_how_one_looks() -> None:
    page = read_page(enter_code(ENTER_CODE))
    typed = page.one(id="user_code").attributes
    assert (typed["autocapitalize"], typed["autocomplete"], typed["spellcheck"]) == ("characters", "off", "false")
    assert "WDJB-MJHT" in page.one(id=typed["aria-describedby"]).words
    assert page.one("label", _for="user_code").words == "Code"


@pytest.mark.requirement("XD-PULL-05")
@pytest.mark.parametrize("typed", [*RIGHT_CODES, *WRONG_CODES])
def test_the_code_field_takes_what_the_server_takes(typed: str) -> None:
    field = read_page(enter_code(ENTER_CODE)).one(id="user_code").attributes
    accepted = re.fullmatch(field["pattern"], typed, re.ASCII) and len(typed) <= int(field["maxlength"])
    assert bool(accepted) is (normalise(typed) is not None)


def test_a_wrong_code_is_linked_to_its_field() -> None:
    answer = enter_code(replace(ENTER_CODE, error="That code is not known."))
    page = read_page(answer)
    assert answer.status_code == 400
    assert page.one(id="error").one("a").attributes["href"] == "#user_code"
    assert page.one(id="user_code").attributes["aria-describedby"] == "error example"


@pytest.mark.requirement("XD-PULL-04")
def test_too_many_codes_say_when_to_come_back_to_people_and_programs() -> None:
    answer = enter_code(replace(ENTER_CODE, error="Too many.", retry_after=600))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    assert "You can try again in 10 minutes." in read_page(answer).one("main").words


@pytest.mark.requirement("XD-CONS-10", "RFC10027-6-1-13")
def test_the_code_page_says_that_nobody_asks_for_codes_by_mail_chat_or_phone() -> None:
    words = read_page(enter_code(ENTER_CODE)).one("main").words
    assert "Did somebody send you this code or link? Then close this page." in words
    assert "Segue never asks for a code by mail, chat or phone." in words


@pytest.mark.requirement("XD-WEB-01")
@pytest.mark.parametrize(("label", "decision"), [("Decline", "deny"), ("Allow", "approve")])
def test_the_consent_forms_send_what_the_endpoint_reads(label: str, decision: str) -> None:
    page = consent_page(replace(CONSENT, chosen="tsk_2"))
    (button,) = [each for each in page.all("button") if each.words == label]
    declining, allowing = page.all("form")
    form = declining if button.attributes.get("form") == declining.attributes["id"] else allowing
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/authorize")
    assert (button.attributes["name"], button.attributes["value"]) == ("decision", decision)
    sent = {"deny": ("", ""), "approve": ("tsk_2", "New lease")}[decision]
    fields = {"csrf": "form-token", "request": "client_id=a&state=b", "task": sent[0], "name": sent[1]}
    assert form.fields() == fields


@pytest.mark.requirement("XD-CONS-01")
def test_the_consent_page_tells_the_client_the_way_back_and_the_actions() -> None:
    page = consent_page(CONSENT)
    texts = {name: page.fact(name).text for name in ("client_name", "client_id", "redirect_host", "person_name")}
    assert texts == {name: getattr(CONSENT, name) for name in texts}
    assert {each.attributes["data-value"] for each in page.all(data_fact="action")} == set(CONSENT.actions)
    assert "If you did not start this, decline." in page.words


@pytest.mark.requirement("XD-META-04", "RFC7591-5")
def test_what_an_app_says_of_itself_is_no_fact_until_somebody_has_checked_it() -> None:
    page = consent_page(UNVERIFIED)
    assert page.fact("verified").attributes["data-value"] == "no"
    assert (page.fact("published_at").text, page.fact("answer_host").text) == (
        "client.example",
        UNVERIFIED.redirect_host,
    )
    assert page.one(class_="claim").fact("claimed_name").text == UNVERIFIED.client_name
    assert UNVERIFIED.client_name not in page.one("h1").words
    assert page.all(data_fact="client_name") == []
    registered = consent_page(replace(UNVERIFIED, published_at=None))
    assert registered.all(data_fact="published_at") == []
    assert consent_page(CONSENT).all(data_fact="verified") == []


@pytest.mark.requirement("A9", "XD-CONS-01")
def test_the_consent_page_says_that_nobody_else_loses_a_task_by_it() -> None:
    assert consent_page(CONSENT).fact("mode").words == "Devices that have the task now go on as well."
    assert consent_page(replace(CONSENT, tasks=())).all(data_fact="mode") == []


@pytest.mark.requirement("XD-CONS-05")
def test_no_task_is_chosen_for_the_person_while_there_is_a_choice() -> None:
    assert [each for each in consent_page(CONSENT).all(type="radio") if "checked" in each.attributes] == []


@pytest.mark.parametrize(
    ("view", "checked"),
    [
        (replace(CONSENT, tasks=()), "new"),
        (replace(CONSENT, tasks=CONSENT.tasks[:1], may_begin=False), "tsk_1"),
        (replace(CONSENT, chosen="new"), "new"),
    ],
)
def test_the_only_possible_and_the_earlier_choice_are_ticked(view: Consent, checked: str) -> None:
    (ticked,) = [each for each in consent_page(view).all(type="radio") if "checked" in each.attributes]
    assert ticked.attributes["value"] == checked


def test_a_task_the_client_named_cannot_be_swapped_for_a_new_one() -> None:
    page = consent_page(replace(CONSENT, tasks=CONSENT.tasks[:1], may_begin=False))
    assert [each.attributes["value"] for each in page.all(type="radio")] == ["tsk_1"]
    assert page.all("form")[1].fields()["name"] == ""


def test_tasks_are_told_apart_by_name_state_and_last_activity() -> None:
    (first, *_) = consent_page(CONSENT).all("label", _for="task-1")
    assert first.words == "Acme contract revision One question open Last active 5 minutes ago"


@pytest.mark.parametrize(("chosen", "field"), [("new", "name"), (None, "tasks")])
def test_a_consent_error_is_linked_to_its_field(chosen: str | None, field: str) -> None:
    page = consent_page(replace(CONSENT, chosen=chosen, error="Choose a task."))
    assert page.one(id="error").one("a").attributes["href"] == f"#{field}"
    assert page.one(id=field).attributes["aria-describedby"] == "error"


@pytest.mark.requirement("XD-WEB-01")
def test_signing_out_is_a_form_with_the_form_token() -> None:
    form = read_page(account("Dana Example", "form-token")).one("form")
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/sign-out")
    assert form.fields() == {"csrf": "form-token"}


@pytest.mark.requirement("XD-WEB-06")
def test_whoever_is_signed_in_is_named_on_the_pages_that_decide() -> None:
    assert consent_page(CONSENT).one("header").fact("person_name").text == "Dana Example"


def test_a_message_has_its_status_and_its_way_on() -> None:
    answer = message(MESSAGE)
    assert answer.status_code == 404
    assert read_page(answer).one("main").one("a").attributes["href"] == "/"


@pytest.mark.requirement("XD-WEB-04")
@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "/\\evil.example", "data:text/html,x", "a b"])
def test_a_message_never_links_to_a_script_or_a_foreign_host_in_disguise(url: str) -> None:
    with pytest.raises(ValueError, match="a page links to"):
        message(Message("Title", "Text.", action=("Go", url)))


@pytest.mark.parametrize("name", every_page())
def test_every_page_has_a_language_one_heading_landmarks_and_labels(name: str) -> None:
    root = read_page(every_page()[name])
    assert root.one("html").attributes["lang"] == "en"
    assert len(root.all("h1")) == len(root.all("main")) == len(root.all("header")) == len(root.all("title")) == 1
    labelled = {each.attributes["for"] for each in root.all("label")}
    visible = [each for each in root.all("input") if each.attributes.get("type") != "hidden"]
    assert {each.attributes["id"] for each in visible} == labelled
    ids = [each.attributes["id"] for each in root.all() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
