"""The texts of the pages in other languages: gettext catalogues, with the English sentence as the key."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "segue_demo"


class Catalogue:
    """One language. `texts` has the sentence, or all its plural forms, under the English one; the modules get it."""

    def __init__(self, texts: Mapping[str, str | tuple[str, ...]]) -> None:
        self.texts = texts

    def gettext(self, message: str) -> str:
        """The sentence in this language; the English one if it is missing (a test sees to it that none is)."""
        found = self.texts.get(message, message)
        return found if isinstance(found, str) else found[0]


@cache
def catalogue(tag: str) -> Catalogue:
    """The catalogue of a language; English needs none."""
    path = catalogue_file(tag)
    if not path.is_file():
        return Catalogue({})
    with path.open("rb") as file:
        messages = [message for message in read_po(file, locale=tag) if message.id and not message.fuzzy]
    return Catalogue({_one(message.id): _text(message.string) for message in messages if message.string})


def catalogue_file(tag: str) -> Path:
    """Where translators keep it."""
    return LOCALE / tag / "LC_MESSAGES" / f"{DOMAIN}.po"


def _one(message_id: str | Sequence[str]) -> str:
    return message_id if isinstance(message_id, str) else message_id[0]


def _text(string: str | Sequence[str]) -> str | tuple[str, ...]:
    return string if isinstance(string, str) else tuple(string)
