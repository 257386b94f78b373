"""Brings the catalogues of the pages up to date with what the pages say: `python -m segue_authz.catalogues`.

New messages come in without a translation, messages that are said no more go. `--check` changes nothing and tells what
is to be done; a language that has just been added to `pages/language.py` gets its file.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from segue_authz.pages.language import ENGLISH, LANGUAGES
from segue_authz.pages.text import CATALOGUES, path_of

PACKAGE = Path(__file__).parent
_KEYWORDS = DEFAULT_KEYWORDS | parse_keywords(["marked", "marked_in:1c,2"])


def said() -> Catalog:
    """Every message in the code and the templates."""
    with (CATALOGUES / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = Catalog(project="Segue", fuzzy=False)
    extracted = extract_from_dir(PACKAGE, methods, options, _KEYWORDS)
    for name, line, message, comments, context in extracted:
        found.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return found


def catalogue(tag: str) -> Catalog:
    """The one of a language, empty if there is none yet."""
    if not path_of(tag).exists():
        return Catalog(locale=tag, project="Segue", version="0.1", fuzzy=False)
    with path_of(tag).open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def updated(kept: Catalog, messages: Catalog) -> bytes:
    """The catalogue with `messages` and no other, as it is committed. Nothing is guessed from what was similar."""
    kept.update(messages, no_fuzzy_matching=True, update_creation_date=False)
    written = io.BytesIO()
    write_po(written, kept, width=110, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    return written.getvalue()


def faults(kept: Catalog, messages: Catalog) -> Iterator[str]:
    """What keeps a catalogue from saying everything the pages say, a line for each."""
    for message in messages:
        if message.id:
            there = kept.get(message.id, message.context)
            fault = "is not in it" if there is None else fault_of(kept, there)
            if fault:
                yield f"{_first(message)!r} {fault}"
    yield from (f"{_first(each)!r} is said no more" for each in kept if each.id and _key(each) not in _keys(messages))


def fault_of(kept: Catalog, message: Message) -> str:
    """What is wrong with the translation of one message; empty if nothing is."""
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    wanted = kept.num_plurals if message.pluralizable else 1
    if message.fuzzy:
        return "is fuzzy"
    if len(forms) != wanted or not all(each and each.strip() for each in forms):
        return f"needs {wanted} translations" if wanted > 1 else "is not translated"
    wrong = [str(each) for each in message.check(kept)]
    if not wrong and not message.pluralizable and _places(_first(message)) != _places(str(message.string)):
        wrong = [f"{sorted(_places(_first(message)))} and {sorted(_places(str(message.string)))}"]
    return f"is translated with other placeholders: {'; '.join(wrong)}" if wrong else ""


def main() -> int:
    messages, check = said(), "--check" in sys.argv[1:]
    found: list[str] = []
    for tag in (each.tag for each in LANGUAGES if each != ENGLISH):
        if not check:
            path_of(tag).parent.mkdir(parents=True, exist_ok=True)
            path_of(tag).write_bytes(updated(catalogue(tag), messages))
        found += [f"{path_of(tag)}: {fault}" for fault in faults(catalogue(tag), messages)]
    sys.stdout.write("".join(f"{each}\n" for each in found))
    return 1 if found else 0


def _places(text: str) -> set[str]:
    return set(re.findall(r"%(?:\(\w+\))?[a-z%]|</?\w+", text))


def _first(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _key(message: Message) -> tuple[str, str | None]:
    return _first(message), message.context


def _keys(messages: Catalog) -> set[tuple[str, str | None]]:
    return {_key(each) for each in messages}


if __name__ == "__main__":
    sys.exit(main())
