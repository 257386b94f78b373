"""Every SQL statement that a server executes, and whether it names what says where its rows are."""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event

PUBLISHED = tomllib.loads((Path(__file__).parents[1] / "specs" / "partition-keys.toml").read_text())
Locating = Mapping[str, Sequence[str]]
"""The columns of each table of which any says where a row is."""


@contextmanager
def recorded() -> Iterator[dict[str, str]]:
    """Every statement that is executed meanwhile, with the function that has it executed."""
    found: dict[str, str] = {}

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.setdefault(" ".join(statement.split()), _function(sys._getframe(1)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def nameless(executed: Mapping[str, str], locating: Locating, *, excepted: Callable[[str], bool]) -> set[str]:
    """`function: table: statement` for each that names no such column, but for the functions that are excepted."""
    return {
        f"{function}: {table}: {statement}"
        for statement, function in executed.items()
        for table in without_key(statement, locating)
        if not excepted(function)
    }


def without_key(statement: str, locating: Locating) -> list[str]:
    """The divided tables in the statement that it names by no such column, in no condition and no value."""
    return [
        table
        for table, columns in locating.items()
        if _is_in(table, statement) and not any(_names(table, column, statement) for column in columns)
    ]


def _is_in(table: str, statement: str) -> bool:
    return re.search(rf"\b(FROM|JOIN|INTO|UPDATE|,) {table}\b", statement) is not None


def _names(table: str, column: str, statement: str) -> bool:
    inserted = re.search(rf"INSERT INTO {table} \(([^)]*)\)", statement)
    if inserted is not None:
        return column in inserted[1].split(", ")
    conditions = re.split(r"\b(?:WHERE|ON)\b", statement, maxsplit=1)[1:]
    names = "|".join({table, *re.findall(rf"\b{table} AS (\w+)", statement)})
    return any(re.search(rf"\b(?:{names})\.{column} (=|IN)|= (?:{names})\.{column}\b", part) for part in conditions)


def _function(frame: FrameType | None) -> str:
    """The innermost one that is neither SQLAlchemy's nor that of what runs work."""
    own = ("sqlalchemy", "segue_storage", __name__)
    while frame is not None and frame.f_globals["__name__"].split(".")[0] in own:
        frame = frame.f_back
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}" if frame else ""
