"""Compactions in the database: an elision, the event that tells the summary, and whose words it tells.

A summary may hold words of several people. It is sealed under a data key of exactly those, so that none of them can be
erased and leave it readable.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.domain.compaction import COMPACTED, MAX_EVENTS, Compaction, Tally, Writer, next_from, untold
from segue_resource.domain.elision import Elision, Why, outermost, transient
from segue_resource.domain.handoff import LEADS
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NothingToCompact, Overlaps, TooMuch
from segue_resource.domain.working_set import Content
from segue_resource.stores import events, handoffs, tables, working_set
from segue_resource.stores.history import elisions
from segue_resource.stores.unit import Reading, Writing

PAGE = 20
"""Compactions in one answer."""

_subjects = tables.summary_subjects
_events = tables.events
_keys = tables.data_keys
_SUBJECTS = sa.select(_subjects.c.sub).where(
    _subjects.c.task_id == sa.bindparam("the_task"),
    _subjects.c.by_seq.in_(sa.bindparam("numbers", expanding=True)),
)
_COVERING = (
    sa.select(_subjects.c.task_id, _subjects.c.by_seq, _events.c.key_no)
    .join(_events, sa.and_(_events.c.task_id == _subjects.c.task_id, _events.c.seq == _subjects.c.by_seq))
    .where(_subjects.c.sub == sa.bindparam("the_sub"))
    .order_by(_subjects.c.task_id, _subjects.c.by_seq)
)
_ERASED = sa.select(_keys.c.sub).where(_keys.c.task_id == sa.bindparam("the_task"), _keys.c.wrapped.is_(None))
_ADD_SUBJECTS = sa.insert(_subjects)


@dataclass(frozen=True)
class Range:
    """What is to be compacted: up to `to_seq`, from the end of the last compaction on if `from_seq` is None."""

    to_seq: int
    from_seq: int | None = None


@dataclass(frozen=True)
class Covering:
    """A summary that tells words of a person: its task, the event that holds it, the data key it is sealed under."""

    task_id: str
    by_seq: int
    key_no: int


def compact(
    writing: Writing, asked: Range, summary: str, *, by: Writer, facts: Sequence[tuple[str, Content]] = ()
) -> Compaction:
    """Put a summary in the place of a range, and add to the working set what must outlive it, in one transaction.

    Raises `NotActive`, `HandedOver`, `CursorAhead`, `Overlaps`, `NothingToCompact`, `TooMuch`, and what
    `working_set.create` raises.
    """
    writing.require_not_ended()
    if writing.role in LEADS and by is Writer.CALLER:
        handoffs.require_not_handed_over(writing, Role(writing.role))
    range_ = _located(writing, asked)
    held = elisions.reaching(writing, range_[0])
    tally = tally_of(writing, held, *range_)
    subs = tally.subs - _erased(writing) | ({writing.caller.sub} if by is Writer.CALLER else set())
    for item_id, content in facts:
        working_set.create(writing, item_id, content)
    items = [item_id for item_id, _ in facts]
    body = {"from_seq": range_[0], "to_seq": range_[1], "summary": summary, "by": by, "events": tally.events}
    seq = writing.note(COMPACTED, {**body, "items": items}, sealed_for=key_owner(subs) if subs else writing.caller.sub)
    elisions.elide(writing, Elision(range_[0], range_[1], seq, Why.COMPACTED))
    rows = [{"task_id": writing.caller.task_id, "by_seq": seq, "sub": sub} for sub in sorted(subs)]
    if rows:
        writing.connection.execute(_ADD_SUBJECTS, rows)
    actor = writing.caller.actor
    return Compaction(seq, *range_, writing.now, actor, by, summary, tally.events, items, None)


def compactions(reading: Reading, *, before: int) -> tuple[list[Compaction], int | None]:
    """Those in effect that were made before an event, newest first, and before which to go on."""
    held = [one for one in elisions.reaching(reading, 1) if one.why is Why.COMPACTED]
    outer = outermost(held)
    found = [one for one in reversed(held) if one.by_seq < before]
    said = {event.seq: event for event in events.named(reading, [one.by_seq for one in found[:PAGE]])}
    page = []
    for one in found[:PAGE]:
        event, into = said[one.by_seq], next((by.by_seq for by in outer if by != one and by.contains(one)), None)
        body = event.body
        page.append(
            Compaction(
                by_seq=one.by_seq,
                from_seq=one.from_seq,
                to_seq=one.to_seq,
                at=event.at,
                actor=event.actor,
                by=Writer(body.get("by", Writer.CALLER)),
                summary=body.get("summary"),
                events=body.get("events", 0),
                items=body.get("items", []),
                folded_into=into,
            )
        )
    return page, page[-1].by_seq if len(found) > PAGE else None


def compactions_covering(connection: sa.Connection, sub: str) -> list[Covering]:
    """The summaries that tell words of a person, in all tasks.

    Whoever erases the person destroys these keys too; people who wrote nothing else with them are not touched by it.
    """
    return [Covering(row.task_id, row.by_seq, row.key_no) for row in connection.execute(_COVERING, {"the_sub": sub})]


def tally_of(unit: Reading | Writing, held: Sequence[Elision], from_seq: int, to_seq: int) -> Tally:
    """What a compaction of the range would take out of the ordinary view, and whose words its summary would tell.

    Raises `NothingToCompact` and `TooMuch`.
    """
    parts = untold(held, from_seq, to_seq)
    if sum(last - first + 1 for first, last in parts) > MAX_EVENTS:
        raise TooMuch(events=MAX_EVENTS)
    kinds: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    size, subs = 0, set()
    for row in [row for first, last in parts for row in events.counts(unit, first, last)]:
        kinds[row.kind] += row.events
        if transient(row.kind):
            roles[row.role] += row.events
            size += row.bytes
            subs.add(row.sub)
    inner = [one.by_seq for one in held if one.why is Why.COMPACTED and one.meets(from_seq, to_seq)]
    if inner:
        asked = {"the_task": unit.caller.task_id, "numbers": inner}
        subs.update(unit.connection.execute(_SUBJECTS, asked).scalars())
    if not subs:
        raise NothingToCompact
    return Tally(kinds, roles, roles.total(), size, frozenset(subs))


def key_owner(subs: Collection[str]) -> str:
    """Under whose data key a summary is sealed: one that is of these people together, and of nothing else they wrote.

    So it can be destroyed alone: for a fork that told words of somebody who was erased where they had said them.
    """
    return "summary:" + hashlib.sha256("\0".join(sorted(subs)).encode()).hexdigest()[:32]


def _erased(writing: Writing) -> set[str]:
    """People of whose words nothing is left to tell: no key is to be made for them again."""
    found = writing.connection.execute(_ERASED, {"the_task": writing.caller.task_id}).scalars()
    return set(found) - set(writing.keys.living())


def _located(writing: Writing, asked: Range) -> tuple[int, int]:
    """Raises `Overlaps` if everything up to there is told already."""
    if asked.from_seq is not None:
        return asked.from_seq, asked.to_seq
    held = elisions.reaching(writing, 1)
    first = next_from(held)
    if first > asked.to_seq:
        last = max((one for one in held if one.why is Why.COMPACTED), key=lambda one: one.to_seq)
        raise Overlaps(from_seq=last.from_seq, to_seq=last.to_seq)
    return first, asked.to_seq
