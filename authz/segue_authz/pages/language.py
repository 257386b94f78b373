"""The languages of the pages, and which of them somebody reads.

A choice of the person's own comes first, then what an application says of its user (`ui_locales`, OpenID Connect Core
section 3.1.2.1), then what the browser asks for (RFC 9110 section 12.5.4), then English.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from babel.core import negotiate_locale


@dataclass(frozen=True, slots=True)
class Language:
    """`tag` as in RFC 5646, the name in the language itself, the direction as in HTML."""

    tag: str
    name: str
    direction: str = "ltr"


ENGLISH = Language("en", "English")
LANGUAGES = (ENGLISH, Language("de", "Deutsch"), Language("ar", "العربية", "rtl"))
"""Those with a catalogue in `locale/`, and English, which is in the pages themselves."""

_BY_TAG = {language.tag: language for language in LANGUAGES}
_LONGEST, _MOST = 1_000, 50
"""How much is read of what a stranger sends: characters, and ranges in them."""
_RANGE = re.compile(r"(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?", re.I)


def by_tag(tag: str) -> Language | None:
    """The language whose tag this is, exactly."""
    return _BY_TAG.get(tag)


def first_spoken(tags: Iterable[str]) -> Language | None:
    """The first that the pages speak, `de-AT` counting as `de` (RFC 4647 section 3.4)."""
    found = negotiate_locale(list(tags), list(_BY_TAG), sep="-")
    return by_tag(found.lower()) if found else None


def asked_for(ui_locales: str) -> Language | None:
    """Of tags separated by spaces, the most wanted first. What is not known is no error."""
    return first_spoken(ui_locales[:_LONGEST].split(" ", maxsplit=_MOST)[:_MOST])


@lru_cache(maxsize=512)
def accepted(accept_language: str) -> Language | None:
    """Of a header `Accept-Language`: by weight, then in its order. What is malformed in it is passed over."""
    ranges = [_RANGE.fullmatch(each.strip()) for each in accept_language[:_LONGEST].split(",", maxsplit=_MOST)[:_MOST]]
    weighted = [(float(found[2] or 1), found[1]) for found in ranges if found]
    wanted = sorted((pair for pair in weighted if pair[0] > 0), key=lambda pair: -pair[0])
    refused = {tag.lower() for weight, tag in weighted if weight == 0}
    return first_spoken(_free(refused) if tag == "*" else tag for _, tag in wanted)


def _free(refused: set[str]) -> str:
    """What `*` stands for: the first of ours that is not refused."""
    return next((tag for tag in _BY_TAG if tag not in refused), ENGLISH.tag)
