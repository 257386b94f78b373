"""The elisions of a task in the database: one row for each, added under the head's lock; no event is touched."""

import sqlalchemy as sa

from segue_resource.domain.elision import Elision, Why, in_effect, require_apart
from segue_resource.domain.refusal import CursorAhead, TooMuch
from segue_resource.stores import tables
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.unit import Reading, Writing

MOST = 10_000
"""Elisions of one task: a reader at the beginning of its log reads all of them."""

_elisions = tables.elisions
_its = _elisions.c.task_id == sa.bindparam("the_task")
_REACHING = sa.select(_elisions).where(
    _its, _elisions.c.to_seq >= sa.bindparam("first"), _elisions.c.by_seq <= sa.bindparam("last")
)
_COUNT = sa.select(sa.func.count()).where(_its)
_ADD = sa.insert(_elisions)


def reaching(unit: Reading | Writing, first: int, *, last: int | None = None) -> list[Elision]:
    """Those in effect, right after the event `last` if it is said, that end at the number `first` or later.

    That is enough to know which are: what a rollback undoes ends before the rollback's own range does. In a fork those
    count that had been said when it began; what the other task elides later is its own.
    """
    found: list[Elision] = []
    for stretch in stretches(unit, 1, unit.head if last is None else last):
        asked = {"the_task": stretch.task_id, "first": first, "last": stretch.last}
        rows = unit.connection.execute(_REACHING, asked)
        found += [Elision(row.from_seq, row.to_seq, row.by_seq, Why(row.why)) for row in rows]
    return in_effect(found)


def elide(writing: Writing, elision: Elision) -> None:
    """Add one. The transaction holds the head, so whoever comes second is compared with the first.

    Raises `CursorAhead` for a range that was not in the log when this began, `Overlaps` for a compaction that meets
    another, and `TooMuch`.
    """
    if elision.to_seq > writing.before:
        raise CursorAhead
    if elision.why is Why.COMPACTED:
        require_apart(elision, reaching(writing, elision.from_seq))
    if writing.connection.execute(_COUNT, {"the_task": writing.caller.task_id}).scalar_one() >= MOST:
        raise TooMuch(elisions=MOST)
    row = {
        "task_id": writing.caller.task_id,
        "by_seq": elision.by_seq,
        "from_seq": elision.from_seq,
        "to_seq": elision.to_seq,
        "why": elision.why,
    }
    writing.connection.execute(_ADD, row)
