"""What the working set was: the versions of one item, and the whole set as of a place in the log (T3).

Both are found by index, so that neither costs more the longer the task has been going on, and both look past the place
where a task was forked: what is up to there was said in the tasks it descends from.
"""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.refusal import CursorAhead, NotFound
from segue_resource.domain.working_set import Item, ItemStatus, ItemType, ItemVersion
from segue_resource.stores import tables
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing
from segue_resource.stores.working_set import BROUGHT_BACK, SHOWN, STANDING, TEXTS, texts_of, to_item

PAGE = 10
"""Versions in one answer: each may be as large as an item."""

_versions = tables.working_set_versions
_its = _versions.c.task_id == sa.bindparam("the_task")
_NEWEST = (
    sa.select(*SHOWN)
    .select_from(_versions.outerjoin(TEXTS, BROUGHT_BACK))
    .where(
        _its,
        _versions.c.item_id == sa.bindparam("the_item"),
        _versions.c.version < sa.bindparam("before"),
        _versions.c.seq <= sa.bindparam("last"),
    )
    .order_by(_versions.c.version.desc())
    .limit(sa.bindparam("most"))
)


def _as_of(*columns: Any) -> sa.Select[Any]:
    """Two probes for each item there ever was, however many versions it has: a `GROUP BY` would read them all.

    The join is an outer one so that no planner begins it with the versions.
    """
    first = sa.select(sa.func.min(_versions.c.item_id).label("item_id")).where(_its).cte("ids", recursive=True)
    following = sa.select(sa.func.min(_versions.c.item_id)).where(_its, _versions.c.item_id > first.c.item_id)
    ids = first.union_all(sa.select(following.scalar_subquery()).where(first.c.item_id.is_not(None)))
    last = (
        sa.select(sa.func.max(_versions.c.seq))
        .where(_its, _versions.c.item_id == ids.c.item_id, _versions.c.seq <= sa.bindparam("as_of"))
        .scalar_subquery()
    )
    then = sa.select(ids.c.item_id, last.label("seq")).where(ids.c.item_id.is_not(None)).subquery()
    same = sa.and_(_its, _versions.c.item_id == then.c.item_id, _versions.c.seq == then.c.seq)
    found = then.outerjoin(_versions, same).outerjoin(TEXTS, BROUGHT_BACK)
    return sa.select(*columns).select_from(found).where(then.c.seq.is_not(None)).order_by(then.c.item_id)


_AS_OF = _as_of(*SHOWN)
_STANDING_AS_OF = _as_of(*STANDING)


def items_as_of(reading: Reading, seq: int) -> list[Item]:
    """The whole set right after the event of that number. Raises `CursorAhead`."""
    return [to_item(row, reading.keys) for row in _newest(reading, _AS_OF, seq) if row.sealed is not None]


def standing_as_of(unit: Reading | Writing, seq: int) -> list[sa.Row[Any]]:
    """The version at which each item stood right after the event, without its text, those that were not deleted.

    Raises `CursorAhead`.
    """
    return [row for row in _newest(unit, _STANDING_AS_OF, seq) if not row.deleted]


def size_of(row: sa.Row[Any], keys: TaskKeys) -> int:
    """Bytes of title and body of a version of `standing_as_of`."""
    if row.size is not None:
        return int(row.size)
    return sum(len(text.encode()) for text in texts_of(row, keys).values())


def _newest(unit: Reading | Writing, statement: sa.Select[Any], seq: int) -> list[sa.Row[Any]]:
    """The last version of each item up to the event, whichever task has it."""
    if seq > unit.head:
        raise CursorAhead
    found: dict[str, sa.Row[Any]] = {}
    for stretch in reversed(stretches(unit, 1, seq)):
        for row in unit.connection.execute(statement, {"the_task": stretch.task_id, "as_of": stretch.last}):
            found.setdefault(row.item_id, row)
    return sorted(found.values(), key=lambda row: str(row.item_id))


def item_ids(reading: Reading) -> list[str]:
    """Of every item that the task has or had."""
    mine = sa.select(_versions.c.item_id).where(_its).distinct().order_by(_versions.c.item_id)
    return list(reading.connection.execute(mine, {"the_task": reading.caller.task_id}).scalars())


def versions(reading: Reading, item_id: str, *, before: int) -> tuple[list[ItemVersion], int | None]:
    """The newest versions below one, newest first, and below which to go on. Raises `NotFound`."""
    rows: list[sa.Row[Any]] = []
    for stretch in reversed(stretches(reading, 1, reading.head)):
        asked = {"the_task": stretch.task_id, "last": stretch.last, "the_item": item_id, "before": before}
        rows += reading.connection.execute(_NEWEST, {**asked, "most": PAGE + 1 - len(rows)})
        if len(rows) > PAGE:
            break
    if not rows:
        raise NotFound
    page = [_version(row, reading.keys) for row in rows[:PAGE]]
    return page, page[-1].version if len(rows) > PAGE else None


def _version(row: sa.Row[Any], keys: TaskKeys) -> ItemVersion:
    texts: dict[str, str] = {} if row.sealed is None else texts_of(row, keys)
    return ItemVersion(
        item_id=row.item_id,
        version=row.version,
        seq=row.seq,
        deleted=row.sealed is None,
        type=ItemType(row.type),
        title=texts.get("title"),
        body=texts.get("body"),
        status=ItemStatus(row.status),
        updated_at=row.updated_at,
        updated_by=Actor(row.sub, row.client_id, row.device_id),
    )
