"""What a text is about, as terms that can be compared: names of files, identifiers, numbered things, words.

Time and memory grow with the length of the text alone, whatever is in it: the expressions never go back.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from segue_resource.domain.common_words import MEANINGS, STOP_WORDS, WEAK_WORDS, WORDS_OF, plain

_TOKEN = re.compile(r"[^\W_]+(?:[./_-][^\W_]+)*")
_JOINED = re.compile(r"[./_-]")
_FILE = re.compile(r"(?=[^/]*[^\W\d_]).{1,100}\.(?=[^\W_]{0,4}[^\W\d_])[^\W_]{1,5}")
_SCRIPTS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]+")
_KANA = re.compile(r"[\u3040-\u309f]")
_ENDINGS = ("ungen", "ation", "ung", "ing", "ies", "ied", "ern", "en", "er", "es", "ed", "em", "e", "s", "y")
_LEAST_STEM, _LEAST_PART = 4, 4
_LONGEST = 64


class Kind(IntEnum):
    WEAK = 0
    WORD = 1
    NUMBERED = 2
    IDENTIFIER = 3
    FILE = 4


@dataclass(frozen=True)
class Term:
    """`key` is what is compared, `shown` how the text has it; `same` are keys of words with the same meaning."""

    key: str
    kind: Kind
    shown: str
    same: tuple[str, ...] = ()


def terms(text: str) -> Iterator[Term]:
    """The terms of a text in their order, with repeats."""
    yield from _of_tokens(_TOKEN.findall(text))


class Sieve:
    """Lets through only such words of a long text as may be compared with the terms `asked`, for most are not.

    What is nearly the same has the first three letters in common, or the last.
    """

    def __init__(self, asked: Collection[Term]) -> None:
        self._parts = {part for term in asked for word in _spellings(term) for part in (word[:3], word[-3:])}
        self._seen: dict[str, tuple[Term, ...]] = {}
        self._numbers = {term.key.rpartition(" ")[2] for term in asked if term.kind is Kind.NUMBERED}

    def terms(self, text: str) -> Iterator[Term]:
        """Some of the terms of a text, each once."""
        tokens, seen = _TOKEN.findall(text), self._seen
        for shown in dict.fromkeys(tokens):
            its = seen.get(shown)
            if its is None:
                its = seen[shown] = self._of(shown[:_LONGEST])
            yield from its
        for at, token in enumerate(tokens) if self._numbers else ():
            if at and token in self._numbers:
                yield from _of_tokens(tokens[at - 1 : at + 1])

    def _of(self, shown: str) -> tuple[Term, ...]:
        token, parts = plain(shown), self._parts
        words = (token,) if token.isalnum() else (token, *_JOINED.split(token))
        if token.isascii() and not any(word[:3] in parts or word[-3:] in parts for word in words):
            return ()
        return tuple(_of_token(token, shown))


def _spellings(term: Term) -> Iterator[str]:
    """The words that a text may have for it."""
    yield term.key
    yield plain(term.shown)
    for meaning in term.same:
        yield from WORDS_OF[meaning]


def _of_tokens(tokens: Iterable[str]) -> Iterator[Term]:
    before = None
    for found in tokens:
        shown = found[:_LONGEST]
        token = plain(shown)
        if before is not None and token.isdecimal() and len(token) < 3:
            yield Term(f"{before.key} {token}", Kind.NUMBERED, f"{before.shown} {shown}")
        before = None
        for term in _of_token(token, shown):
            if term.kind in (Kind.WORD, Kind.WEAK):
                before = term
            yield term


def _of_token(token: str, shown: str) -> Iterator[Term]:
    if _FILE.fullmatch(token):
        yield Term(token.rpartition("/")[2], Kind.FILE, shown.rpartition("/")[2])
    elif _SCRIPTS.search(token):
        yield from _pairs(token)
    elif any(c.isdecimal() for c in token):
        if sum(c.isdecimal() for c in token) >= 3 or (len(token) >= 3 and not token.isdecimal()):
            yield Term(token, Kind.IDENTIFIER, shown)
    elif _JOINED.search(token):
        for part, as_shown in zip(_JOINED.split(token), _JOINED.split(shown), strict=False):
            yield from _word(part, as_shown)
    else:
        yield from _word(token, shown)


def _word(word: str, shown: str) -> Iterator[Term]:
    if len(word) < 2 or word in STOP_WORDS:
        return
    key = stem(word)
    yield Term(key, Kind.WEAK if word in WEAK_WORDS else Kind.WORD, shown, _meanings(word, key))


def stem(word: str) -> str:
    """The word without one common ending of English or German, if enough is left."""
    for ending in _ENDINGS:
        left = len(word) - len(ending)
        if word.endswith(ending) and (left >= _LEAST_STEM or (ending == "s" and left == 3 and word[-2] != "s")):
            return word[:left]
    return word


def _meanings(word: str, key: str) -> tuple[str, ...]:
    """What the word may mean; for a compound, as German makes them, what its first and its last part may mean."""
    if found := MEANINGS.get(word) or _OF_STEMS.get(key):
        return found
    lengths = range(len(word) - _LEAST_PART, _LEAST_PART - 1, -1)
    first = next((found for length in lengths if (found := MEANINGS.get(word[:length]))), ())
    last = next((found for length in lengths if (found := _inflected(word[-length:]))), ())
    return tuple(dict.fromkeys((*first, *last)))


def _inflected(word: str) -> tuple[str, ...]:
    return MEANINGS.get(word) or _OF_STEMS.get(stem(word), ())


def _pairs(token: str) -> Iterator[Term]:
    """Two neighbours at a time, of scripts without spaces; what is only grammar (hiragana) is left out."""
    for run in _SCRIPTS.findall(token):
        for two in (run[at : at + 2] for at in range(len(run) - 1)):
            if not _KANA.search(two):
                yield Term(two, Kind.WORD, two)


_OF_STEMS = {stem(word): meanings for word, meanings in MEANINGS.items()}
