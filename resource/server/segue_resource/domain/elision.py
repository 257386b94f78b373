"""Which part of a log an ordinary reader is spared, and why (T10, T12, T13).

An elision is a range of the log and the event that says so. The events stay what and where they are: whoever may read
the audit sees all of them, and their numbers stay dense. One concept serves three acts: a compaction tells a range in
fewer words, a correction replaces one event by another, a rollback takes everything after a place back.

```
 seq   1 ......... 40 41 ....... 60 61
       |--compacted--|              `-- log.compacted {from_seq: 1, to_seq: 40, summary}
```
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.event import written_by_the_store
from segue_resource.domain.refusal import Overlaps

_DURABLE = ("fact", "decision")
_TELLS_ANEW = ("log.corrected", "log.compacted")


class Why(StrEnum):
    COMPACTED = "compacted"
    CORRECTED = "corrected"
    REVERTED = "reverted"


@dataclass(frozen=True)
class Elision:
    """The events from `from_seq` to `to_seq`, as the event `by_seq` says."""

    from_seq: int
    to_seq: int
    by_seq: int
    why: Why

    def covers(self, seq: int) -> bool:
        return self.from_seq <= seq <= self.to_seq

    def meets(self, first: int, last: int) -> bool:
        """Whether it has a number in common with a range."""
        return self.from_seq <= last and first <= self.to_seq

    def contains(self, other: "Elision") -> bool:
        return self.from_seq <= other.from_seq and other.to_seq <= self.to_seq

    def hides(self, seq: int, kind: str) -> bool:
        return self.covers(seq) and HIDES[self.why](kind)


@dataclass(frozen=True)
class Elided:
    """An elision as a reader is told of it; `summary` is what a compaction says instead."""

    from_seq: int
    to_seq: int
    by_seq: int
    why: Why
    summary: str | None


def transient(kind: str) -> bool:
    """Whether events of this kind may be told in fewer words: what callers wrote, but for facts and decisions.

    What the store itself wrote (tool calls, participants, changes of the working set) is the durable tier's record.
    """
    return not written_by_the_store(kind) and kind.partition(".")[0] not in _DURABLE


def said(kind: str) -> bool:
    """Whether events of this kind are somebody's words, which can be taken back: also facts, decisions, corrections."""
    return not written_by_the_store(kind) or kind in _TELLS_ANEW


HIDES: dict[Why, Callable[[str], bool]] = {
    Why.COMPACTED: transient,
    Why.CORRECTED: said,
    Why.REVERTED: said,
}
"""Which kinds of events each act takes out of the ordinary view."""


def in_effect(elisions: Iterable[Elision]) -> list[Elision]:
    """Those that hold: a rollback undoes also what was elided since the place it goes back to. In order of `by_seq`."""
    held: list[Elision] = []
    for elision in sorted(elisions, key=lambda one: one.by_seq, reverse=True):
        if not any(later.why is Why.REVERTED and later.covers(elision.by_seq) for later in held):
            held.append(elision)
    return held[::-1]


def outermost(held: Iterable[Elision]) -> list[Elision]:
    """Without those inside another, as a summary inside a summary of summaries. In order of their place."""
    found: list[Elision] = []
    for elision in sorted(held, key=lambda one: (one.from_seq, -one.to_seq, -one.by_seq)):
        if not found or found[-1].to_seq < elision.to_seq:
            found.append(elision)
    return found


def hiding(held: Sequence[Elision], seq: int, kind: str) -> Elision | None:
    """What hides the event, if anything does."""
    return next((elision for elision in held if elision.hides(seq, kind)), None)


def require_apart(new: Elision, held: Iterable[Elision]) -> None:
    """A compaction takes others in whole or leaves them alone. Raises `Overlaps`."""
    for other in held:
        apart = not other.meets(new.from_seq, new.to_seq) or (new.contains(other) and not other.contains(new))
        if other.why is Why.COMPACTED and not apart:
            raise Overlaps(from_seq=other.from_seq, to_seq=other.to_seq)


def newest_summaries(held: Iterable[Elision], *, most: int) -> list[Elision]:
    """The last compactions that no other tells shorter, at most `most`, in the order of their place."""
    return [one for one in outermost(held) if one.why is Why.COMPACTED][-most:]


def recent(held: Iterable[Elision], *, head: int, most: int) -> list[int]:
    """The last numbers outside every elision, at most `most`, in their order."""
    numbers: list[int] = []
    last = head
    for elision in reversed(outermost(held)):
        first = max(elision.to_seq + 1, last - (most - len(numbers)) + 1)
        numbers = [*range(first, last + 1), *numbers]
        last = min(last, elision.from_seq - 1)
    first = max(1, last - (most - len(numbers)) + 1)
    return [*range(first, last + 1), *numbers]
