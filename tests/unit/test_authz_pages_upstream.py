"""The pages on which people sign in at another provider, and link an account there."""

from dataclasses import replace

import pytest
from authz_page_views import BY_OTHERS, GOING, LINKED, SIGN_IN
from html_page import Element, read_page
from segue_authz.pages import going, security, sign_in

pytestmark = pytest.mark.requirement("A12")
HOSTILE = "<script>alert(1)</script>\u202e\"'" + "x" * 10_000


def shape(page: Element) -> list[str]:
    return [each.tag for each in page.all() if each.attributes.get("class") != "note"]


def test_each_provider_has_a_form_of_its_own_that_needs_no_script() -> None:
    forms = [each for each in read_page(sign_in(BY_OTHERS)).all("form") if "/upstream/" in each.attributes["action"]]
    assert [each.attributes["action"] for each in forms] == ["/sign-in/upstream/works", "/sign-in/upstream/other"]
    for form in forms:
        assert form.attributes["method"] == "post"
        sent = form.fields()
        assert (sent["csrf"], sent["return_to"]) == (SIGN_IN.csrf, SIGN_IN.return_to)
    assert [each.one("button").words for each in forms] == ["Continue with Example Works", "Continue with Others"]


def test_the_page_on_the_way_goes_on_by_itself_and_by_a_link() -> None:
    answer = going(GOING)
    page = read_page(answer)
    assert page.one("meta", http_equiv="refresh").attributes["content"] == f"0; url={GOING.url}"
    assert GOING.url in [each.attributes["href"] for each in page.all("a")]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://x y", "", "ftp://x"]
)
def test_the_page_on_the_way_leads_nowhere_but_to_the_web(url: str) -> None:
    with pytest.raises(ValueError, match="links to"):
        going(replace(GOING, url=url))


@pytest.mark.requirement("XD-WEB-04")
def test_what_a_provider_calls_somebody_is_shown_as_text() -> None:
    row = replace(LINKED.identities[0], label=HOSTILE, called=HOSTILE)
    hostile = read_page(security(replace(LINKED, identities=(row, LINKED.identities[1]))))
    assert shape(hostile) == shape(read_page(security(LINKED)))
    assert len(hostile.text) < 10_000


def test_a_link_can_be_removed_but_not_the_last_way_in() -> None:
    page = read_page(security(LINKED))
    assert [each.attributes["value"] for each in page.all("button", name="unlink")] == ["upi_1", "upi_2"]
    for view in (replace(LINKED, only_one_way=True), replace(LINKED, fresh=False)):
        assert read_page(security(view)).all("button", name="unlink") == []
    assert [each.attributes["value"] for each in page.all("button", name="link")] == ["works", "other"]
    assert read_page(security(replace(LINKED, may_add=False))).all("button", name="link") == []


def test_where_there_is_no_provider_nothing_is_said_of_any() -> None:
    page = read_page(security(replace(LINKED, providers=(), identities=())))
    assert "Accounts elsewhere" not in page.words
    assert not [each for each in read_page(sign_in(SIGN_IN)).all("form") if "/upstream/" in each.attributes["action"]]
