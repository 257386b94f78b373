"""Texts that grow while others read them, for a while: what they are, and those of one process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from segue.clock import Clock

GROUPS = 10_000
"""The most groups of texts that one process remembers."""


@dataclass(frozen=True)
class Growth:
    """What became of a piece. `length` is that of the whole text now.

    `elsewhere`: the text ends at another place. `full`: it would be too long. `gone`: there is no such text.
    """

    result: Literal["extended", "elsewhere", "stopped", "full", "gone"]
    length: int


@dataclass(frozen=True)
class Text:
    """A text as it is: its pieces from number `first` on."""

    about: bytes
    length: int
    stopped: bool
    first: int
    pieces: list[bytes]


@dataclass
class _Growing:
    about: bytes
    expires_at: int
    length: int = 0
    stopped: bool = False
    last: tuple[int, bytes] | None = None
    pieces: list[bytes] = field(default_factory=list)


class Texts:
    """The texts of this process, by group and name. The arguments are those of `Ephemeral`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._groups: dict[str, dict[str, _Growing]] = {}

    def open(self, group: str, name: str, about: bytes, *, most: int, lifetime: int) -> bool:
        if len(self._groups) >= GROUPS:
            for other in list(self._groups):
                self._living(other)
        texts = self._living(group)
        if len(texts) >= most or (not texts and len(self._groups) >= GROUPS):
            return False
        self._groups.setdefault(group, texts)[name] = _Growing(about, self._clock() + lifetime)
        return True

    def extend(
        self, group: str, name: str, piece: bytes, *, at: int, size: int, mark: bytes, limit: int, lifetime: int
    ) -> Growth:
        text = self._living(group).get(name)
        if text is None:
            return Growth("gone", 0)
        if text.stopped:
            return Growth("stopped", text.length)
        if at != text.length:
            repeated = text.last == (at, mark) and at + size == text.length
            return Growth("extended" if repeated else "elsewhere", text.length)
        if text.length + size > limit:
            return Growth("full", text.length)
        text.pieces.append(piece)
        text.length, text.last, text.expires_at = at + size, (at, mark), self._clock() + lifetime
        return Growth("extended", text.length)

    def stop(self, group: str, name: str) -> int | None:
        text = self._living(group).get(name)
        if text is None:
            return None
        text.stopped = True
        return text.length

    def drop(self, group: str, name: str) -> None:
        self._living(group).pop(name, None)
        self._living(group)

    def read(self, group: str, known: Mapping[str, int]) -> dict[str, Text]:
        return {
            name: Text(text.about, text.length, text.stopped, known.get(name, 0), text.pieces[known.get(name, 0) :])
            for name, text in self._living(group).items()
        }

    def _living(self, group: str) -> dict[str, _Growing]:
        texts = self._groups.get(group, {})
        for name in [name for name, text in texts.items() if text.expires_at <= self._clock()]:
            del texts[name]
        if not texts:
            self._groups.pop(group, None)
        return texts
