"""The words of the demo's pages: every language has every sentence, and no word of a page is left out."""

import gettext
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from segue_demo.catalogue import catalogue, catalogue_file
from segue_demo.language import ENGLISH, LANGUAGES
from segue_demo.pages import STATIC, TEMPLATES

pytestmark = pytest.mark.requirement("U1")
OTHERS = [language.tag for language in LANGUAGES if language != ENGLISH]
MODULES = sorted(STATIC.glob("*.js"))
FOLDER = STATIC.parent.parent
OF_ONE_NUMBER = ("zero", "one", "two")
"""Categories whose words may say the number without a place for it."""

SAID = re.compile(r'\b(?:t|plural)\(\s*"((?:[^"\\]|\\.)*)"')
SENTENCE = re.compile(r'"([A-Z][^"]* [^"]*)"')
PLACE = re.compile(r"\{(\w+)\}|%\((\w+)\)s")


@cache
def extracted() -> frozenset[str | tuple[str, ...]]:
    """What `pybabel extract` finds."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {**DEFAULT_KEYWORDS, "t": None, "plural": (1, 2)}
    return frozenset(found[2] for found in extract_from_dir(FOLDER, methods, options, keywords))


@cache
def read(tag: str) -> Catalog:
    with catalogue_file(tag).open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def messages(tag: str) -> list[Message]:
    return [message for message in read(tag) if message.id]


def forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def places(text: str) -> set[str]:
    return {found[1] or found[2] for found in PLACE.finditer(text)}


def categories(tag: str) -> list[str]:
    """The plural categories of a language, in the order in which the pages' module counts them (Unicode CLDR)."""
    all_of_them = ("zero", "one", "two", "few", "many", "other")
    return [name for name in all_of_them if name in {*Locale.parse(tag).plural_form.tags, "other"}]


@pytest.mark.parametrize("tag", OTHERS)
def test_every_sentence_is_translated_and_none_is_left_over(tag: str) -> None:
    ids = {forms(message.id) for message in messages(tag)}
    said = {forms(message) for message in extracted()}
    assert sorted(said - ids) == []
    assert sorted(ids - said) == []
    assert [message.id for message in messages(tag) if message.fuzzy or not all(forms(message.string))] == []
    assert read(tag).obsolete == {}


@pytest.mark.parametrize("tag", OTHERS)
def test_a_translation_has_the_places_of_its_sentence(tag: str) -> None:
    other = []
    for message in messages(tag):
        wanted = places(forms(message.id)[-1])
        kinds = categories(tag) if len(forms(message.id)) > 1 else [""]
        for kind, form in zip(kinds, forms(message.string), strict=True):
            spared = {"count"} if kind in OF_ONE_NUMBER else set()
            if not wanted - spared <= places(form) <= wanted:
                other.append(form)
    assert other == []


@pytest.mark.parametrize("tag", OTHERS)
def test_the_catalogue_counts_as_the_browser_does(tag: str) -> None:
    """The module takes the form at the place of its CLDR category, gettext the one its own formula says."""
    rule = Locale.parse(tag).plural_form
    said = gettext.c2py(read(tag).plural_expr)
    kinds = categories(tag)
    assert read(tag).num_plurals == len(kinds)
    assert [n for n in range(300) if kinds.index(rule(n)) != said(n)] == []


def test_the_extraction_sees_every_sentence_that_a_module_says() -> None:
    found = {forms(message)[0] for message in extracted()}
    said = {sentence for module in MODULES for sentence in SAID.findall(module.read_text("utf-8"))}
    assert len(said) > 200
    assert sorted(said - found) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_module_has_a_sentence_that_cannot_be_translated(module: Path) -> None:
    code = re.sub(r"^\s*//.*$|/\*.*?\*/", "", module.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    known = {form for message in extracted() for form in forms(message)}
    assert [text for text in SENTENCE.findall(code) if text not in known] == []
    assert not re.search(r"`[^`]*\b[a-z]+ [a-z]+ [a-z]+\b[^`]*`", code)


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_a_word_that_cannot_be_translated(template: Path) -> None:
    text = re.sub(r"\{% trans.*?%\}.*?\{% endtrans %\}", "", template.read_text("utf-8"), flags=re.DOTALL)
    text = re.sub(r"\{[{%].*?[}%]\}", "", text)
    words = re.findall(r">([^<]*[A-Za-z][^<]*)<", text)
    attributes = re.findall(r'(?:aria-label|title|alt)="([^"]*[A-Za-z][^"]*)"', text)
    assert [word for word in (*words, *attributes) if word != "Segue demo"] == []


@pytest.mark.parametrize("tag", OTHERS)
def test_what_the_page_gets_is_what_the_translators_wrote(tag: str) -> None:
    written: Mapping[str, object] = {
        forms(message.id)[0]: message.string if isinstance(message.id, str) else forms(message.string)
        for message in messages(tag)
    }
    assert catalogue(tag).texts == written
