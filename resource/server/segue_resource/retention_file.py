"""Reads the retention policy from its TOML file, strictly: a misspelt or impossible value stops the server.

[retention]
debug_window = "14d"           # "never" where a value may be never; units are s, min, h, d
notice = "7d"
close_after = "180d"           # for all classes

[retention.classes.scratch]
pause_after = "1d"
close_after = "7d"
erase_after = "30d"

[retention.clients]
my-notebook = "scratch"        # the class of the tasks that this client begins
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from segue_storage.setting import BadSetting

from segue_resource.domain.retention import DAY, DEFAULT, FLOORS, UNITS, Retention, Rules, require_consistent

LONGEST = 100 * 365 * DAY
"""Longer than this is a slip of the pen for "never"."""
MOST_CLASSES = 100
"""Classes are counted one by one in every report."""
CLASS = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)

_DURATION = re.compile(r"([0-9]{1,10})(s|min|h|d)", re.ASCII)
_RULES = tuple(field.name for field in fields(Rules))
_TABLES = ("classes", "clients")


def read(file: Path | None) -> Retention:
    """The policy of the file; without one, the built-in one. Raises `BadSetting`."""
    if file is None:
        return Retention()
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as unreadable:
        raise BadSetting(f"the retention policy {file} cannot be read: {unreadable}") from unreadable
    if set(document) != {"retention"} or not isinstance(document["retention"], dict):
        raise BadSetting(f"{file} must hold one table, retention")
    return from_table(document["retention"])


def from_table(table: Mapping[str, Any]) -> Retention:
    """Raises `BadSetting`, naming the key, what it holds and what would be accepted."""
    own = {name: value for name, value in table.items() if name not in _TABLES}
    values = _values(own, "retention", known=(*FLOORS, *_RULES))
    floors = {name: values.pop(name) for name in FLOORS if name in values}
    classes = _classes(_table(table, "classes"))
    retention = Retention(
        **floors,
        general=replace(Rules(), **values),
        set_for_all=frozenset(values) | frozenset(floors),
        classes=classes,
        clients=_clients(_table(table, "clients"), {DEFAULT, *classes}),
    )
    try:
        require_consistent(retention)
    except ValueError as wrong:
        raise BadSetting(str(wrong)) from wrong
    return retention


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise BadSetting(f"retention.{name} must be a table")
    return found


def _classes(tables: Mapping[str, Any]) -> dict[str, dict[str, int | None]]:
    if len(tables) > MOST_CLASSES:
        raise BadSetting(f"retention.classes has {len(tables)} classes; it must have at most {MOST_CLASSES}")
    for name, values in tables.items():
        if not CLASS.fullmatch(name) or not isinstance(values, dict):
            raise BadSetting(
                f"retention.classes.{name} cannot be used; it must be a table whose name is a word of at most"
                " 32 small letters, digits, _ and -"
            )
    return {name: _values(values, f"retention.classes.{name}", known=_RULES) for name, values in tables.items()}


def _clients(table: Mapping[str, Any], classes: set[str]) -> dict[str, str]:
    for client_id, name in table.items():
        if not isinstance(name, str) or name not in classes:
            known = ", ".join(sorted(classes))
            raise BadSetting(f"retention.clients.{client_id} is {name!r}; it must be one of {known}")
    return dict(table)


def _values(values: Mapping[str, Any], where: str, *, known: tuple[str, ...]) -> dict[str, Any]:
    for name in values:
        if name not in known:
            raise BadSetting(f"{where}.{name} is not a setting; those are {', '.join(known)}")
    return {name: _duration(value, f"{where}.{name}", floor=name in FLOORS) for name, value in values.items()}


def _duration(value: Any, where: str, *, floor: bool) -> int | None:
    """At least a second: none at all would drop what has just been written. A floor ends, or nothing ever would."""
    if value == "never" and not floor:
        return None
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 1 <= seconds <= LONGEST:
        never = "" if floor else ', or "never"'
        raise BadSetting(
            f'{where} is {value!r}; it must be a duration such as "90d" or "12h", from "1s" to "36500d"{never}'
        )
    return seconds
