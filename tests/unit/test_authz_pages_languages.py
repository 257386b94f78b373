"""The pages in each language: nothing is missing, nothing is different but the words."""

import ast
import io
import re
from collections import Counter
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from authz_page_views import CLAIMED, DEVICES, INVITATION, REQUESTED, every_page
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from html_page import Element, read_page
from jinja2 import Environment, nodes
from segue_authz import app, catalogues, endpoints, pages
from segue_authz.domain.refusal import Refusal
from segue_authz.pages import approve, confirm, devices, invitation, language, text
from segue_authz.pages.action import ACTION_WORDS, LINES, in_words
from segue_authz.pages.duration import ago, ahead
from segue_authz.pages.language import ENGLISH, LANGUAGES, Language, accepted, asked_for
from segue_authz.pages.refusal import FOR_PEOPLE, sentence_of
from segue_authz.pages.role import ROLE_WORDS, narrowed_words
from segue_authz.pages.text import Reader, gettext, heed, listed, ngettext, reader, reading

pytestmark = pytest.mark.requirement("PAGES-languages")
GERMAN, ARABIC = LANGUAGES[1:]
OTHERS = (GERMAN, ARABIC)
TEMPLATES = Path(pages.__file__).parent / "templates"
MEND = "run `python -m segue_authz.catalogues`, then translate in {} what it names"


@pytest.fixture(scope="module")
def said() -> Catalog:
    return catalogues.said()


@pytest.mark.parametrize("spoken", OTHERS, ids=lambda each: each.tag)
def test_a_catalogue_says_all_that_the_pages_say(spoken: Language, said: Catalog) -> None:
    found = list(catalogues.faults(catalogues.catalogue(spoken.tag), said))
    assert found == [], MEND.format(text.path_of(spoken.tag))


@pytest.mark.parametrize(
    ("message", "change", "told"),
    [
        ("Decline", "", "is not translated"),
        ("Back to %(where)s", "Zurück", "other placeholders"),
        ("Back to %(where)s", "Zurück zu %(wo)s", "other placeholders"),
        ("from <bdi>%(network)s</bdi>", "aus %(network)s", "other placeholders"),
        (("You have one try.", "You have %(num)s tries."), ("Sie haben einen Versuch.",), "needs 2 translations"),
        (("You have one try.", "You have %(num)s tries."), ("Sie haben einen Versuch.", " "), "needs 2 translations"),
    ],
)
def test_what_is_wrong_in_a_catalogue_is_told(
    message: str | tuple[str, str], change: str | tuple[str, ...], told: str, said: Catalog
) -> None:
    kept = deepcopy(catalogues.catalogue("de"))
    found = kept.get(message)
    assert found is not None
    found.string = change
    (fault,) = catalogues.faults(kept, said)
    assert told in fault


def test_a_message_that_is_new_gone_or_fuzzy_is_told(said: Catalog) -> None:
    kept = deepcopy(catalogues.catalogue("de"))
    kept.delete("Decline")
    kept.add("Said long ago", "Vor langer Zeit gesagt")
    approved = kept.get("Approve")
    assert approved is not None
    approved.flags.add("fuzzy")
    assert sorted(catalogues.faults(kept, said)) == [
        "'Approve' is fuzzy",
        "'Decline' is not in it",
        "'Said long ago' is said no more",
    ]


def test_bringing_a_catalogue_up_to_date_keeps_what_is_translated_and_guesses_nothing(said: Catalog) -> None:
    new = deepcopy(said)
    new.delete("Decline")
    new.add("Decline it")
    written = catalogues.updated(catalogues.catalogue("de"), new)
    kept = {(each.id, each.context): each.string for each in read_po(io.BytesIO(written), locale="de") if each.id}
    before = {(each.id, each.context): each.string for each in catalogues.catalogue("de") if each.id}
    assert before.pop(("Decline", None)) == "Ablehnen"
    assert kept == {**before, ("Decline it", None): ""}
    assert catalogues.updated(read_po(io.BytesIO(written), locale="de"), new) == written


def test_arabic_counts_in_six_ways_and_german_in_two() -> None:
    counts = {}
    for spoken in OTHERS:
        with reading(Reader(spoken)):
            told = {ngettext("You have one try.", "You have %(num)s tries.", each, num=each) for each in range(101)}
        counts[spoken.tag] = len({re.sub(r"\d+", "n", each) for each in told})
    assert counts == {"de": 2, "ar": 6}


def test_templates_say_constants_alone_so_that_no_value_is_taken_for_markup() -> None:
    environment = Environment(extensions=["jinja2.ext.i18n"])
    for template in sorted(TEMPLATES.glob("*.html")):
        for call in environment.parse(template.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "ngettext", "pgettext"):
                assert isinstance(call.args[0], nodes.Const), f"{template.name}: {call.lineno}"


def test_a_template_has_no_words_outside_of_its_messages() -> None:
    """What stands between the tags is a message, a fact or a mark; `Segue` and codes are not words."""
    loose = {}
    for template in sorted(TEMPLATES.glob("*.html")):
        source = re.sub(
            r"{#.*?#}|{% ?-?\s*trans.*?endtrans\s*-?%}|{{.*?}}|{%.*?%}", " ", template.read_text(), flags=re.S
        )
        shown = re.sub(r"<[^>]*>", " ", source)
        named = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', source)
        words = set(re.findall(r"[A-Za-z]{2,}", " ".join([shown, *named]))) - {"Segue", "WDJB", "MJHT"}
        if words:
            loose[template.name] = sorted(words)
    assert loose == {}, "wrap these in {{ _(…) }} or {% trans %}, then " + MEND.format("each catalogue")


@pytest.mark.parametrize("spoken", OTHERS, ids=lambda each: each.tag)
def test_each_page_has_the_same_facts_forms_and_ways_in_every_language(spoken: Language) -> None:
    english = every_page()
    with reading(Reader(spoken)):
        translated = every_page()
    for name, page in english.items():
        there, here = read_page(page, foot=True), read_page(translated[name], foot=True)
        assert _skeleton(here) == _skeleton(there), name
        root = here.one("html").attributes
        assert (root["lang"], root["dir"]) == (spoken.tag, spoken.direction)
        assert translated[name].headers["Content-Language"] == spoken.tag
        if name not in ("message", "confirm step"):  # whose words are the endpoints'
            assert here.one("h1").words != there.one("h1").words, name


@pytest.mark.parametrize("spoken", OTHERS, ids=lambda each: each.tag)
def test_declining_stands_first_and_is_said_as_shortly_as_approving(spoken: Language) -> None:
    with reading(Reader(spoken)):
        for page in (approve(REQUESTED), confirm(CLAIMED)):
            declined, approved = [each.words for each in read_page(page).all("button")][:2]
            assert (declined, approved) == (gettext("Decline"), gettext("Approve"))
            assert len(declined) <= len(approved) + 2
            assert read_page(page).one(_class="lead").words == gettext("If you did not start this, decline.")


@pytest.mark.requirement("XD-CONS-03")
@pytest.mark.parametrize("raw", ["\u202eecila", "<b>x</b>", "عائشة", "A" * 10_000, "x\u2066y\u2069", "%(ago)s %s {0}"])
def test_a_name_is_isolated_among_words_that_run_the_other_way(raw: str) -> None:
    with reading(Reader(ARABIC)):
        page = read_page(approve(pages_with(raw)))
    for fact in ("client_name", "device_name"):
        named = page.fact(fact)
        assert named.tag == "bdi"
        assert not set(named.text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        assert len(named.text) <= 32
    assert page.all("b") == []


def test_what_is_typed_or_compared_runs_from_left_to_right_everywhere() -> None:
    with reading(Reader(ARABIC)):
        shown = {name: read_page(page) for name, page in every_page().items()}
    assert shown["approve requested"].one("input", id="check_value").attributes["dir"] == "ltr"
    assert shown["enter-code"].one("input", id="user_code").attributes["dir"] == "ltr"
    assert shown["approve requested"].fact("network").attributes["dir"] == "ltr"
    assert shown["consent"].fact("redirect_host").attributes["dir"] == "ltr"


@pytest.mark.requirement("XD-CONS-01")
@pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda each: each.tag)
def test_each_action_reads_differently_and_none_is_left_out(spoken: Language) -> None:
    with reading(Reader(spoken)):
        lines = [in_words([action])[0].words for action in ACTION_WORDS]
        whole = in_words(ACTION_WORDS)
    assert not [line for line, times in Counter(lines).items() if times > 1]
    assert {action for line in whole for action, _ in line.verbs} == set(ACTION_WORDS)
    assert {subject for subject, _ in ACTION_WORDS.values()} == set(LINES)


@pytest.mark.parametrize("spoken", OTHERS, ids=lambda each: each.tag)
def test_each_role_is_told_in_the_language(spoken: Language) -> None:
    with reading(Reader(spoken)):
        told = {narrowed_words(role, ["task:read"], ["task:read"]) for role in ROLE_WORDS if role != "customer"}
        offered = {read_page(invitation(pages.Invitation(**_as(role)))).fact("role").words for role in ROLE_WORDS}
    assert (len(told), len(offered)) == (len(ROLE_WORDS) - 1, len(ROLE_WORDS))
    assert not [words for words in told if "device" in words]


def test_spans_and_lists_are_told_as_each_language_tells_them() -> None:
    told = {}
    for spoken in LANGUAGES:
        with reading(Reader(spoken)):
            told[spoken.tag] = [ahead(120), ago(3 * 86_400), ago(0), listed(["a", "<b>", "c"])]
    assert told == {
        "en": ["in 2 minutes", "3 days ago", "just now", "a, &lt;b&gt;, and c"],
        "de": ["in 2 Minuten", "vor 3 Tagen", "gerade eben", "a, &lt;b&gt; und c"],
        "ar": ["خلال دقيقتين", "قبل 3 أيام", "الآن", "a و&lt;b&gt; وc"],
    }


def test_words_of_a_list_are_escaped_before_they_become_part_of_the_page() -> None:
    with reading(Reader(GERMAN)):
        page = devices(DEVICES)
    assert b"&lt;" not in bytes(page.body)
    assert [each for each in in_words(["task:read"])[0].line.split("<span") if each.strip()]


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("de", "de"),
        ("de-AT, en;q=0.8", "de"),
        ("DE-at", "de"),
        ("fr, ar-EG;q=0.3, en;q=0.2", "ar"),
        ("en;q=0.1,ar;q=0.9,de;q=0.5", "ar"),
        ("*", "en"),
        ("en;q=0, *;q=0.1", "de"),
        ("fr", None),
        ("de;q=0", None),
        ("", None),
        (";;,,q=1,de;q=2,\x00", None),
        ("de;q=1.0000", None),
        ("ar;Q=0.5", "ar"),
        ("x" * 100_000, None),
        (",".join(["fr"] * 10_000) + ",de", None),
    ],
)
def test_the_browsers_wish_is_read_by_weight_and_what_is_malformed_passed_over(header: str, tag: str | None) -> None:
    found = accepted(header)
    assert (found.tag if found else None) == tag


@pytest.mark.parametrize(
    ("asked", "tag"),
    [("fr-CA de ar", "de"), ("ar", "ar"), ("AR-eg", "ar"), ("", None), ("xx \r\n<b>", None), (" " * 9_999, None)],
)
def test_an_applications_word_is_taken_in_its_order(asked: str, tag: str | None) -> None:
    found = asked_for(asked)
    assert (found.tag if found else None) == tag


def test_a_choice_of_the_persons_own_stands_against_an_applications_word() -> None:
    for chosen, spoken in ((True, ARABIC), (False, GERMAN)):
        with reading(Reader(ARABIC, chosen=chosen)):
            heed("de")
            assert reader().language == spoken
    assert reader().language == ENGLISH


def test_each_refusal_that_only_pages_raise_has_a_sentence_for_people_and_each_sentence_is_said() -> None:
    folder = Path(endpoints.__file__).parent
    only = [folder / f"{name}.py" for name in ("browser", "page", "language", "notification", "devices", "decision")]
    raised = set()
    ways = [each for each in folder.glob("sign_in/*.py") if each.stem != "upstream_logout"]  # that one answers servers
    for file in [*only, *ways, *folder.glob("account_security/*.py")]:
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Raise) and isinstance(call.exc, ast.Call):
                kind, said = call.exc.func, call.exc.args[:1]
                if isinstance(kind, ast.Name) and kind.id in _REFUSALS and isinstance(said[0], ast.Constant):
                    raised.add(sentence_of(Refusal(said[0].value)))
    assert app.create_app  # every kind is known
    assert len(raised) > 5
    assert raised - FOR_PEOPLE == set(), "add these to FOR_PEOPLE in pages/refusal.py"
    source = "".join(file.read_text() for file in folder.rglob("*.py")).lower()
    assert [each for each in FOR_PEOPLE if each.lower().removesuffix(".") not in source] == []


def test_every_language_is_offered_in_its_own_name_on_every_page() -> None:
    for name, page in every_page().items():
        (foot,) = read_page(page, foot=True).all("footer")
        buttons = foot.all("button", name="language")
        assert [(each.attributes["lang"], each.words) for each in buttons] == [
            (spoken.tag, spoken.name) for spoken in language.LANGUAGES
        ], name
        assert [each.attributes["value"] for each in buttons if "aria-current" in each.attributes] == ["en"]


def _below(kind: type[Refusal]) -> set[str]:
    return {kind.__name__}.union(*(_below(each) for each in kind.__subclasses__()))


_REFUSALS = _below(Refusal) - {"NoSuchTransfer"}  # which is told in one sentence, whatever it is


def pages_with(raw: str) -> pages.Approve:
    return replace(REQUESTED, client_name=raw, device_name=raw, person_name=raw)


def _as(role: str) -> dict[str, object]:
    return {**asdict(INVITATION), "role": role}


def _skeleton(page: Element) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Each element with what it is for; not its words, and not what says the words to somebody who cannot see them."""
    spoken = {"lang", "dir", "title", "aria-label", "aria-current", "data-closed"}
    return [
        (each.tag, tuple(sorted((name, value) for name, value in each.attributes.items() if name not in spoken)))
        for each in page.all()
        if each.tag != "span" or "data-fact" in each.attributes
    ]
