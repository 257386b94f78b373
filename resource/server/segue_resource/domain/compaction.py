"""Compaction: a range of the log told in fewer words, so that old detail costs little and recent detail stays (T10).

Levels work as in a log-structured store: when `FOLD` summaries of one level lie side by side they become one of the
next level, so that a log of any length is told by a few summaries, the older the shorter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from segue_resource.domain.actor import Actor
from segue_resource.domain.elision import Elision, Why, outermost

COMPACTED = "log.compacted"
MAX_SUMMARY = 16_000
"""Characters of one summary."""
MAX_EVENTS = 100_000
"""Numbers that one compaction may take which no other has taken before: they are counted under the lock."""
MAX_FACTS = 50
"""Items that one compaction may bring with it."""
FOLD = 8
KEEP = 200
LEAST = 20
"""Events worth a summary of the store's own accord."""


class Writer(StrEnum):
    """Who wrote a summary: the caller, the deployment's own service, or the store from what it counted."""

    CALLER = "caller"
    DEPLOYMENT = "deployment"
    STORE = "store"


@dataclass(frozen=True)
class Compaction:
    """A range and what is said instead, in the event `by_seq`. `events` counts those that the ordinary view leaves out.

    `items` are those that were added to the working set with it. `folded_into` is the compaction that tells it shorter.
    """

    by_seq: int
    from_seq: int
    to_seq: int
    at: int
    actor: Actor
    by: Writer
    summary: str | None
    events: int
    items: list[str]
    folded_into: int | None


@dataclass(frozen=True)
class Thresholds:
    """When the store compacts by itself: as soon as one of them is passed by what no summary tells yet.

    `events` in number, `bytes` of their bodies, `age` of the oldest in seconds; None is never. The last `keep` events
    always stay in detail.
    """

    events: int | None = None
    bytes: int | None = None
    age: int | None = None
    keep: int = KEEP

    def __str__(self) -> str:
        """As the setting has it."""
        values = {name: getattr(self, name) for name in BOUNDS}
        return " ".join(f"{name}={value}" for name, value in values.items() if value is not None)

    @property
    def ever(self) -> bool:
        return any(one is not None for one in (self.events, self.bytes, self.age))

    def passed(self, *, events: int, bytes: int, age: int) -> bool:  # noqa: A002
        """Whether what is in detail beside the last `keep` is worth a summary."""
        found = ((self.events, events), (self.bytes, bytes), (self.age, age))
        return events >= LEAST and any(most is not None and value >= most for most, value in found)


NEVER = Thresholds()
BOUNDS: Mapping[str, tuple[int, int]] = {
    "events": (LEAST, MAX_EVENTS),
    "bytes": (10_000, 10**9),
    "age": (60, 10 * 366 * 86_400),
    "keep": (0, 10_000),
}
"""Least and most of each."""


def thresholds(text: str) -> Thresholds:
    """From `events=2000 bytes=4000000 age=604800 keep=200`, each at most once; never by itself without any.

    Raises ValueError with what it holds and what would be accepted.
    """
    found: dict[str, int] = {}
    for entry in text.split():
        name, _, value = entry.partition("=")
        least, most = BOUNDS.get(name, (1, 0))
        digits = value.isascii() and value.isdecimal() and len(value) < 11
        if name in found or not (digits and least <= int(value) <= most):
            bounds = ", ".join(f"{name} from {low} to {high}" for name, (low, high) in BOUNDS.items())
            raise ValueError(f"holds {entry!r}; it must be name=number, each name once: {bounds}")
        found[name] = int(value)
    if set(found) == {"keep"}:
        raise ValueError("holds keep alone; it must say events, bytes or age too, or nothing")
    return Thresholds(**found)


@dataclass(frozen=True)
class Tally:
    """What is in a range: events by kind and by role, bytes of the bodies, and who wrote."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)
    events: int = 0
    bytes: int = 0
    subs: frozenset[str] = frozenset()


def next_from(held: Iterable[Elision]) -> int:
    """Where the part of the log begins that no summary tells."""
    return max((one.to_seq for one in held if one.why is Why.COMPACTED), default=0) + 1


def untold(held: Iterable[Elision], from_seq: int, to_seq: int) -> list[tuple[int, int]]:
    """The parts of a range that no compaction tells, as first and last numbers."""
    parts, first = [], from_seq
    for one in outermost(one for one in held if one.why is Why.COMPACTED):
        if one.meets(from_seq, to_seq):
            parts.append((first, one.from_seq - 1))
            first = one.to_seq + 1
    return [part for part in [*parts, (first, to_seq)] if part[0] <= part[1]]


def foldable(held: Sequence[Elision]) -> tuple[int, int] | None:
    """The oldest range of `FOLD` summaries of one level, side by side; None if there are not so many."""
    compacted = [one for one in held if one.why is Why.COMPACTED]
    run: list[tuple[int, Elision]] = []
    for one in outermost(compacted):
        level = _level(one, compacted)
        if run and (run[-1][0] != level or run[-1][1].to_seq + 1 != one.from_seq):
            run = []
        run.append((level, one))
        if len(run) == FOLD:
            return run[0][1].from_seq, one.to_seq
    return None


def _level(one: Elision, compacted: Sequence[Elision]) -> int:
    """How many compactions lie one in the other at its beginning."""
    return sum(one.contains(other) and other.covers(one.from_seq) for other in compacted)
