"""Drops what a task is no more kept for, tier by tier: bodies go, rows and numbers stay (T19, R27).

What was dropped is recognised by its row: the sealed value is empty, which no sealed value is. Facts, decisions, the
working set as it is and what the store itself wrote are in no tier. What living forks read of the task stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.agenda import Tier
from segue_resource.domain.elision import Why, transient
from segue_resource.domain.tool_call import UNFINISHED
from segue_resource.stores import tables
from segue_resource.stores.ending.own_writing import OwnWriting
from segue_resource.stores.ending.retention import Found
from segue_resource.stores.files.blob_rows import State
from segue_resource.stores.finding import search_index
from segue_resource.stores.history import elisions
from segue_resource.stores.history.lineage import living_forks

BATCH = 500
"""Rows in one transaction, so that no lock is held for long."""
DROPPED = b""
"""In the place of a sealed value."""
EXPIRED = "log.expired"
"""The event that says what was dropped: the tier, and the range of the log that it belongs to."""

_tasks = tables.tasks
_events = tables.events
_versions = tables.working_set_versions
_items = tables.working_set_items
_calls = tables.tool_calls
_blobs = tables.blobs
_files = tables.artifact_versions
_elisions = tables.elisions

_TASK: sa.BindParameter[str] = sa.bindparam("the_task")
_AFTER: sa.BindParameter[int] = sa.bindparam("after")
_LAST: sa.BindParameter[int] = sa.bindparam("last")
_NUMBERS: sa.BindParameter[Any] = sa.bindparam("numbers", expanding=True)
_BODIES = (
    sa.select(_events.c.seq, _events.c.kind)
    .where(_events.c.task_id == _TASK, _events.c.seq > _AFTER, _events.c.seq <= _LAST, _events.c.sealed != DROPPED)
    .order_by(_events.c.seq)
    .limit(BATCH)
)
_DROP_BODIES = (
    sa.update(_events).where(_events.c.task_id == _TASK, _events.c.seq.in_(_NUMBERS)).values(sealed=DROPPED, size=0)
)
_COMPACTION = (
    sa.select(_elisions)
    .where(_elisions.c.task_id == _TASK, _elisions.c.by_seq > _AFTER, _elisions.c.why == Why.COMPACTED)
    .order_by(_elisions.c.by_seq, _elisions.c.from_seq)
    .limit(1)
)


def _drop_versions() -> sa.Update:
    """But for those that stand in the working set, and those whose text a standing one brings back."""
    standing, old = _versions.alias(), _versions.alias()
    current = (
        sa.select(sa.func.coalesce(standing.c.text_version, standing.c.version))
        .join(_items, sa.and_(_items.c.task_id == standing.c.task_id, _items.c.item_id == standing.c.item_id))
        .where(_items.c.version == standing.c.version, _items.c.held_by.is_(None))
        .where(standing.c.task_id == _TASK, standing.c.item_id == old.c.item_id)
    )
    found = (
        sa.select(old.c.item_id, old.c.version)
        .where(old.c.task_id == _TASK, old.c.seq > _AFTER, old.c.seq <= _LAST)
        .where(old.c.sealed != DROPPED, old.c.version.not_in(current))
        .limit(BATCH)
    )
    return (
        sa.update(_versions)
        .where(_versions.c.task_id == _TASK, sa.tuple_(_versions.c.item_id, _versions.c.version).in_(found))
        .values(sealed=DROPPED, size=0)
    )


def _drop_calls() -> sa.Update:
    old = _calls.alias()
    found = (
        sa.select(old.c.call_id)
        .where(old.c.task_id == _TASK, old.c.proposed_seq > _AFTER, old.c.proposed_seq <= _LAST)
        .where(old.c.proposal_sealed != DROPPED, old.c.state.not_in(sorted(UNFINISHED)))
        .limit(BATCH)
    )
    return (
        sa.update(_calls)
        .where(_calls.c.task_id == _TASK, _calls.c.call_id.in_(found))
        .values(proposal_sealed=DROPPED, outcome_sealed=None, outcome_key_no=None, size=0)
    )


def _drop_contents() -> sa.Update:
    """But for those that the past of forks names. The objects are removed by whoever collects what was dropped."""
    old = _blobs.alias()
    shared = sa.exists().where(_files.c.blob_id == old.c.blob_id, _files.c.task_id == _TASK, _files.c.seq <= _AFTER)
    found = sa.select(old.c.blob_id).where(old.c.task_id == _TASK, old.c.state == State.KEPT, ~shared).limit(BATCH)
    return (
        sa.update(_blobs).where(_blobs.c.blob_id.in_(found), _blobs.c.state == State.KEPT).values(state=State.DROPPED)
    )


_DROP: Mapping[Tier, sa.Update] = {
    Tier.ARTIFACTS: _drop_contents(),
    Tier.VERSIONS: _drop_versions(),
    Tier.TOOL_CALLS: _drop_calls(),
}
_its = _tasks.c.task_id == _TASK
_PROGRESS = sa.update(_tasks).where(_its).values(dropping=sa.bindparam("progress"))
_FINISHED = (
    sa.update(_tasks)
    .where(_its)
    .values(dropping=0, dropped=sa.func.trim(_tasks.c.dropped + " " + sa.bindparam("tier")))
)
_COMPACTION_FINISHED = sa.update(_tasks).where(_its).values(dropping=0, compacted_to=sa.bindparam("by_seq"))


@dataclass(frozen=True)
class Range:
    """The part of the log that a tier is dropped of, both ends included."""

    first: int
    last: int


def drop(writing: OwnWriting, found: Found, tier: Tier) -> int:
    """Drop the next rows of the tier, at most `BATCH`, or note that there are no more: how many rows."""
    if tier is Tier.COMPACTED:
        return _drop_compacted(writing, found)
    whole = _past_of_forks(writing, Range(1, found.head))
    if tier is Tier.MESSAGES:
        rows = _drop_messages(writing, found, whole, tier)
    else:
        rows = _drop_rows(writing, found, whole, tier)
        _forget_index(writing, rows)
    if rows == 0:
        _do(writing, _FINISHED, tier=tier)
    return rows


def _drop_compacted(writing: OwnWriting, found: Found) -> int:
    """A compaction that was taken back replaces nothing: its originals stay."""
    row = writing.connection.execute(_COMPACTION, _asked(writing, after=found.compacted_to)).one()
    in_effect = any(held.by_seq == row.by_seq for held in elisions.reaching(writing, row.from_seq))
    rows = 0
    if in_effect:
        replaced = _past_of_forks(writing, Range(row.from_seq, row.to_seq))
        rows = _drop_messages(writing, found, replaced, Tier.COMPACTED)
    if rows == 0:
        _do(writing, _COMPACTION_FINISHED, by_seq=row.by_seq)
    return rows


def _drop_messages(writing: OwnWriting, found: Found, whole: Range, tier: Tier) -> int:
    numbers = _transient(writing, max(whole.first - 1, found.dropping), whole.last)
    if numbers:
        _tell(writing, found, whole, tier)
        asked = _asked(writing, numbers=numbers)
        writing.connection.execute(_DROP_BODIES, asked)
        search_index.forget(writing.connection, writing.caller.task_id, numbers=numbers)
        _do(writing, _PROGRESS, progress=numbers[-1])
    return len(numbers)


def _forget_index(writing: OwnWriting, rows: int) -> None:
    """Items and arguments of tool calls are in the index with the events that tell of them: it begins anew."""
    while rows:
        rows = search_index.forget(writing.connection, writing.caller.task_id) // search_index.BATCH


def _transient(writing: OwnWriting, after: int, last: int) -> Sequence[int]:
    """The next messages that still have a body; however much else stands between them."""
    while rows := writing.connection.execute(_BODIES, _asked(writing, after=after, last=last)).all():
        if numbers := [row.seq for row in rows if transient(row.kind)]:
            return numbers
        after = rows[-1].seq
    return []


def _drop_rows(writing: OwnWriting, found: Found, whole: Range, tier: Tier) -> int:
    asked = _asked(writing, after=whole.first - 1)
    if tier is not Tier.ARTIFACTS:
        asked["last"] = whole.last
    rows = writing.connection.execute(_DROP[tier], asked).rowcount
    if rows:
        _tell(writing, found, whole, tier)
        _do(writing, _PROGRESS, progress=whole.last)
    return rows


def _tell(writing: OwnWriting, found: Found, whole: Range, tier: Tier) -> None:
    """Once for each tier or compaction, with its first rows."""
    if found.dropping == 0:
        writing.note(EXPIRED, {"tier": tier, "from": whole.first, "to": whole.last})


def _past_of_forks(writing: OwnWriting, whole: Range) -> Range:
    """Without what forks go on from."""
    kept_to = living_forks(writing.connection, writing.caller.task_id) or 0
    return Range(max(whole.first, kept_to + 1), whole.last)


def _do(writing: OwnWriting, statement: sa.Update, **values: Any) -> None:
    writing.connection.execute(statement, _asked(writing, **values))


def _asked(writing: OwnWriting, **values: Any) -> dict[str, Any]:
    return {"the_task": writing.caller.task_id, **values}
