"""The rules of a search: which words a text has, what a query asks for, and what a hit shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segue_resource.domain.search import EXCERPT, LONGEST, NothingToFind, excerpt, parse, strings, terms_of

pytestmark = pytest.mark.requirement("T20")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("liability", "LIABILITY is capped"),
        ("prufung", "zur Prüfung vorgelegt"),
        ("Prüfung", "zur Pru\u0308fung vorgelegt"),
        ("strasse", "Die Straße"),
        ("clause 7", "as clause 7 says"),
        ("7 clause", "as clause 7 says"),
        ("contract.docx", "see contract.docx, page 3"),
        ("ﬁle", "the file"),
        ("liab*", "its liability"),
        ("contract.do*", "see contract.docx, page 3"),
        ("東京", "明日は東京都に行く"),
        ("कानून", "यह कानून है"),
        ("a" * 60, "a" * 60 + " and so on"),
    ],
)
def test_a_text_is_found_by_its_words(query: str, text: str) -> None:
    assert parse(query).matches(terms_of([text]))
    assert excerpt([text], parse(query)).marks


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("able", "liability"),
        ("liability cap", "liability"),
        ("liab", "liability"),
        ("ca*", "the scap"),
        ("京東", "東京"),
    ],
)
def test_a_text_that_lacks_a_word_is_not_found(query: str, text: str) -> None:
    assert not parse(query).matches(terms_of([text]))


@pytest.mark.parametrize(
    "query", ["", " ", "!?", "*", "a*", "  * ", "one two three four five six seven eight nine ten eleven"]
)
def test_a_query_without_words_or_with_too_many_is_refused(query: str) -> None:
    with pytest.raises(NothingToFind):
        parse(query)


def test_an_excerpt_is_one_line_around_the_first_word_and_marks_what_was_found() -> None:
    shown = excerpt(
        ["nothing", "x " * 300 + "the\n CAP of one\tyear, capped at the cap " + "y " * 300], parse("cap year")
    )
    assert "\n" not in shown.text
    assert len(shown.text) <= EXCERPT
    assert [shown.text[start:end] for start, end in shown.marks] == ["CAP", "year", "cap"]
    assert excerpt(["nothing"], parse("cap")).text == ""


def test_the_texts_of_a_json_value_are_found_without_the_names_of_its_members() -> None:
    assert list(strings({"text": "a", "more": [{"b": "c"}, 1, None, True], "n": 2.5})) == ["a", "c"]


@given(st.text(max_size=400))
def test_every_word_of_any_text_finds_it(text: str) -> None:
    terms = terms_of([text])
    assert all(1 <= len(term) <= LONGEST and term.isalnum() for term in terms)
    for part in text.split()[:5]:
        try:
            query = parse(part.rstrip("*"))
        except NothingToFind:
            continue
        assert query.matches(terms)
        assert excerpt([text], query).marks
