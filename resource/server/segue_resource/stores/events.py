"""The event log in the database: appended to under the head's lock, read by cursor in bounded pages.

The numbers are dense, so a page is a range of them: no plan of the database can make it read more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.event import Event, NewEvent
from segue_resource.domain.handoff import LEADS
from segue_resource.domain.participant import SPEAKS_AS, Role
from segue_resource.domain.refusal import CursorAhead, NotYourRole
from segue_resource.stores import drafts, handoffs, sessions, tables
from segue_resource.stores.unit import Reading, Writing

PAGE_BYTES = 1_000_000
"""Bodies in one page: it ends earlier than asked for when it would be larger, but holds one event at least."""
TAIL_BYTES = 256_000

_events = tables.events
_its = _events.c.task_id == sa.bindparam("the_task")
_range = sa.and_(_its, _events.c.seq >= sa.bindparam("first"), _events.c.seq <= sa.bindparam("last"))
_SIZES = sa.select(_events.c.size).where(_range).order_by(_events.c.seq)
_EVENTS = sa.select(_events).where(_range).order_by(_events.c.seq)


@dataclass(frozen=True)
class Page:
    """Consecutive events. `next_after` is the cursor for the page that follows."""

    events: list[Event]
    head: int
    next_after: int


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
    if session_id is not None:
        sessions.touch(writing, session_id)
    for event in new:
        drafts.require_as_interrupted(writing, event)
    numbers = [writing.log(event, session_id=session_id) for event in new]
    return numbers[0], numbers[-1]


def page(reading: Reading, *, after: int, most: int) -> Page:
    """At most `most` events that follow the cursor. Raises `CursorAhead`."""
    if after > reading.head:
        raise CursorAhead
    if after == reading.head:
        return Page([], reading.head, after)
    sizes = _sizes(reading, after + 1, min(after + most, reading.head))
    last = after + _fitting(sizes, PAGE_BYTES)
    return Page(_between(reading, after + 1, last), reading.head, last)


def tail(reading: Reading, *, most: int) -> list[Event]:
    """The last events, at most `most`, in their order."""
    sizes = _sizes(reading, reading.head - most + 1, reading.head)
    count = _fitting(reversed(sizes), TAIL_BYTES)
    return _between(reading, reading.head - count + 1, reading.head)


def _sizes(reading: Reading, first: int, last: int) -> list[int]:
    return [row.size for row in reading.connection.execute(_SIZES, _asked(reading, first, last))]


def _fitting(sizes: Iterable[int], budget: int) -> int:
    """How many events, from the first one on, fit into the budget of bytes; the first fits always."""
    count = 0
    for size in sizes:
        budget -= size
        if count and budget < 0:
            break
        count += 1
    return count


def _between(reading: Reading, first: int, last: int) -> list[Event]:
    return [_event(reading, row) for row in reading.connection.execute(_EVENTS, _asked(reading, first, last))]


def _asked(reading: Reading, first: int, last: int) -> dict[str, Any]:
    return {"the_task": reading.caller.task_id, "first": first, "last": last}


def _event(reading: Reading, row: sa.Row[Any]) -> Event:
    return Event(
        seq=row.seq,
        kind=row.kind,
        role=row.role,
        at=row.at,
        actor=Actor(row.sub, row.client_id, row.device_id),
        session_id=row.session_id,
        body=reading.keys.unseal(row.key_no, row.sealed, table="events", row=str(row.seq)) or {},
    )
