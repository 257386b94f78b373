"""Errors: whoever cannot be served is told so by a standard error, and when to come back (RFC 9110 section 15.6.4)."""

from collections.abc import Iterator, Sequence

from history.operation import Operation
from history.reading import Reading
from history.violation import Violation

RULES = {"plain-outage": "An answer of 500 and more is 503 and says when to try again."}


def broken(history: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    for each in history:
        refused = each.refused
        if refused is None or refused["status"] < 500:
            continue
        if refused["status"] != 503 or not str(refused["retry_after"] or "").isdecimal():
            yield Violation("plain-outage", f"{refused['status']} {refused['error']}", (each,))
