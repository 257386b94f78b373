"""Artifacts in the database: heads that are compared and set, and every version they ever pointed to (T14).

A head is found by a tag made from its path, so that no name stands readable; the path itself is sealed in the version.
In a fork a head may point to a version that an older task has (`held_by`), and with it to a content of that task.
"""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain import artifact
from segue_resource.domain.actor import Actor
from segue_resource.domain.artifact import Artifact
from segue_resource.domain.refusal import Conflict, NotFound, TooMuch
from segue_resource.stores import tables
from segue_resource.stores.files import blob_rows
from segue_resource.stores.files.blob_rows import Manifest, Upload
from segue_resource.stores.files.sealed_stream import Part
from segue_resource.stores.history.lineage import eldest, stretches
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

_heads = tables.artifacts
_versions = tables.artifact_versions

_its = _heads.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _heads.c.artifact_id == sa.bindparam("the_artifact"))
_current = sa.and_(
    _versions.c.task_id == sa.func.coalesce(_heads.c.held_by, _heads.c.task_id),
    _versions.c.artifact_id == _heads.c.artifact_id,
    _versions.c.version == _heads.c.version,
)
_standing = sa.select(_versions).select_from(_heads.join(_versions, _current))
_LIST = _standing.where(_its)
_READ_FIRST = _LIST.where(_heads.c.read_first).order_by(_versions.c.seq)
_ONE = _standing.where(_this)
_COUNTS = sa.select(
    sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((_heads.c.read_first, 1), else_=0)), 0)
).where(_its)
_LAST_VERSION = sa.select(sa.func.max(_versions.c.version)).where(
    _versions.c.task_id == sa.bindparam("the_task"),
    _versions.c.artifact_id == sa.bindparam("the_artifact"),
    _versions.c.seq <= sa.bindparam("last"),
)
_REPLACE = (
    sa.update(_heads)
    .where(_this, _heads.c.version == sa.bindparam("the_version"))
    .values(version=_heads.c.version + 1, read_first=sa.bindparam("new_read_first"), held_by=None)
    .returning(_heads.c.version)
)
_MAKE_ROOM = sa.delete(_heads).where(_this)
"""Of a file that cannot be read any more, because its writer was erased: for all who look it is not there."""
_DELETE = sa.delete(_heads).where(_this, _heads.c.version == sa.bindparam("the_version"))


def artifacts(reading: Reading) -> list[Artifact]:
    """The files as they stand, by path; without those whose writer's key was destroyed."""
    rows = reading.connection.execute(_LIST, {"the_task": reading.caller.task_id})
    return by_path(rows, reading.keys)


def read_first(reading: Reading) -> list[tuple[Artifact, Manifest | None]]:
    """The files that whoever goes on reads first, in the order in which they were last written."""
    rows = reading.connection.execute(_READ_FIRST, {"the_task": reading.caller.task_id}).all()
    found = [(row, to_artifact(row, reading.keys)) for row in rows]
    return [(one, blob_rows.manifest(reading, row.blob_id)) for row, one in found if one is not None]


def find(unit: Reading | Writing, path: str) -> Artifact | None:
    """The file as it stands."""
    row = unit.connection.execute(_ONE, asked(unit, path)).one_or_none()
    return None if row is None else to_artifact(row, unit.keys)


def row_of(reading: Reading, path: str) -> sa.Row[Any]:
    """The version that stands. Raises `NotFound`."""
    row = reading.connection.execute(_ONE, asked(reading, path)).one_or_none()
    if row is None:
        raise NotFound
    return row


def put(writing: Writing, upload: Upload, parts: tuple[Part, ...], *, sha256: str) -> Artifact:
    """Make of a whole upload what it was begun for: a new file, or the next version of the one it replaces.

    Raises `NotActive`, `Conflict` with what is there now, `NotFound` if the upload was dropped, and `TooMuch`.
    """
    writing.require_working()
    intent = upload.intent
    current = find(writing, intent.path)
    first = intent.read_first if intent.read_first is not None else current is not None and current.read_first
    version = _create(writing, intent.path, current) if intent.version is None else intent.version + 1
    _set(writing, intent.path, current, version=version, read_first=first, new=intent.version is None)
    _refuse_too_much(writing)
    blob_id = blob_rows.keep(writing, upload, parts, sha256=sha256)
    return _add_version(writing, upload, blob_id, version=version, read_first=first, sha256=sha256)


def delete(writing: Writing, path: str, *, version: int) -> None:
    """Take the file out of the workspace if it is still at `version`; its versions stay.

    Raises `NotActive` and `Conflict`.
    """
    writing.require_working()
    current = find(writing, path)
    this = asked(writing, path)
    if writing.connection.execute(_DELETE, {**this, "the_version": version}).rowcount != 1:
        raise Conflict(current)
    seq = writing.note("artifact.deleted", {"path": path, "version": version + 1})
    row = _version_row(writing, this["the_artifact"], version + 1, seq=seq)
    writing.connection.execute(sa.insert(_versions), {**row, "read_first": False, "size": 0})


def asked(unit: Reading | Writing, path: str) -> dict[str, Any]:
    """A file has one id in a task and in all that were forked from it: by it what they share is found in each."""
    tag = unit.keys.of(eldest(unit)).tag("artifact path", path)
    return {"the_task": unit.caller.task_id, "the_artifact": tag[:32]}


def by_path(rows: Any, keys: TaskKeys) -> list[Artifact]:
    found = [to_artifact(row, keys) for row in rows]
    return sorted((one for one in found if one is not None), key=lambda one: one.path)


def to_artifact(row: sa.Row[Any], keys: TaskKeys) -> Artifact | None:
    """A row of the versions that is no deletion; None if its writer's key was destroyed."""
    said = said_of(row, keys)
    if said is None:
        return None
    return Artifact(
        path=said["path"],
        version=row.version,
        seq=row.seq,
        media_type=said["media_type"],
        size=row.size,
        sha256=said["sha256"],
        read_first=row.read_first,
        updated_at=row.updated_at,
        updated_by=Actor(row.sub, row.client_id, row.device_id),
    )


def said_of(row: sa.Row[Any], keys: TaskKeys) -> dict[str, str] | None:
    """What is sealed in a version: `path`, `media_type`, `sha256`."""
    opened: dict[str, str] | None = keys.of(row.task_id).unseal(
        row.key_no, row.sealed, table=_versions.name, row=_row(row.artifact_id, row.version)
    )
    return opened


def _create(writing: Writing, path: str, current: Artifact | None) -> int:
    """The number of the first version since the file was last there. Raises `Conflict` if it is there."""
    if current is not None:
        raise Conflict(current)
    this = asked(writing, path)
    for stretch in reversed(stretches(writing, 1, writing.head)):
        its = {**this, "the_task": stretch.task_id, "last": stretch.last}
        if (last := writing.connection.execute(_LAST_VERSION, its).scalar_one()) is not None:
            return int(last) + 1
    return 1


def _set(writing: Writing, path: str, current: Artifact | None, *, version: int, read_first: bool, new: bool) -> None:
    """Point the head at the version. Raises `Conflict`."""
    this = asked(writing, path)
    if new:
        writing.connection.execute(_MAKE_ROOM, this)
        head = {"task_id": this["the_task"], "artifact_id": this["the_artifact"], "version": version}
        writing.connection.execute(sa.insert(_heads), {**head, "read_first": read_first})
        return
    replaced = {**this, "the_version": version - 1, "new_read_first": read_first}
    if writing.connection.execute(_REPLACE, replaced).scalar_one_or_none() is None:
        raise Conflict(current)


def _refuse_too_much(writing: Writing) -> None:
    count, first = writing.connection.execute(_COUNTS, {"the_task": writing.caller.task_id}).one()
    if count > artifact.MAX_FILES:
        raise TooMuch(files=artifact.MAX_FILES)
    if first > artifact.MAX_READ_FIRST:
        raise TooMuch(read_first=artifact.MAX_READ_FIRST)


def _add_version(
    writing: Writing, upload: Upload, blob_id: str, *, version: int, read_first: bool, sha256: str
) -> Artifact:
    artifact_id = asked(writing, upload.intent.path)["the_artifact"]
    said = {"path": upload.intent.path, "media_type": upload.intent.media_type, "sha256": sha256}
    about = {"version": version, "size": upload.size, "read_first": read_first}
    seq = writing.note("artifact.changed", said | about)
    place = _row(artifact_id, version)
    sealed = writing.keys.seal(said, sub=writing.caller.sub, table=_versions.name, row=place)
    row = _version_row(writing, artifact_id, version, seq=seq)
    row |= {"read_first": read_first, "size": upload.size, "blob_id": blob_id}
    row |= {"key_no": sealed.key_no, "sealed": sealed.value}
    writing.connection.execute(sa.insert(_versions), row)
    return Artifact(
        path=upload.intent.path,
        version=version,
        seq=seq,
        media_type=upload.intent.media_type,
        size=upload.size,
        sha256=sha256,
        read_first=read_first,
        updated_at=writing.now,
        updated_by=writing.caller.actor,
    )


def _version_row(writing: Writing, artifact_id: str, version: int, *, seq: int) -> dict[str, Any]:
    return {
        "task_id": writing.caller.task_id,
        "artifact_id": artifact_id,
        "version": version,
        "seq": seq,
        "updated_at": writing.now,
        "sub": writing.caller.sub,
        "client_id": writing.caller.client_id,
        "device_id": writing.caller.device_id,
    }


def _row(artifact_id: str, version: int) -> str:
    return f"{artifact_id}/{version}"
