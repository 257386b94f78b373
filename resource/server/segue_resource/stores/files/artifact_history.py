"""What the files of a task were: the versions of one, and the whole workspace as of a place in the log (R42, R43).

All of it looks past the place where a task was forked, as the history of the working set does.
"""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.artifact import Artifact, ArtifactVersion
from segue_resource.domain.refusal import CursorAhead, NotFound
from segue_resource.stores import tables
from segue_resource.stores.files.artifacts import asked, by_path, said_of
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

PAGE = 100
"""Versions in one answer."""

_versions = tables.artifact_versions
_its = _versions.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _versions.c.artifact_id == sa.bindparam("the_artifact"))
_up_to_then = _versions.c.seq <= sa.bindparam("last")
_NEWEST = (
    sa.select(_versions)
    .where(_this, _up_to_then, _versions.c.version < sa.bindparam("before"))
    .order_by(_versions.c.version.desc())
    .limit(sa.bindparam("most"))
)
_VERSION = sa.select(_versions).where(_this, _up_to_then, _versions.c.version == sa.bindparam("the_version"))
_THEN = sa.select(_versions).where(_this, _up_to_then).order_by(_versions.c.seq.desc()).limit(1)
_last = (
    sa.select(_versions.c.artifact_id, sa.func.max(_versions.c.seq).label("seq"))
    .where(_its, _up_to_then)
    .group_by(_versions.c.artifact_id)
    .subquery()
)
_ALL_THEN = (
    sa.select(_versions)
    .join(_last, sa.and_(_versions.c.artifact_id == _last.c.artifact_id, _versions.c.seq == _last.c.seq))
    .where(_its)
)


def artifacts_as_of(reading: Reading, seq: int) -> list[Artifact]:
    """The files right after the event of that number, by path. Raises `CursorAhead`."""
    return by_path(standing_as_of(reading, seq), reading.keys)


def standing_as_of(unit: Reading | Writing, seq: int) -> list[sa.Row[Any]]:
    """The version at which each file stood right after the event, whichever task has it; those that were not deleted.

    Raises `CursorAhead`.
    """
    if seq > unit.head:
        raise CursorAhead
    found: dict[str, sa.Row[Any]] = {}
    for stretch in reversed(stretches(unit, 1, seq)):
        for row in unit.connection.execute(_ALL_THEN, {"the_task": stretch.task_id, "last": stretch.last}):
            found.setdefault(row.artifact_id, row)
    return [row for row in found.values() if row.sealed is not None]


def row_as_of(reading: Reading, path: str, seq: int) -> sa.Row[Any]:
    """The version that stood right after the event. Raises `CursorAhead` and `NotFound`."""
    if seq > reading.head:
        raise CursorAhead
    return _newest(reading, _THEN, seq, asked(reading, path))


def row_at(reading: Reading, path: str, version: int) -> sa.Row[Any]:
    """One version. Raises `NotFound`, also for a deletion."""
    return _newest(reading, _VERSION, reading.head, {**asked(reading, path), "the_version": version})


def versions(reading: Reading, path: str, *, before: int) -> tuple[list[ArtifactVersion], int | None]:
    """The newest versions below one, newest first, and below which to go on. Raises `NotFound`."""
    this, rows = {**asked(reading, path), "before": before}, list[sa.Row[Any]]()
    for stretch in reversed(stretches(reading, 1, reading.head)):
        its = {**this, "the_task": stretch.task_id, "last": stretch.last, "most": PAGE + 1 - len(rows)}
        rows += reading.connection.execute(_NEWEST, its)
        if len(rows) > PAGE:
            break
    if not rows:
        raise NotFound
    page = [_version(row, reading.keys) for row in rows[:PAGE]]
    return page, page[-1].version if len(rows) > PAGE else None


def _newest(reading: Reading, statement: sa.Select[Any], seq: int, this: dict[str, Any]) -> sa.Row[Any]:
    """The last row up to the event, whichever task has it. Raises `NotFound`, also for a deletion."""
    for stretch in reversed(stretches(reading, 1, seq)):
        its = {**this, "the_task": stretch.task_id, "last": stretch.last}
        if (row := reading.connection.execute(statement, its).one_or_none()) is not None:
            if row.sealed is not None:
                return row
            break
    raise NotFound


def _version(row: sa.Row[Any], keys: TaskKeys) -> ArtifactVersion:
    said = (None if row.sealed is None else said_of(row, keys)) or {}
    return ArtifactVersion(
        version=row.version,
        seq=row.seq,
        deleted=row.sealed is None,
        media_type=said.get("media_type"),
        size=row.size,
        sha256=said.get("sha256"),
        read_first=row.read_first,
        updated_at=row.updated_at,
        updated_by=Actor(row.sub, row.client_id, row.device_id),
    )
