"""The working set in the database: heads that are compared and set, and every version they ever pointed to."""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.refusal import Conflict, NotFound, TooMuch
from segue_resource.domain.working_set import MAX_BYTES, MAX_ITEMS, Content, Item, ItemStatus, ItemType
from segue_resource.stores import tables
from segue_resource.stores.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

_heads = tables.working_set_items
_versions = tables.working_set_versions

_its = _heads.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _heads.c.item_id == sa.bindparam("the_item"))
_current = sa.and_(
    _versions.c.task_id == _heads.c.task_id,
    _versions.c.item_id == _heads.c.item_id,
    _versions.c.version == _heads.c.version,
)
_items = sa.select(_versions).select_from(_heads.join(_versions, _current))
_LIST = _items.where(_its).order_by(_heads.c.item_id)
_ONE = _items.where(_this)
_TOTAL = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_heads.c.size), 0)).where(_its)
_LAST_VERSION = sa.select(sa.func.coalesce(sa.func.max(_versions.c.version), 0)).where(
    _versions.c.task_id == sa.bindparam("the_task"), _versions.c.item_id == sa.bindparam("the_item")
)
_REPLACE = (
    sa.update(_heads)
    .where(_this, _heads.c.version == sa.bindparam("the_version"))
    .values(
        version=_heads.c.version + 1,
        type=sa.bindparam("new_type"),
        status=sa.bindparam("new_status"),
        size=sa.bindparam("new_size"),
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
    """Add an item that is not there. Raises `NotActive`, `Conflict` if it is there, and `TooMuch`."""
    writing.require_working()
    if (current := _find(writing, item_id)) is not None:
        raise Conflict(current)
    version = writing.connection.execute(_LAST_VERSION, _asked(writing, item_id)).scalar_one() + 1
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

    Raises `NotActive`, `Conflict` with what is there now, and `TooMuch`.
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


def _add_version(writing: Writing, item_id: str, version: int, content: Content) -> Item:
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
    """A row of the versions that is no deletion."""
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
    )


def texts_of(row: sa.Row[Any], keys: TaskKeys) -> dict[str, str]:
    """Title and body; empty once the key of who wrote them has been destroyed."""
    opened: dict[str, str] | None = keys.unseal(
        row.key_no, row.sealed, table=_versions.name, row=_row(row.item_id, row.version)
    )
    return opened or {"title": "", "body": ""}
