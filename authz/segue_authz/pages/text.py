"""What the pages say, in the language of whoever reads: gettext over the catalogues in `locale/`.

A message is its English sentence, whole, with named places (`%(name)s`). It is looked up when it is said; a constant
that is said later is `marked`, so that the catalogues have it.
"""

import gettext as standard
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment
from markupsafe import Markup, escape

from segue_authz.pages import language
from segue_authz.pages.language import ENGLISH, Language

CATALOGUES = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the page: in what language, at which address of ours, and whose word that language is.

    `chosen`: by the person, here. `asked`: by the application of this request.
    """

    language: Language = ENGLISH
    address: str = "/"
    chosen: bool = False
    asked: Language | None = None


_READER = ContextVar("reader", default=Reader())  # noqa: B039 (it is frozen)


def reader() -> Reader:
    return _READER.get()


@contextmanager
def reading(somebody: Reader) -> Iterator[None]:
    """What is said in this block is said to `somebody`."""
    before = _READER.set(somebody)
    try:
        yield
    finally:
        _READER.reset(before)


def heed(ui_locales: str) -> None:
    """An application says what its user reads; a choice of the person's own stands."""
    asked = language.asked_for(ui_locales)
    if asked is not None and not reader().chosen:
        _READER.set(replace(reader(), language=asked, asked=asked))


def path_of(tag: str) -> Path:
    return CATALOGUES / tag / "LC_MESSAGES" / "pages.po"


@cache
def catalogue(tag: str) -> standard.NullTranslations:
    """Read from the PO file, so that no compiled one can be stale. English has none: it is the messages themselves."""
    if tag == ENGLISH.tag:
        return standard.NullTranslations()
    compiled = io.BytesIO()
    with path_of(tag).open("rb") as file:
        write_mo(compiled, read_po(file, locale=tag, abort_invalid=True))
    compiled.seek(0)
    return standard.GNUTranslations(compiled)


def marked(message: str) -> str:
    """A message that is said later, by `gettext`."""
    return message


def marked_in(_context: str, message: str) -> str:
    """A message that is said later, by `pgettext` with the same context."""
    return message


def gettext(message: str, /, **places: object) -> str:
    return _spoken().gettext(message) % places


def ngettext(one: str, many: str, number: int, /, **places: object) -> str:
    """`number` is a place of the message as well."""
    return _spoken().ngettext(one, many, number) % {"number": number, **places}


def pgettext(context: str, message: str, /, **places: object) -> str:
    """For a word that other languages say differently in different places."""
    return _spoken().pgettext(context, message) % places


def listed(parts: Iterable[str]) -> Markup:
    """`a, b, and c`, for a page: what is not markup is escaped."""
    return Markup(format_list([str(escape(each)) for each in parts], locale=reader().language.tag))  # noqa: S704


def install(templates: Environment) -> None:
    """Lets templates say `_("…")` and `{% trans %}`, of constants alone: what they say is taken for markup."""
    templates.add_extension("jinja2.ext.i18n")
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda message: _spoken().gettext(message),
        ngettext=lambda one, many, number: _spoken().ngettext(one, many, number),
        pgettext=lambda context, message: _spoken().pgettext(context, message),
        newstyle=True,
    )
    templates.filters.update(translated=gettext, listed=listed)


def _spoken() -> standard.NullTranslations:
    return catalogue(reader().language.tag)
