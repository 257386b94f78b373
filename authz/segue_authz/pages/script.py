"""Which alphabet a letter belongs to, and whether a name passes letters of one off as another's (UTS 39 section 5).

The standard library has no script property; the first word of a character's name serves, because that is how Unicode
names letters.
"""

import re
import unicodedata
from itertools import groupby

_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
"""Scripts that one word may mix: the "highly restrictive" level of UTS 39 section 5.2."""

_ALIASES = {"CJK": "HAN", "FEMININE": "LATIN", "MASCULINE": "LATIN", "MICRO": ""}
_WIDTHS = {"FULLWIDTH", "HALFWIDTH"}
_LOOK_LATIN_THROUGHOUT = {"MATHEMATICAL", "LISU", "CHEROKEE"}
_LOOK_LATIN = {
    "CYRILLIC": set(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u04cf\u0475"
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0406\u0408\u0405\u050c\u051a\u051c\u04c0"
    ),
    "GREEK": set(
        "\u03bf\u03bd\u03c1\u03f2\u03f3"
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u037f"
    ),
}
_FEWEST_THAT_DECEIVE = 3


def script_of(char: str) -> str:
    """The script of one letter, such as `LATIN` or `HAN`; empty for everything that is no letter or common to many."""
    if unicodedata.category(char) not in {"Lu", "Ll", "Lt", "Lo"}:
        return ""
    first, _, rest = unicodedata.name(char, "").partition(" ")
    if first in _WIDTHS:
        first = rest.partition(" ")[0]
    return _ALIASES.get(first, first)


def mixes_scripts(text: str) -> bool:
    """Whether one word has letters of alphabets that no language writes together."""
    without_marks = "".join(char for char in text if not unicodedata.category(char).startswith("M"))
    return any(_mixed(word) for word in re.findall(r"\w+", without_marks))


def imitates_latin(text: str) -> bool:
    """Whether all letters of another alphabet in `text` happen to be those that look like Latin ones."""
    by_script = groupby(sorted(filter(script_of, text), key=script_of), key=script_of)
    return any(_imitates(script, list(letters)) for script, letters in by_script)


def _mixed(word: str) -> bool:
    scripts = {script_of(char) for char in word} - {""}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _imitates(script: str, letters: list[str]) -> bool:
    if script in _LOOK_LATIN_THROUGHOUT:
        return True
    alike = _LOOK_LATIN.get(script, set())
    return len(letters) >= _FEWEST_THAT_DECEIVE and alike.issuperset(letters)
