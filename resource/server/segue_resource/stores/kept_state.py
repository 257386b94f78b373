"""An agent's state in the database: events with a key, read by key and in the order of keys (specs/protocol.md 8.6).

An index of the keys finds the newest event of each; where a rollback took events back, those are passed over.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.domain.elision import Elision, Why
from segue_resource.domain.kept_state import BEHIND_ALL, KEPT, Change, Entry, differing
from segue_resource.domain.refusal import Conflict, CursorAhead
from segue_resource.stores import tables
from segue_resource.stores.events import PAGE_BYTES
from segue_resource.stores.history import elisions
from segue_resource.stores.history.lineage import Stretch, stretches
from segue_resource.stores.keys.sealing import Damaged, Place
from segue_resource.stores.log import open_body
from segue_resource.stores.unit import Reading, Writing

_events = tables.events
_its = _events.c.task_id == sa.bindparam("the_task")
_ROWS = sa.select(_events).where(_its, _events.c.seq.in_(sa.bindparam("numbers", expanding=True)))


@dataclass(frozen=True)
class _Place:
    """Where the newest event of a key is: a row of the task `task_id`."""

    key: str
    seq: int
    size: int
    kind: str
    task_id: str


@dataclass(frozen=True)
class Found:
    """Entries that fit into an answer, in their order; `left` are the keys of those that did not."""

    entries: list[Entry]
    left: list[str]


@dataclass(frozen=True)
class Page:
    """Entries in the order of reading, and the key behind which the next begin; None at the end."""

    entries: list[Entry]
    next_after: str | None


@dataclass(frozen=True)
class Span:
    """Keys that begin with `prefix`, behind the key `after` in the order of reading, at most `most`."""

    prefix: str
    after: str | None
    descending: bool
    most: int


def keep(writing: Writing, changes: Sequence[Change], *, expected: Mapping[str, int]) -> tuple[int, int]:
    """Log the changes in their order; the first and the last sequence number.

    Whoever runs may still keep what it has come to while the task rests. Raises `NotActive` once the task has ended,
    and `Conflict` if a key that is `expected` to have been kept by an event (0: to hold nothing) has another.
    """
    writing.require_not_ended()
    if expected:
        newest = {place.key: place.seq for place in _newest_of(writing, [*expected], last=writing.before)}
        if other := differing(expected, newest):
            raise Conflict(other)
    first = writing.head + 1
    for change in changes:
        writing.note(change.kind, change.body, state_key=change.key)
    return first, writing.head


def read(reading: Reading, keys: Sequence[str], *, as_of: int | None) -> Found:
    """What those keys hold, now or right after the event `as_of`, in the order of the keys. Raises `CursorAhead`."""
    places = sorted(_newest_of(reading, keys, last=_last(reading, as_of)), key=lambda place: place.key)
    return _fitting(reading, places)


def scan(reading: Reading, span: Span, *, as_of: int | None) -> Page:
    """What the keys of a span hold, now or right after the event `as_of`. Raises `CursorAhead`."""
    last = _last(reading, as_of)
    after, found, ended = span.after, list[_Place](), False
    while len(found) < span.most and not ended:
        newest, after = _next(reading, span, after=after, last=last)
        found += [place for place in newest if place.kind == KEPT]
        ended = after is None
    fitting = _fitting(reading, found[: span.most])
    all_of_it = ended and len(fitting.entries) == len(found)
    return Page(fitting.entries, None if all_of_it else fitting.entries[-1].key)


def _last(reading: Reading, as_of: int | None) -> int:
    if as_of is not None and as_of > reading.head:
        raise CursorAhead
    return reading.head if as_of is None else as_of


def _newest_of(unit: Reading | Writing, keys: Collection[str], *, last: int) -> list[_Place]:
    """Of those keys that hold something."""
    wanted = _events.c.state_key.in_(sorted(keys))
    newest = _merged(_newest(unit, stretch, taken, wanted) for stretch, taken in _past(unit, last))
    return [place for place in newest.values() if place.kind == KEPT]


def _next(unit: Reading, span: Span, *, after: str | None, last: int) -> tuple[list[_Place], str | None]:
    """The newest events of the next keys, dropped ones too, and the key behind which to go on; None at the end."""
    key = _events.c.state_key
    wanted = sa.and_(key >= span.prefix, key < span.prefix + BEHIND_ALL)
    if after is not None:
        wanted = sa.and_(wanted, key < after if span.descending else key > after)
    parts = [
        _newest(unit, stretch, taken, wanted, most=span.most, descending=span.descending)
        for stretch, taken in _past(unit, last)
    ]
    found = sorted(_merged(parts).values(), key=lambda place: place.key, reverse=span.descending)
    ends = [part[-1].key for part in parts if len(part) == span.most]
    if not ends:
        return found, None
    end = max(ends) if span.descending else min(ends)  # behind it some part was not looked at
    seen = [place for place in found if (place.key >= end if span.descending else place.key <= end)]
    return seen, end


def _past(unit: Reading | Writing, last: int) -> Iterator[tuple[Stretch, list[Elision]]]:
    """Where the log up to `last` lies, oldest first, and what of it was taken back by then."""
    held = [one for one in elisions.reaching(unit, 1, last=last) if one.why is Why.REVERTED]
    for stretch in stretches(unit, 1, last):
        yield stretch, [one for one in held if one.meets(stretch.first, stretch.last)]


def _newest(
    unit: Reading | Writing,
    stretch: Stretch,
    taken_back: Iterable[Elision],
    wanted: sa.ColumnElement[bool],
    *,
    most: int | None = None,
    descending: bool = False,
) -> list[_Place]:
    """The newest event of each key in a stretch, in the order of the keys."""
    key = _events.c.state_key
    theirs = sa.and_(_its, key.is_not(None), wanted, _events.c.seq.between(sa.bindparam("first"), sa.bindparam("last")))
    for one in taken_back:
        theirs = sa.and_(theirs, sa.not_(_events.c.seq.between(one.from_seq, one.to_seq)))
    newest = sa.select(key.label("key"), sa.func.max(_events.c.seq).label("seq")).where(theirs).group_by(key)
    newest = newest.order_by(key.desc() if descending else key.asc())
    found = (newest if most is None else newest.limit(most)).subquery()
    statement = (
        sa.select(found.c.key, found.c.seq, _events.c.size, _events.c.kind)
        .join(_events, sa.and_(_its, _events.c.seq == found.c.seq))
        .order_by(found.c.key.desc() if descending else found.c.key.asc())
    )
    asked = {"the_task": stretch.task_id, "first": stretch.first, "last": stretch.last}
    return [_Place(*row, task_id=stretch.task_id) for row in unit.connection.execute(statement, asked)]


def _merged(parts: Iterable[list[_Place]]) -> dict[str, _Place]:
    """What is newer takes the place of what is older; `parts` come oldest first."""
    return {place.key: place for part in parts for place in part}


def _fitting(reading: Reading, places: list[_Place]) -> Found:
    """The entries of the first places that fit into an answer; the first always does."""
    budget, count = PAGE_BYTES, 0
    for place in places:
        budget -= place.size
        if count and budget < 0:
            break
        count += 1
    return Found(_opened(reading, places[:count]), [place.key for place in places[count:]])


def _opened(reading: Reading, places: Sequence[_Place]) -> list[Entry]:
    """Raises `Damaged`, also where the key beside an entry is not the one that was sealed with it."""
    entries: dict[str, Entry] = {}
    for task_id in {place.task_id for place in places}:
        numbers = [place.seq for place in places if place.task_id == task_id]
        keys = reading.keys.of(task_id)
        for row in reading.connection.execute(_ROWS, {"the_task": task_id, "numbers": numbers}):
            body = open_body(row, keys) if row.sealed else None
            if body is not None and body["key"] != row.state_key:
                raise Damaged("the key is another than was sealed", place=Place(_events.name, task_id, str(row.seq)))
            value = None if body is None else body["value"]
            entries[row.state_key] = Entry(row.state_key, row.seq, row.at, value, expired=body is None)
    return [entries[place.key] for place in places]
