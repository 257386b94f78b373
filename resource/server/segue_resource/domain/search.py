"""What it means that a text has a word: the rules of a search, the same with an index and without (T20).

Words are runs of letters and digits. Case, accents and the width of characters do not count. Scripts that put no spaces
between words are cut into pairs of characters. A text is found if it has every word of the query.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_QUERY = 200
"""Characters."""
MAX_WORDS = 10
LONGEST = 40
"""Characters of a word that count: a longer one is known by its beginning."""
SHORTEST_BEGINNING = 2
EXCERPT = 200
"""Characters of a text that a hit shows."""
BEFORE = 60
"""Of them, those that stand before the first word that was found."""

_ASCII_WORD = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


class SearchMode(StrEnum):
    """What a server keeps to find words by: nothing, keyed hashes of them, or the words (decision 0042)."""

    SCAN = "scan"
    BLIND = "blind"
    READABLE = "readable"


class NothingToFind(Exception):
    """The query has no word, too many, or a beginning that is too short."""


@dataclass(frozen=True)
class Query:
    """`words` are looked for as they are, `beginnings` as the first letters of a word; a text must have all of both."""

    words: frozenset[str]
    beginnings: frozenset[str]

    def matches(self, terms: frozenset[str]) -> bool:
        """Whether a text with these words is found."""
        return self.words <= terms and all(any(term.startswith(part) for term in terms) for part in self.beginnings)

    def has(self, term: str) -> bool:
        """Whether the query asks for this word."""
        return term in self.words or any(term.startswith(part) for part in self.beginnings)


@dataclass(frozen=True)
class Excerpt:
    """A part of a text; `marks` are the words that were found in it, as first and last code point, exclusive."""

    text: str
    marks: list[tuple[int, int]]


def parse(text: str) -> Query:
    """Read what a person typed: words between spaces, `contr*` for a beginning. Raises `NothingToFind`."""
    words: set[str] = set()
    beginnings: set[str] = set()
    for part in text.split():
        found = [term for _, _, terms in _words(part) for term in terms]
        if part.endswith("*") and found:
            beginnings.add(found.pop())
        words.update(found)
    if not 1 <= len(words) + len(beginnings) <= MAX_WORDS:
        raise NothingToFind(f"a query has 1 to {MAX_WORDS} words")
    if any(len(beginning) < SHORTEST_BEGINNING for beginning in beginnings):
        raise NothingToFind(f"before * there are at least {SHORTEST_BEGINNING} letters")
    return Query(frozenset(words), frozenset(beginnings))


def terms_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of all texts together."""
    return frozenset(term for text in texts for _, _, terms in _words(text) for term in terms)


def excerpt(texts: Iterable[str], query: Query) -> Excerpt:
    """The part of the texts around the first word that is asked for, on one line; empty if none has one."""
    for text in texts:
        line = unicodedata.normalize("NFC", " ".join(text.split()))
        marks = [(start, end) for start, end, terms in _words(line) if any(query.has(term) for term in terms)]
        if marks:
            return _cut(line, marks)
    return Excerpt("", [])


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, without the names of members."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)
    elif isinstance(value, dict):
        for element in value.values():
            yield from strings(element)


def _cut(line: str, marks: list[tuple[int, int]]) -> Excerpt:
    first = max(0, min(marks[0][0] - BEFORE, len(line) - EXCERPT))
    last = first + EXCERPT
    inside = [(start - first, end - first) for start, end in marks if end <= last]
    return Excerpt(line[first:last], inside)


def _words(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Where each word begins and ends, and the terms that it counts as."""
    if text.isascii():
        for found in _ASCII_WORD.finditer(text):
            yield found.start(), found.end(), [found[0].lower()[:LONGEST]]
        return
    start = None
    for place, character in enumerate(text):
        if character.isalnum() or (start is not None and _is_mark(character)):
            start = place if start is None else start
        elif start is not None:
            yield start, place, _terms(text[start:place])
            start = None
    if start is not None:
        yield start, len(text), _terms(text[start:])


def _terms(word: str) -> list[str]:
    plain = "".join(part for part in unicodedata.normalize("NFKD", word).casefold() if part.isalnum())
    if not _SPACELESS.search(plain) or len(plain) == 1:
        return [plain[:LONGEST]] if plain else []
    return [plain[place : place + 2] for place in range(len(plain) - 1)]


def _is_mark(character: str) -> bool:
    """Part of the letter before it."""
    return unicodedata.category(character).startswith("M")
