"""Names other people chose, made safe to read: the invisible is taken out, the deceptive marked, the long cut.

For display only, never for comparison. Direction is isolated by the templates, which put each name into `<bdi>`.
"""

import re
import unicodedata
from dataclasses import dataclass

from segue_authz.pages.script import imitates_latin, mixes_scripts, script_of
from segue_authz.pages.text import marked

LIMIT = 64
PLACE = 60
"""As long as a place may be that a device tells (specs/protocol.md section 6.2): none is cut."""
_READ_AT_MOST = 2000
_STACKED_MARKS = 3
_ZERO_WIDTH_JOINERS = {"\u200c", "\u200d"}
_EMOJI_SELECTORS = {"\ufe0e", "\ufe0f"}
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_BLANK = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"}
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINING_SCRIPTS = {"ARABIC", "BENGALI", "DEVANAGARI", "KANNADA", "MALAYALAM", "SINHALA", "SYRIAC", "TAMIL", "TELUGU"}

HIDDEN = marked("hidden characters removed")
MIXED = marked("mixes alphabets")
IMITATES = marked("letters look like others")
CUT = marked("shortened")


@dataclass(frozen=True, slots=True)
class DisplayName:
    """A name as a page may show it. `text` is empty when nothing readable was left; `notes` say what was done to it."""

    text: str
    notes: tuple[str, ...] = ()


def display_name(raw: str, *, limit: int = LIMIT) -> DisplayName:
    """The form of `raw` that is safe to show; `limit` is in characters, and a cut ends in an ellipsis."""
    spaced = _one_line(unicodedata.normalize("NFC", raw[:_READ_AT_MOST]))
    seen = _without_hidden(spaced)
    text = unicodedata.normalize("NFC", _one_line(seen))
    notes = [HIDDEN] if seen != spaced else []
    if mixes_scripts(text):
        notes.append(MIXED)
    elif imitates_latin(text):
        notes.append(IMITATES)
    if len(text) > limit or len(raw) > _READ_AT_MOST:
        text = text[: limit - 1].rstrip(" \u200c\u200d") + "…"
        notes.append(CUT)
    return DisplayName(text, tuple(notes))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _without_hidden(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for at, char in enumerate(text):
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if marks <= _STACKED_MARKS and not _hidden(char, before=kept[-1] if kept else " ", after=text[at + 1 : at + 2]):
            kept.append(char)
    return "".join(kept)


def _hidden(char: str, *, before: str, after: str) -> bool:
    """Whether `char` cannot be seen; selectors and joiners may stay where emoji and joining scripts need them."""
    if char in _EMOJI_SELECTORS:
        return unicodedata.category(before) not in {"So", "Sm", "Po", "Nd"}
    if char in _ZERO_WIDTH_JOINERS:
        return not (_joins_emoji(before, after) or _joins_letters(before, after))
    return bool(_SELECTOR.match(char)) or char in _BLANK or unicodedata.category(char) in _HIDDEN_CATEGORIES


def _joins_emoji(before: str, after: str) -> bool:
    drawn = before in _EMOJI_SELECTORS or unicodedata.category(before) in {"So", "Sk"}
    return drawn and after != "" and unicodedata.category(after) in {"So", "Sm"}


def _joins_letters(before: str, after: str) -> bool:
    """RFC 5892 appendix A allows joiners between letters of scripts that join, also after a mark such as a virama."""
    if not after or script_of(after) not in _JOINING_SCRIPTS:
        return False
    return script_of(before) == script_of(after) or unicodedata.category(before) == "Mn"
