"""Spans of time in words a person reads at a glance, as the Unicode CLDR says them in the reader's language.

`static/watch.js` says the same by the browser's own CLDR, with Western digits like those of codes.
"""

from datetime import timedelta
from typing import Literal

from babel.dates import format_timedelta

from segue_authz.pages.text import gettext, reader

_Unit = Literal["day", "hour", "minute", "second"]
_UNITS: tuple[tuple[int, _Unit], ...] = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_NEVER = float("inf")
"""The threshold at which a larger unit would be taken than the one wanted."""


def ahead(seconds: int) -> str:
    """How long from now, in the largest unit that fits, rounded down: `in 2 minutes`, below that in seconds."""
    return _told(max(seconds, 0), 1)


def ago(seconds: int) -> str:
    """How long ago something happened; under two seconds, and in the future, it is `just now`."""
    return gettext("just now") if seconds < 2 else _told(seconds, -1)


def _told(seconds: int, direction: int) -> str:
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    if unit == "minute" and seconds < 120:
        size, unit = _UNITS[-1]
    whole = timedelta(seconds=direction * (seconds // size) * size)
    return format_timedelta(whole, unit, _NEVER, add_direction=True, locale=reader().language.tag)
