"""The part of a file that a request asks for (RFC 9110 section 14)."""

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))", re.IGNORECASE | re.ASCII)


class Unsatisfiable(Exception):
    """The file has nothing there."""


@dataclass(frozen=True)
class ByteRange:
    """Both ends are included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def byte_range(said: str, *, size: int) -> ByteRange | None:
    """One range of a file of that size; None for several or for another unit, which may be ignored (section 14.2).

    Raises `Unsatisfiable`.
    """
    asked = _ONE.fullmatch(said.strip())
    if asked is None:
        return None
    first, last, suffix = asked.groups()
    if suffix is not None:
        return _within(max(size - int(suffix), 0) if int(suffix) else size, size - 1, size=size)
    if last and int(last) < int(first):
        return None
    return _within(int(first), min(int(last), size - 1) if last else size - 1, size=size)


def _within(first: int, last: int, *, size: int) -> ByteRange:
    if first >= size:
        raise Unsatisfiable
    return ByteRange(first, last)
