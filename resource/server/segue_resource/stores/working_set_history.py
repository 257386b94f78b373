"""What the working set was: the versions of one item, and the whole set as of a place in the log (T3).

Both are found by index, so that neither costs more the longer the task has been going on.
"""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.refusal import CursorAhead, NotFound
from segue_resource.domain.working_set import Item, ItemStatus, ItemType, ItemVersion
from segue_resource.stores import tables
from segue_resource.stores.task_keys import TaskKeys
from segue_resource.stores.unit import Reading
from segue_resource.stores.working_set import texts_of, to_item

PAGE = 10
"""Versions in one answer: each may be as large as an item."""

_versions = tables.working_set_versions
_its = _versions.c.task_id == sa.bindparam("the_task")
_NEWEST = (
    sa.select(_versions)
    .where(_its, _versions.c.item_id == sa.bindparam("the_item"), _versions.c.version < sa.bindparam("before"))
    .order_by(_versions.c.version.desc())
    .limit(PAGE + 1)
)


def _as_of() -> sa.Select[Any]:
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
    return sa.select(_versions).select_from(then.outerjoin(_versions, same)).order_by(then.c.item_id)


_AS_OF = _as_of()


def items_as_of(reading: Reading, seq: int) -> list[Item]:
    """The whole set right after the event of that number. Raises `CursorAhead`."""
    if seq > reading.head:
        raise CursorAhead
    rows = reading.connection.execute(_AS_OF, {"the_task": reading.caller.task_id, "as_of": seq})
    return [to_item(row, reading.keys) for row in rows if row.sealed is not None]


def versions(reading: Reading, item_id: str, *, before: int) -> tuple[list[ItemVersion], int | None]:
    """The newest versions below one, newest first, and below which to go on. Raises `NotFound`."""
    asked = {"the_task": reading.caller.task_id, "the_item": item_id, "before": before}
    rows = reading.connection.execute(_NEWEST, asked).all()
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
