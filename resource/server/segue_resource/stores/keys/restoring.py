"""Brings the working set back to what it was: each item that differs gets a new version, which has no text of its own.

It points to the version whose text it brings back, so it is still its author's: their name stands beside it, and it is
gone with their key.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from segue_resource.stores import tables, working_set
from segue_resource.stores.unit import Writing
from segue_resource.stores.working_set_history import size_of, standing_as_of

_heads = tables.working_set_items
_versions = tables.working_set_versions
_this = sa.and_(_heads.c.task_id == sa.bindparam("the_task"), _heads.c.item_id == sa.bindparam("the_item"))
_ADD_VERSIONS = sa.insert(_versions)
_ADD = sa.insert(_heads)
_REMOVE = sa.delete(_heads).where(_this)
_COPIED = [
    column.name
    for column in _versions.c
    if column.name not in ("task_id", "version", "seq", "key_no", "sealed", "text_task_id", "text_version", "size")
]
"""What a version that is brought back says of itself as it did before."""


@dataclass(frozen=True)
class Change:
    """An item that becomes what it was in the version `back`, or is `gone` if it was not there then."""

    item_id: str
    version: int
    back: sa.Row[Any] | None
    gone: sa.Row[Any] | None


def changes(writing: Writing, to: int) -> list[Change]:
    """What has to change for the set to be what it was right after the event."""
    now = {row.item_id: row for row in standing_as_of(writing, writing.before)}
    then = {row.item_id: row for row in standing_as_of(writing, to)}
    return [
        Change(item_id, _next_version(writing, item_id, now.get(item_id)), then.get(item_id), now.get(item_id))
        for item_id in sorted(now | then)
        if _text(now.get(item_id)) != _text(then.get(item_id))
    ]


def carry_out(writing: Writing, changes: list[Change]) -> None:
    """Write them, as the event that was logged last says."""
    if not changes:
        return
    connection, task_id = writing.connection, writing.caller.task_id
    if gone := [{"the_task": task_id, "the_item": change.item_id} for change in changes if change.gone is not None]:
        connection.execute(_REMOVE, gone)
    connection.execute(_ADD_VERSIONS, [_version(writing, change) for change in changes])
    if back := [_head(writing, change, change.back) for change in changes if change.back is not None]:
        connection.execute(_ADD, back)
    for _ in changes:
        writing.item_changed()


def _next_version(writing: Writing, item_id: str, now: sa.Row[Any] | None) -> int:
    return 1 + (working_set.last_version(writing, item_id) if now is None else int(now.version))


def _text(row: sa.Row[Any] | None) -> tuple[str, int] | None:
    """Where the text of a version lies: two versions with one text are the same."""
    return None if row is None else (row.text_task_id or row.task_id, row.text_version or row.version)


def _version(writing: Writing, change: Change) -> dict[str, Any]:
    row = {"task_id": writing.caller.task_id, "version": change.version, "seq": writing.head}
    text = _text(change.back)
    if change.back is not None and text is not None:
        copied = {name: change.back._mapping[name] for name in _COPIED}
        return {
            **copied,
            **row,
            "text_task_id": text[0],
            "text_version": text[1],
            "size": size_of(change.back, writing.keys),
        }
    kept = {name: None if change.gone is None else change.gone._mapping[name] for name in _COPIED}
    actor = writing.caller.actor
    deleted = {"updated_at": writing.now, "sub": actor.sub, "client_id": actor.client_id, "device_id": actor.device_id}
    return {**kept, **deleted, **row, "text_task_id": None, "text_version": None, "size": None}


def _head(writing: Writing, change: Change, back: sa.Row[Any]) -> dict[str, Any]:
    return {
        "task_id": writing.caller.task_id,
        "item_id": change.item_id,
        "version": change.version,
        "type": back.type,
        "status": back.status,
        "size": size_of(back, writing.keys),
    }
