"""XD-CONS-03: the attacker dresses up the name of a client, device or task; the person decides by what it seems."""

import unicodedata
from dataclasses import replace

import pytest
from authz_page_views import CLAIMED
from html_page import read_page
from hypothesis import example, given
from hypothesis import strategies as st
from segue_authz.pages import confirm
from segue_authz.pages.names import CUT, HIDDEN, IMITATES, LIMIT, MIXED, DisplayName, display_name

pytestmark = pytest.mark.requirement("XD-CONS-03")

HOSTILE = {
    "right-to-left override": ("Invoice \u202efdp.exe", "Invoice fdp.exe", (HIDDEN,)),
    "unbalanced isolates": ("\u2066\u2067Phone\u2069\u2069\u2069", "Phone", (HIDDEN,)),
    "direction mark": ("Pay\u200fPal", "PayPal", (HIDDEN,)),
    "zero width space": ("Se\u200bgue", "Segue", (HIDDEN,)),
    "zero width joiner between Latin letters": ("Se\u200dgue", "Segue", (HIDDEN,)),
    "byte order mark": ("\ufeffSegue", "Segue", (HIDDEN,)),
    "soft hyphen": ("Se\u00adgue", "Segue", (HIDDEN,)),
    "tag characters": ("Phone\U000e0061\U000e0062", "Phone", (HIDDEN,)),
    "variation selectors as cargo": ("P\ufe01\ufe02\U000e0101hone", "Phone", (HIDDEN,)),
    "Hangul filler": ("Phone\u3164\u3164", "Phone", (HIDDEN,)),
    "blank Braille": ("Phone\u2800", "Phone", (HIDDEN,)),
    "control characters": ("Pho\x00ne\x1b[31m\x7f", "Phone[31m", (HIDDEN,)),
    "private use": ("Phone \ue000", "Phone", (HIDDEN,)),
    "line breaks": ("Phone\r\n\u2028\u2029\x85Approved by IT", "Phone Approved by IT", ()),
    "spaces of all widths": ("  Phone\u00a0\u2003\u3000 7 ", "Phone 7", ()),
    "Cyrillic a in a Latin word": ("\u0410cme", "\u0410cme", (MIXED,)),
    "Greek o in a Latin word": ("G\u03bfogle", "G\u03bfogle", (MIXED,)),
    "mark between two alphabets": ("\u0410\u0323cme", "\u0410\u0323cme", (MIXED,)),
    "all Cyrillic, reads as Latin": ("\u0430\u0440\u0440\u04cf\u0435", "\u0430\u0440\u0440\u04cf\u0435", (IMITATES,)),
    "mathematical letters": ("\U0001d406\U0001d428\U0001d428", "\U0001d406\U0001d428\U0001d428", (IMITATES,)),
    "Lisu capitals": ("\ua4ee\ua4d1\ua4d1", "\ua4ee\ua4d1\ua4d1", (IMITATES,)),
    "markup": ("<b>Phone</b>", "<b>Phone</b>", ()),
    "stacked marks": ("P" + "\u0301\u0302\u0303\u0304\u0305" * 20, "\u1e54\u0302\u0303\u0304", (HIDDEN,)),
    "nothing to see": ("\u200b\u202e\u2060", "", (HIDDEN,)),
}
HONEST = [
    "Acme contract revision",
    "Dana\u2019s phone (work) \u2013 2",
    "Zo\u00eb Stra\u00dfe",
    "Договор Acme, v2",
    "Vue-приложение",
    "Σχέδιο μίσθωσης",
    "営業資料 Q3のまとめ",
    "iPhoneの設定",
    "계약서 final",
    "عقد الإيجار",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "अनुबंध क्\u200dष",
    "חוזה 7",
    "สัญญาเช่า",
    "10 µm filter",
    "👩\u200d💻 laptop",
    "❤\ufe0f list 1\ufe0f⃣",
    "👍🏽 done",
]


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_name_is_cleaned_or_marked(case: str) -> None:
    raw, text, notes = HOSTILE[case]
    assert display_name(raw) == DisplayName(text, notes)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_name_of_any_language_is_shown_as_it_is(name: str) -> None:
    assert display_name(name) == DisplayName(unicodedata.normalize("NFC", name), ())


@pytest.mark.parametrize("raw", ["W" * 10_000, "a " * 5_000, "\ufdfd" * 10_000, "👩\u200d💻" * 3_000])
def test_a_long_name_is_cut_where_everybody_sees_it(raw: str) -> None:
    shown = display_name(raw)
    assert len(shown.text) <= LIMIT
    assert shown.text.endswith("…")
    assert CUT in shown.notes


def test_a_name_at_the_limit_is_whole_and_one_beyond_is_cut() -> None:
    assert display_name("x" * LIMIT) == DisplayName("x" * LIMIT)
    assert display_name("x" * (LIMIT + 1)) == DisplayName("x" * (LIMIT - 1) + "…", (CUT,))


def test_a_name_hidden_behind_thousands_of_invisible_characters_is_marked_as_cut() -> None:
    assert display_name("\u200b" * 9_000 + "Approved") == DisplayName("…", (HIDDEN, CUT))


@given(st.text(max_size=200))
@example("A\u200b\u0301")
@example("x" + "👩\u200d" * 60)
@example(" " * 10 + "x" * 62 + " y" * 9)
def test_whatever_the_name_no_hidden_character_survives(raw: str) -> None:
    text = display_name(raw).text
    assert len(text) <= LIMIT
    assert not [char for char in text if unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}]
    assert not set(text) & set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    assert display_name(text).text == text


@pytest.mark.parametrize("raw", [raw for raw, *_ in HOSTILE.values()] + ["W" * 10_000])
def test_each_name_on_the_page_is_isolated_and_the_decisive_facts_stand_unchanged(raw: str) -> None:
    view = replace(CLAIMED, task_name=raw + "x", owner_name=raw + "x", device_name=raw + "x", client_name=raw + "x")
    page = read_page(confirm(view))
    for name in ("task_name", "owner_name", "device_name", "client_name"):
        fact = page.fact(name)
        assert fact.tag == "bdi"
        assert fact.text == display_name(raw + "x", limit=LIMIT if name == "task_name" else 32).text
    calm = read_page(confirm(CLAIMED))
    for name in ("network", "claimed_at", "mode", "running_tool_calls", "attempts_left"):
        assert page.fact(name).words == calm.fact(name).words
    assert [each.words for each in page.all("button")] == ["Decline", "Approve"]


def test_what_was_done_to_a_name_is_written_beside_it() -> None:
    task = read_page(confirm(replace(CLAIMED, task_name="\u202eA\u0441me"))).one("p", _class="task")
    assert task.words == f"A\u0441me {HIDDEN}, {MIXED}"


def test_a_name_with_nothing_to_read_is_said_to_have_none() -> None:
    page = read_page(confirm(replace(CLAIMED, device_name="\u200b")))
    assert page.fact("device_name").text == "No readable name"
    assert "It gave no name" in read_page(confirm(replace(CLAIMED, device_name=" "))).words
