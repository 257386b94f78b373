"""The pages about devices that joined: facts apart from claims, no word of a stranger in a notification."""

from dataclasses import replace

import pytest
from authz_page_views import ASKED, DEVICES, JOINED, NEWLY_JOINED, NOW
from html_page import form_of, read_page
from segue_authz.domain.notice import Kind
from segue_authz.pages import account, devices
from segue_authz.pages.notice import SETTLED, UNKNOWN, WORDS

pytestmark = pytest.mark.requirement("A10")


def test_what_a_device_says_of_itself_stands_apart_from_what_is_known() -> None:
    page = read_page(devices(NEWLY_JOINED))
    (joined,) = page.all("article", data_fact="arrival")
    claim, known = joined.one(_class="claim"), joined.one("dl")
    assert claim.fact("device_name").words == "Hall tablet"
    assert "Hall tablet" not in known.words
    assert known.fact("verified").words == "not verified"
    assert "Not known" in known.words
    assert known.fact("joined_at").words == "5 minutes ago"


@pytest.mark.requirement("XD-CONS-03", "XD-WEB-04")
@pytest.mark.parametrize("raw", ["</p><script>alert(1)</script>", "Blue\u202ephone", "W" * 5_000])
def test_hostile_names_stay_text_and_short(raw: str) -> None:
    row = replace(ASKED, device_name=raw, client_name=raw, task_name=raw)
    for page in (
        read_page(devices(replace(NEWLY_JOINED, questions=(row,), arrivals=(row,)))),
        read_page(account("Dana Example", "form-token", questions=(row,), now=NOW)),
    ):
        assert {each.text for each in page.all("script")} == {""}
        for article in page.all("article", data_fact="question"):
            assert all(len(article.fact(fact).text) <= 32 for fact in ("client_name", "device_name"))


@pytest.mark.requirement("XD-CONS-02")
def test_the_answer_that_ends_is_first_has_the_focus_once_and_both_are_one_form() -> None:
    page = read_page(devices(replace(NEWLY_JOINED, questions=(ASKED, replace(ASKED, grant_id="grt_7")))))
    first, second = page.all("article", data_fact="question")
    no, yes = first.all("button")
    assert [each.attributes["name"] for each in (no, yes)] == ["not_mine", "mine"]
    assert form_of(page, no) is form_of(page, yes)
    assert [each.words for each in page.all("button", autofocus="")] == [no.words]
    assert second.all("button", autofocus="") == []


def test_what_the_page_shows_itself_its_script_does_not_tell_again() -> None:
    page = read_page(devices(NEWLY_JOINED))
    known = {each.attributes["data-known"] for each in page.all() if "data-known" in each.attributes}
    assert known == {ASKED.grant_id, JOINED.grant_id}
    assert [each.attributes["data-news"] for each in page.all("p") if "data-news" in each.attributes] == [
        "joined",
        "check_in",
    ]
    assert page.one("button", name="seen").attributes["value"] == JOINED.grant_id
    quiet = read_page(devices(DEVICES))
    assert quiet.all("button", name="seen") == []


@pytest.mark.requirement("XD-BACK-04")
def test_every_kind_of_notice_has_words_and_a_place_and_no_room_for_a_name() -> None:
    assert set(WORDS) == set(Kind)
    for words in (*WORDS.values(), SETTLED, UNKNOWN):
        assert "%" not in words.title + words.body
        assert words.path.startswith("/")
        assert words.said()["title"] == words.title
        assert len(words.title) <= 45, "a lock screen has one line"
