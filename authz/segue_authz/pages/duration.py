"""Spans of time in words a person reads at a glance."""

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def span(seconds: int) -> str:
    """The largest unit that fits, rounded down: `97` is `1 minute`; under two minutes it stays in seconds."""
    whole = max(seconds, 0)
    for size, unit in _UNITS:
        if whole >= size and not (unit == "minute" and whole < 120):
            return _count(whole // size, unit)
    return _count(0, "second")


def ago(seconds: int) -> str:
    """How long ago something happened; under two seconds, and in the future, it is `just now`."""
    return "just now" if seconds < 2 else f"{span(seconds)} ago"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
