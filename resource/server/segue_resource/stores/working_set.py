"""The working set in the database: heads that are compared and set, and every version they ever pointed to.

In a fork a head may point to a version that an older task has (`held_by`). A version that a rollback brought back has
no text of its own: it says which version has it.
"""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.refusal import Conflict, CursorAhead, NotFound, TooMuch
from segue_resource.domain.working_set import MAX_BYTES, MAX_ITEMS, Content, Item, ItemStatus, ItemType
from segue_resource.stores import tables
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

_heads = tables.working_set_items
_versions = tables.working_set_versions

TEXTS = _versions.alias("texts")
BROUGHT_BACK = sa.and_(
    TEXTS.c.task_id == _versions.c.text_task_id,
    TEXTS.c.item_id == _versions.c.item_id,
    TEXTS.c.version == _versions.c.text_version,
)
_key_no = sa.func.coalesce(TEXTS.c.key_no, _versions.c.key_no)
_sealed = sa.func.coalesce(TEXTS.c.sealed, _versions.c.sealed)
_beside = [column for column in _versions.c if column.name not in ("key_no", "sealed")]
SHOWN = [*_beside, _key_no.label("key_no"), _sealed.label("sealed")]
"""The columns of a version, with the text it has or brings back; `sealed` is None in a deletion."""
STANDING = [
    *_beside,
    _sealed.is_(None).label("deleted"),
    _key_no.label("key_no"),
    sa.case((_versions.c.size.is_(None), _sealed)).label("sealed"),
]
"""The same without the text, unless its size has to be found out."""

_its = _heads.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _heads.c.item_id == sa.bindparam("the_item"))
_current = sa.and_(
    _versions.c.task_id == sa.func.coalesce(_heads.c.held_by, _heads.c.task_id),
    _versions.c.item_id == _heads.c.item_id,
    _versions.c.version == _heads.c.version,
)
_items = sa.select(*SHOWN).select_from(_heads.join(_versions, _current).outerjoin(TEXTS, BROUGHT_BACK))
_LIST = _items.where(_its).order_by(_heads.c.item_id)
_ONE = _items.where(_this)
_TOTAL = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_heads.c.size), 0)).where(_its)
_LAST_VERSION = (
    sa.select(_versions.c.version)
    .where(
        _versions.c.task_id == sa.bindparam("the_task"),
        _versions.c.item_id == sa.bindparam("the_item"),
        _versions.c.seq <= sa.bindparam("last"),
    )
    .order_by(_versions.c.seq.desc())
    .limit(1)
)
_REPLACE = (
    sa.update(_heads)
    .where(_this, _heads.c.version == sa.bindparam("the_version"))
    .values(
        version=_heads.c.version + 1,
        type=sa.bindparam("new_type"),
        status=sa.bindparam("new_status"),
        size=sa.bindparam("new_size"),
        held_by=None,
    )
    .returning(_heads.c.version)
)
_DELETE = (
    sa.delete(_heads)
    .where(_this, _heads.c.version == sa.bindparam("the_version"))
    .returning(_heads.c.type, _heads.c.status)
)
_ADD = sa.insert(_heads)
_ADD_VERSION = sa.insert(_versions)


def items(reading: Reading) -> list[Item]:
    """The whole set."""
    rows = reading.connection.execute(_LIST, {"the_task": reading.caller.task_id})
    return [to_item(row, reading.keys) for row in rows]


def item(unit: Reading | Writing, item_id: str) -> Item:
    """Raises `NotFound`."""
    row = unit.connection.execute(_ONE, _asked(unit, item_id)).one_or_none()
    if row is None:
        raise NotFound
    return to_item(row, unit.keys)


def item_at(writing: Writing, item_id: str, *, version: int) -> Item:
    """The item if it still is at `version`. Raises `Conflict` with what is there now."""
    current = _find(writing, item_id)
    if current is None or current.version != version:
        raise Conflict(current)
    return current


def create(writing: Writing, item_id: str, content: Content) -> Item:
    """Add an item that is not there. Raises `NotActive`, `CursorAhead`, `Conflict` if it is there, and `TooMuch`."""
    writing.require_working()
    if (current := _find(writing, item_id)) is not None:
        raise Conflict(current)
    version = last_version(writing, item_id) + 1
    head = {
        "task_id": writing.caller.task_id,
        "item_id": item_id,
        "version": version,
        "type": content.type,
        "status": content.status,
        "size": content.size,
    }
    writing.connection.execute(_ADD, head)
    _refuse_too_much(writing)
    return _add_version(writing, item_id, version, content)


def replace(writing: Writing, item_id: str, content: Content, *, version: int) -> Item:
    """Replace the item if it is still at `version`.

    Raises `NotActive`, `CursorAhead`, `Conflict` with what is there now, and `TooMuch`.
    """
    writing.require_working()
    asked = {
        **_asked(writing, item_id),
        "the_version": version,
        "new_type": content.type,
        "new_status": content.status,
        "new_size": content.size,
    }
    new_version = writing.connection.execute(_REPLACE, asked).scalar_one_or_none()
    if new_version is None:
        raise Conflict(_find(writing, item_id))
    _refuse_too_much(writing)
    return _add_version(writing, item_id, new_version, content)


def delete(writing: Writing, item_id: str, *, version: int) -> None:
    """Take the item out of the set if it is still at `version`; its versions stay.

    Raises `NotActive` and `Conflict`.
    """
    writing.require_working()
    asked = {**_asked(writing, item_id), "the_version": version}
    head = writing.connection.execute(_DELETE, asked).one_or_none()
    if head is None:
        raise Conflict(_find(writing, item_id))
    seq = writing.note("working_set.deleted", {"item_id": item_id, "version": version + 1})
    row = _version_row(writing, item_id, version + 1, seq=seq)
    writing.connection.execute(_ADD_VERSION, {**row, "type": head.type, "status": head.status})
    writing.item_changed()


def last_version(writing: Writing, item_id: str) -> int:
    """The highest version that the item ever had, also before a fork; 0 if it is new."""
    for stretch in reversed(stretches(writing, 1, writing.head)):
        asked = {"the_task": stretch.task_id, "the_item": item_id, "last": stretch.last}
        version: int | None = writing.connection.execute(_LAST_VERSION, asked).scalar_one_or_none()
        if version is not None:
            return version
    return 0


def _add_version(writing: Writing, item_id: str, version: int, content: Content) -> Item:
    """Raises `CursorAhead` if it says that it was drawn from an event which was not there."""
    if content.source_seq is not None and content.source_seq > writing.before:
        raise CursorAhead
    body = {
        "item_id": item_id,
        "version": version,
        "type": content.type,
        "title": content.title,
        "status": content.status,
    }
    seq = writing.note("working_set.changed", body)
    texts = {"title": content.title, "body": content.body}
    sealed = writing.keys.seal(texts, sub=writing.caller.sub, table=_versions.name, row=_row(item_id, version))
    row = _version_row(writing, item_id, version, seq=seq)
    row |= {"type": content.type, "status": content.status, "key_no": sealed.key_no, "sealed": sealed.value}
    row |= {"size": content.size, "source_seq": content.source_seq}
    writing.connection.execute(_ADD_VERSION, row)
    writing.item_changed()
    return Item(
        item_id=item_id,
        type=content.type,
        title=content.title,
        body=content.body,
        status=content.status,
        version=version,
        updated_at=writing.now,
        updated_by=writing.caller.actor,
        source_seq=content.source_seq,
    )


def _refuse_too_much(writing: Writing) -> None:
    count, size = writing.connection.execute(_TOTAL, {"the_task": writing.caller.task_id}).one()
    if count > MAX_ITEMS or size > MAX_BYTES:
        raise TooMuch(items=MAX_ITEMS, bytes=MAX_BYTES)


def _find(writing: Writing, item_id: str) -> Item | None:
    try:
        return item(writing, item_id)
    except NotFound:
        return None


def _asked(unit: Reading | Writing, item_id: str) -> dict[str, Any]:
    return {"the_task": unit.caller.task_id, "the_item": item_id}


def _row(item_id: str, version: int) -> str:
    return f"{item_id}/{version}"


def _version_row(writing: Writing, item_id: str, version: int, *, seq: int) -> dict[str, Any]:
    return {
        "task_id": writing.caller.task_id,
        "item_id": item_id,
        "version": version,
        "seq": seq,
        "updated_at": writing.now,
        "sub": writing.caller.sub,
        "client_id": writing.caller.client_id,
        "device_id": writing.caller.device_id,
    }


def to_item(row: sa.Row[Any], keys: TaskKeys) -> Item:
    """A row of what is `SHOWN` that is no deletion."""
    texts = texts_of(row, keys)
    return Item(
        item_id=row.item_id,
        type=ItemType(row.type),
        title=texts["title"],
        body=texts["body"],
        status=ItemStatus(row.status),
        version=row.version,
        updated_at=row.updated_at,
        updated_by=Actor(row.sub, row.client_id, row.device_id),
        source_seq=row.source_seq,
    )


def texts_of(row: sa.Row[Any], keys: TaskKeys) -> dict[str, str]:
    """Title and body; empty once the key of who wrote them has been destroyed."""
    place = _row(row.item_id, row.text_version or row.version)
    opened: dict[str, str] | None = keys.of(row.text_task_id or row.task_id).unseal(
        row.key_no, row.sealed, table=_versions.name, row=place
    )
    return opened or {"title": "", "body": ""}
