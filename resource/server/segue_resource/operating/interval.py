"""`--since` and `--until`: from a moment on, and before another."""

import argparse
from datetime import UTC, datetime

_FORM = "say 2026-10-01 (midnight UTC), 2026-10-01T08:30:00Z, or seconds since the epoch"
_LARGEST = 10**11


def add_interval(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", required=True, type=moment, metavar="T", help=f"from then on: {_FORM}")
    parser.add_argument("--until", required=True, type=moment, metavar="T", help="before then")


def moment(text: str) -> int:
    """Seconds since the epoch. Raises `ArgumentTypeError`."""
    if text.isascii() and text.isdecimal() and len(text) < 12:
        return int(text)
    try:
        said = datetime.fromisoformat(text)
        if said.tzinfo is None and len(text) == len("2026-10-01"):
            said = said.replace(tzinfo=UTC)
        if said.tzinfo is None or said.microsecond or not 0 <= said.timestamp() < _LARGEST:
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: {_FORM}") from None
    return int(said.timestamp())


def shown(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
