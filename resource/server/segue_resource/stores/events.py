"""The event log in the database: appended to under the head's lock, read by cursor in bounded pages.

The numbers are dense, so a page is a range of them: no plan of the database can make it read more. Where something was
elided, the page leaves out what is hidden and tells of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.elision import Elided, Elision, Why, hiding, outermost, recent
from segue_resource.domain.event import Event, NewEvent
from segue_resource.domain.handoff import LEADS
from segue_resource.domain.kept_state import PREFIX as STATE
from segue_resource.domain.participant import SPEAKS_AS, Role
from segue_resource.domain.refusal import CursorAhead, NotYourRole
from segue_resource.stores import drafts, handoffs, sessions, tables
from segue_resource.stores.history import elisions
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.keys.sealing import Damaged, Place
from segue_resource.stores.log import ShownEvent, opened, show_events
from segue_resource.stores.unit import Reading, Writing

PAGE_BYTES = 1_000_000
"""Bodies in one page: it ends earlier than asked for when it would be larger, but holds one event at least."""
TAIL_BYTES = 256_000
WINDOW = 2000
"""Numbers looked at together where some of them may be hidden."""
SUMMARIES = 32
"""Summaries told with one page; of further elisions it tells where they are."""

_events = tables.events
_its = _events.c.task_id == sa.bindparam("the_task")
_range = sa.and_(_its, _events.c.seq >= sa.bindparam("first"), _events.c.seq <= sa.bindparam("last"))
_SIZES = sa.select(_events.c.seq, _events.c.kind, _events.c.size).where(_range).order_by(_events.c.seq)
_SUM = sa.select(
    sa.func.count().label("events"), sa.func.coalesce(sa.func.sum(_events.c.size), 0).label("bytes")
).where(_range)
_EVENTS = sa.select(_events).where(_range).order_by(_events.c.seq)
_COUNTS = (
    sa.select(
        _events.c.kind,
        _events.c.role,
        _events.c.sub,
        sa.func.count().label("events"),
        sa.func.sum(_events.c.size).label("bytes"),
        sa.func.min(_events.c.at).label("since"),
    )
    .where(_range)
    .group_by(_events.c.kind, _events.c.role, _events.c.sub)
)
_picked = sa.and_(_its, _events.c.seq.in_(sa.bindparam("numbers", expanding=True)))
_NAMED = sa.select(_events).where(_picked)  # in no order: for the sake of one, SQLite would read the whole log
_NAMED_SIZES = sa.select(_events.c.seq, _events.c.kind, _events.c.size).where(_picked)


@dataclass(frozen=True)
class Page:
    """Events in their order. `next_after` is the cursor for the page that follows.

    `elided` tells of the ranges, up to there, of which some are left out. In a full view they are there all the same,
    and `hidden` has their numbers, each with that of the event that says so.
    """

    events: list[ShownEvent]
    head: int
    next_after: int
    elided: list[Elided] = field(default_factory=list)
    hidden: dict[int, int] = field(default_factory=dict)


def append(writing: Writing, new: Sequence[NewEvent], *, session_id: str | None) -> tuple[int, int]:
    """Log the caller's events in their order; the first and the last sequence number.

    While the task is paused the customer's own words are kept, for whoever comes back; they begin nothing.

    Raises `NotActive`, `NotYourRole` for words in another's name, `NotYourSession` and `DraftInterrupted`.
    """
    if all(event.role == Role.CUSTOMER for event in new):
        writing.require_not_ended()
    else:
        writing.require_working()
    if not SPEAKS_AS[writing.role].issuperset(event.role for event in new):
        raise NotYourRole(writing.role)
    for role in {event.role for event in new} & LEADS:
        handoffs.require_not_handed_over(writing, Role(role))
    for event in new:
        drafts.require_as_interrupted(writing, event)
    if session_id is not None:
        sessions.touch(writing, session_id)
    numbers = [writing.log(event, session_id=session_id) for event in new]
    return numbers[0], numbers[-1]


def page(reading: Reading, *, after: int, most: int, full: bool = False) -> Page:
    """At most `most` events that follow the cursor, with `full` the hidden ones too. Empty only at the end of the log.

    It ends before an event that is damaged. Raises `CursorAhead`, and `Damaged` if that is the first to follow.
    """
    if after > reading.head:
        raise CursorAhead
    if after == reading.head:
        return Page([], reading.head, after)
    held = elisions.reaching(reading, after + 1)
    numbers, last = _next(reading, [] if full else held, after=after, most=most)
    shown = _readable(reading, numbers, with_state=full)
    last = last if len(shown) == len(numbers) else shown[-1].seq
    here = [elision for elision in outermost(held) if elision.meets(after + 1, last)]
    hidden = {event.seq: by.by_seq for event in shown if (by := hiding(here, event.seq, event.kind))}
    return Page(shown, reading.head, last, told(reading, here), hidden)


def tail(reading: Reading, held: Sequence[Elision], *, most: int) -> list[ShownEvent]:
    """The last events outside every elision, at most `most`, in their order; none up to one that is damaged.

    Those of an agent's state are passed over, and none is looked for behind `WINDOW` of them.
    """
    found = _recent(reading, held, most=most)
    numbers = [seq for seq, _ in found[len(found) - _fitting((size for _, size in reversed(found)), TAIL_BYTES) :]]
    while numbers:
        try:
            return _whole(reading, numbers)
        except Damaged:
            numbers = numbers[1:]
    return []


def _recent(reading: Reading, held: Sequence[Elision], *, most: int) -> list[tuple[int, int]]:
    """Number and size of the last events that are neither hidden nor of an agent's state; missing ones have none."""
    found: list[tuple[int, int]] = []
    last, looked, window = reading.head, 0, most
    while last and len(found) < most and looked < WINDOW:
        numbers = recent(held, head=last, most=window)
        rows = {row.seq: row for row in _found(reading, _SIZES, _NAMED_SIZES, numbers)}
        sizes = {seq: rows[seq].size if seq in rows else 0 for seq in numbers}
        passed_over = {seq for seq, row in rows.items() if row.kind.startswith(STATE)}
        found = [*((seq, size) for seq, size in sizes.items() if seq not in passed_over), *found][-most:]
        last, looked, window = (numbers[0] - 1 if numbers else 0), looked + window, 10 * most
    return found


def named(reading: Reading, numbers: Sequence[int]) -> list[Event]:
    """The events of those numbers, in their order, hidden or not."""
    return [opened(event) for event in show_events(_pick(reading, _NAMED, numbers), reading.keys)]


def between(reading: Reading, first: int, last: int) -> list[Event]:
    """The events of a range, hidden or not, that fit into a page; the first always does."""
    sizes = [row.size for row in _rows(reading, _SIZES, first, last)]
    numbers = range(first, first + _fitting(sizes, PAGE_BYTES))
    return [opened(event) for event in _read(reading, numbers)]


def counts(unit: Reading | Writing, first: int, last: int) -> Iterator[sa.Row[Any]]:
    """How many events there are in a range, how large and since when, by kind, role and person."""
    return _rows(unit, _COUNTS, first, last)


def told(reading: Reading, here: Sequence[Elision]) -> list[Elided]:
    """Elisions as a reader is told of them: the first `SUMMARIES` compactions with what is said instead."""
    compacted = [elision.by_seq for elision in here if elision.why is Why.COMPACTED][:SUMMARIES]
    summaries = {event.seq: event.body.get("summary") for event in named(reading, compacted)} if compacted else {}
    return [Elided(one.from_seq, one.to_seq, one.by_seq, one.why, summaries.get(one.by_seq)) for one in here]


def _next(reading: Reading, held: Sequence[Elision], *, after: int, most: int) -> tuple[Sequence[int], int]:
    """The numbers of the events that follow, are not hidden and fit into a page, and up to where there are no others.

    Where nothing is hidden or missing and all fit, as mostly, one sum says so.
    """
    last = min(after + most, reading.head)
    if not any(elision.meets(after + 1, last) for elision in held):
        sums = list(_rows(reading, _SUM, after + 1, last))
        if sum(row.events for row in sums) == last - after and sum(row.bytes for row in sums) <= PAGE_BYTES:
            return range(after + 1, last + 1), last
    found, last = _window(reading, held, after=after, most=most)
    count = _fitting((row.size for row in found), PAGE_BYTES)
    return [row.seq for row in found[:count]], last if count == len(found) else found[count - 1].seq


def _window(reading: Reading, held: Sequence[Elision], *, after: int, most: int) -> tuple[list[sa.Row[Any]], int]:
    """Number, kind and size of the events that follow and are not hidden, and up to where there are no others."""
    if not any(elision.meets(after + 1, after + most) for elision in held):
        rows = _unbroken(reading, _rows(reading, _SIZES, after + 1, min(after + most, reading.head)), after + 1)
        return rows, rows[-1].seq
    found: list[sa.Row[Any]] = []
    while not found and after < reading.head:
        last = min(after + WINDOW, reading.head)
        rows = _unbroken(reading, _rows(reading, _SIZES, after + 1, last), after + 1)
        found = [row for row in rows if hiding(held, row.seq, row.kind) is None]
        after = rows[-1].seq
    return found[:most], found[most - 1].seq if len(found) > most else after


def _unbroken(reading: Reading, rows: Iterable[sa.Row[Any]], first: int) -> list[sa.Row[Any]]:
    """The rows before the first number that is missing. Raises `Damaged` if none is."""
    found = [row for number, row in enumerate(rows, first) if row.seq == number]
    if not found:
        raise _missing(reading, first)
    return found


def _readable(reading: Reading, numbers: Sequence[int], *, with_state: bool) -> list[ShownEvent]:
    """The events before the first that cannot be read. Raises `Damaged` if none can."""
    try:
        return _whole(reading, numbers, with_state=with_state)
    except Damaged:
        if len(numbers) == 1:
            raise
    half = len(numbers) // 2
    found = _readable(reading, numbers[:half], with_state=with_state)
    with suppress(Damaged):
        found += _readable(reading, numbers[half:], with_state=with_state) if len(found) == half else []
    return found


def _whole(reading: Reading, numbers: Sequence[int], *, with_state: bool = False) -> list[ShownEvent]:
    """All of them. Raises `Damaged`."""
    found = _read(reading, numbers, with_state=with_state)
    if len(found) < len(numbers):
        raise _missing(reading, min({*numbers} - {event.seq for event in found}))
    return found


def _missing(reading: Reading, seq: int) -> Damaged:
    place = Place(_events.name, reading.caller.task_id, str(seq))
    return Damaged(f"event {seq} is missing", place=place)


def _read(reading: Reading, numbers: Sequence[int], *, with_state: bool = False) -> list[ShownEvent]:
    """The events of those numbers, in their order, hidden or not."""
    return list(show_events(_found(reading, _EVENTS, _NAMED, numbers), reading.keys, with_state=with_state))


def _found(
    reading: Reading, ranged: sa.Select[Any], picking: sa.Select[Any], numbers: Sequence[int]
) -> Iterator[sa.Row[Any]]:
    """The rows of those numbers, in their order; of a range, as they mostly are, by the cheaper statement."""
    if numbers and len(numbers) > numbers[-1] - numbers[0]:
        return _rows(reading, ranged, numbers[0], numbers[-1])
    return _pick(reading, picking, numbers)


def _pick(reading: Reading, statement: sa.Select[Any], numbers: Sequence[int]) -> Iterator[sa.Row[Any]]:
    """As `_rows`, for numbers that are no range."""
    for part in stretches(reading, min(numbers), max(numbers)) if numbers else []:
        here = [seq for seq in numbers if part.first <= seq <= part.last]
        rows = reading.connection.execute(statement, {"the_task": part.task_id, "numbers": here})
        yield from sorted(rows, key=lambda row: row.seq)


def _rows(unit: Reading | Writing, statement: sa.Select[Any], first: int, last: int) -> Iterator[sa.Row[Any]]:
    """Of every task that holds a part of the range, oldest first."""
    for part in stretches(unit, first, last):
        asked = {"the_task": part.task_id, "first": part.first, "last": part.last}
        yield from unit.connection.execute(statement, asked).all()


def _fitting(sizes: Iterable[int], budget: int) -> int:
    """How many events, from the first one on, fit into the budget of bytes; the first fits always."""
    count = 0
    for size in sizes:
        budget -= size
        if count and budget < 0:
            break
        count += 1
    return count
