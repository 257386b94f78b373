"""A reader without a model: it answers from the sentences it is given, always in the same way, whoever prepared them.

It looks for the sentence that has most of the question's words in it and one of the answers; of two that are as good
it believes the later one. If none has at least half of the question's words (or two of them), it says `unknown`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from resume_worth.corpus import Question

UNKNOWN = "unknown"
_WORD = re.compile(r"[a-z0-9]+")
_SENTENCE = re.compile(r"(?<=[.?!:;])\s+|\n+")
_PLAIN = frozenset(Path(__file__).with_name("plain_words.txt").read_text("ascii").split())
"""Words that say nothing about the subject."""


def answer(question: Question, context: str) -> str:
    """One of the question's answers, or `unknown`; for a derived question the answers of its parts."""
    if question.parts:
        return " | ".join(answer(part, context) for part in question.parts)
    sought = _stems(question.ask)
    best, found = 0.0, UNKNOWN
    for sentence in _SENTENCE.split(context):
        shared = len(sought & _stems(sentence))
        option = _option(question.options, sentence)
        if option is not None and shared >= best and shared >= min(2, len(sought) / 2):
            best, found = shared, option
    return found


def expected(question: Question) -> str:
    if question.parts:
        return " | ".join(expected(part) for part in question.parts)
    return question.answer


def _option(options: Sequence[str], sentence: str) -> str | None:
    """The one answer that the sentence has; none if it has several, for then it does not say which."""
    said = [option for option in options if option.lower() in sentence.lower()]
    return said[0] if len(said) == 1 else None


def _stems(text: str) -> frozenset[str]:
    """Words that carry meaning, cut so that `travels` and `travel` are one."""
    words = (word for word in _WORD.findall(text.lower()) if word not in _PLAIN)
    return frozenset(word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words)
