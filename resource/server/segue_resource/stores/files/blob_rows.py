"""What the database knows of contents: a blob is an upload first, then what versions name, and in the end dropped.

Every change of state is one compare-and-set on the blob's row. A blob that nobody names is dropped only if its
`claims` still are what the collector saw: whoever names it meanwhile raises them, or finds it dropped (T14).
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from segue.jose import b64url_decode, b64url_encode

from segue_resource.domain import artifact
from segue_resource.domain.refusal import NotFound, TooMuch
from segue_resource.stores import tables
from segue_resource.stores.files.sealed_stream import BlobKey, Part
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

UPLOAD_LIFETIME = 24 * 3600
"""Seconds after the last byte for which an unfinished upload may be gone on with."""


class State(StrEnum):
    UPLOADING = "uploading"
    KEPT = "kept"
    DROPPED = "dropped"


class PartState(StrEnum):
    """An object may be there before its bytes count: `intended` says so, so that no object is ever lost sight of."""

    INTENDED = "intended"
    STORED = "stored"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Intent:
    """What an upload is to become. `version` is the one it replaces, None for a new file; `sha256` in hexadecimal."""

    path: str
    media_type: str
    read_first: bool | None
    version: int | None
    sha256: str | None
    length: int | None


@dataclass(frozen=True)
class Upload:
    """An upload as it stands. `size` bytes have come; `complete` once a version was made of it."""

    blob_id: str
    task_id: str
    size: int
    complete: bool
    key: BlobKey
    intent: Intent


@dataclass(frozen=True)
class Manifest:
    """A finished blob: its parts in their order, and what its content is."""

    key: BlobKey
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return self.parts[-1].end if self.parts else 0


_blobs = tables.blobs
_parts = tables.blob_parts
_this = _blobs.c.blob_id == sa.bindparam("the_blob")
_NAMED = sa.select(_blobs).where(_this)
_ONE = _NAMED.where(_blobs.c.task_id == sa.bindparam("the_task"))
_TOTALS = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(_blobs.c.size), 0),
    sa.func.coalesce(sa.func.sum(sa.case((_blobs.c.state == State.UPLOADING, 1), else_=0)), 0),
).where(_blobs.c.task_id == sa.bindparam("the_task"), _blobs.c.state != State.DROPPED)
_SIZE = (
    sa.select(_blobs.c.size).where(_this, _blobs.c.state == State.UPLOADING).with_for_update(read=True, key_share=True)
)
_GROW = (
    sa.update(_blobs)
    .where(_this, _blobs.c.state == State.UPLOADING, _blobs.c.size == sa.bindparam("the_start"))
    .values(size=_blobs.c.size + sa.bindparam("more"), touched_at=sa.bindparam("the_time"))
    .returning(_blobs.c.task_id)
)
_COUNT = (
    sa.update(_parts)
    .where(_parts.c.part_id == sa.bindparam("the_part"), _parts.c.state == PartState.INTENDED)
    .values(state=PartState.STORED)
)
_PARTS = (
    sa.select(_parts)
    .where(_parts.c.blob_id == sa.bindparam("the_blob"), _parts.c.state == PartState.STORED)
    .order_by(_parts.c.start)
)
_KEEP = (
    sa.update(_blobs)
    .where(_this, _blobs.c.state == State.UPLOADING, _blobs.c.size == sa.bindparam("whole"))
    .values(
        state=State.KEPT,
        claims=_blobs.c.claims + 1,
        touched_at=sa.bindparam("the_time"),
        content_tag=sa.bindparam("new_tag"),
        key_no=sa.bindparam("new_key_no"),
        sealed=sa.bindparam("new_sealed"),
    )
)
_DROP_PARTS = sa.update(_parts).where(_parts.c.blob_id == sa.bindparam("the_blob")).values(state=PartState.DROPPED)
_CLAIM_SAME = (
    sa.update(_blobs)
    .where(
        _blobs.c.task_id == sa.bindparam("the_task"),
        _blobs.c.content_tag == sa.bindparam("the_tag"),
        _blobs.c.state == State.KEPT,
    )
    .values(claims=_blobs.c.claims + 1, touched_at=sa.bindparam("the_time"))
    .returning(_blobs.c.blob_id)
)
_DROP = sa.update(_blobs).where(_this, _blobs.c.state == State.UPLOADING).values(state=State.DROPPED)


def begin(writing: Writing, blob_id: str, secret: bytes, intent: Intent) -> Upload:
    """A new upload, empty. Raises `NotActive` and `TooMuch`."""
    writing.require_working()
    key = BlobKey(writing.caller.task_id, blob_id, secret)
    sealed = writing.keys.seal(
        {"key": b64url_encode(secret), "intent": _members(intent)},
        sub=writing.caller.sub,
        table=_blobs.name,
        row=_row(blob_id, State.UPLOADING),
    )
    row = {
        "blob_id": blob_id,
        "task_id": writing.caller.task_id,
        "sub": writing.caller.sub,
        "state": State.UPLOADING,
        "size": 0,
        "claims": 0,
        "touched_at": writing.now,
        "key_no": sealed.key_no,
        "sealed": sealed.value,
    }
    writing.connection.execute(sa.insert(_blobs), row)
    _refuse_too_much(writing.connection, writing.caller.task_id)
    return Upload(blob_id, writing.caller.task_id, 0, complete=False, key=key, intent=intent)


def upload(unit: Reading | Writing, blob_id: str) -> Upload:
    """An upload of the caller's. Raises `NotFound`, also for one that was dropped or is somebody else's."""
    asked = {"the_blob": blob_id, "the_task": unit.caller.task_id}
    row = unit.connection.execute(_ONE, asked).one_or_none()
    if row is None or row.state == State.DROPPED or row.sub != unit.caller.sub:
        raise NotFound
    opened = _opened(row, unit.keys)
    key = BlobKey(row.task_id, blob_id, b64url_decode(opened["key"]))
    intent = Intent(**opened["intent"])
    return Upload(blob_id, row.task_id, row.size, complete=row.state == State.KEPT, key=key, intent=intent)


def intend(connection: sa.Connection, part: Part, blob_id: str, *, now: int) -> bool:
    """Say that an object of this part may be there from now on. False if the upload ends elsewhere, or has ended."""
    if size(connection, blob_id) != part.start:
        return False
    row = {"part_id": part.part_id, "blob_id": blob_id, "start": part.start, "size": part.size, "made_at": now}
    connection.execute(sa.insert(_parts), {**row, "state": PartState.INTENDED})
    return True


def grow(connection: sa.Connection, part: Part, blob_id: str, *, now: int) -> bool:
    """Count the part, whose object is kept now, as the next of the upload. False if the upload ends elsewhere by now.

    Raises `TooMuch`.
    """
    asked = {"the_blob": blob_id, "the_start": part.start, "more": part.size, "the_time": now}
    grown = connection.execute(_GROW, asked).one_or_none()
    if grown is None or connection.execute(_COUNT, {"the_part": part.part_id}).rowcount != 1:
        return False
    if part.end > artifact.MAX_SIZE:
        raise TooMuch(file_bytes=artifact.MAX_SIZE)
    _refuse_too_much(connection, grown.task_id)
    return True


def size(connection: sa.Connection, blob_id: str) -> int | None:
    """How many bytes of an unfinished upload have come; None if it is none any more."""
    found = connection.execute(_SIZE, {"the_blob": blob_id}).scalar_one_or_none()
    return None if found is None else int(found)


def parts(connection: sa.Connection, blob_id: str) -> tuple[Part, ...]:
    """The parts that count, in their order."""
    return tuple(Part(row.part_id, row.start, row.size) for row in connection.execute(_PARTS, {"the_blob": blob_id}))


def keep(writing: Writing, done: Upload, found: tuple[Part, ...], *, sha256: str) -> str:
    """Name the content: the blob that holds it, which is another one if this person has brought the same before.

    Raises `NotFound` if the upload was dropped, completed, or has grown since.
    """
    manifest = [[part.part_id, part.size] for part in found]
    content = {"key": b64url_encode(done.key.secret), "intent": _members(done.intent), "parts": manifest}
    sealed = writing.keys.seal(content, sub=writing.caller.sub, table=_blobs.name, row=_row(done.blob_id, State.KEPT))
    tag = _tag(writing.keys, sealed.key_no, sha256)
    asked = {"the_task": writing.caller.task_id, "the_tag": tag, "the_time": writing.now}
    same = writing.connection.execute(_CLAIM_SAME, asked).scalars().first()
    kept = {
        "the_blob": done.blob_id,
        "whole": found[-1].end if found else 0,
        "the_time": writing.now,
        "new_tag": None if same else tag,
        "new_key_no": sealed.key_no,
        "new_sealed": sealed.value,
    }
    if writing.connection.execute(_KEEP, kept).rowcount != 1:
        raise NotFound
    if same:
        writing.connection.execute(_DROP_PARTS, {"the_blob": done.blob_id})
    return str(same or done.blob_id)


def manifest(unit: Reading | Writing, blob_id: str) -> Manifest | None:
    """What a blob that a version names is made of; None if it was dropped, or its uploader's key was destroyed.

    It may lie in a task that this one was forked from.
    """
    row = unit.connection.execute(_NAMED, {"the_blob": blob_id}).one_or_none()
    if row is None or row.state != State.KEPT:
        return None
    return manifest_of(row, unit.keys)


def manifest_of(row: sa.Row[Any], keys: TaskKeys) -> Manifest | None:
    """Of a row of a kept blob; None if its key was destroyed."""
    place = _row(row.blob_id, State.KEPT)
    opened = keys.of(row.task_id).unseal(row.key_no, row.sealed, table=_blobs.name, row=place)
    if opened is None:
        return None
    found: list[Part] = []
    for part_id, size in opened["parts"]:
        found.append(Part(part_id, found[-1].end if found else 0, size))
    return Manifest(BlobKey(row.task_id, row.blob_id, b64url_decode(opened["key"])), tuple(found))


def drop(connection: sa.Connection, blob_id: str) -> bool:
    """Give up an unfinished upload; its objects are removed later. False if it is none any more."""
    return connection.execute(_DROP, {"the_blob": blob_id}).rowcount == 1


def _refuse_too_much(connection: sa.Connection, task_id: str) -> None:
    count, size, unfinished = connection.execute(_TOTALS, {"the_task": task_id}).one()
    if unfinished > artifact.MAX_UPLOADS:
        raise TooMuch(uploads=artifact.MAX_UPLOADS)
    if count > artifact.MAX_CONTENTS or size > artifact.MAX_BYTES:
        raise TooMuch(contents=artifact.MAX_CONTENTS, bytes=artifact.MAX_BYTES)


def _tag(keys: TaskKeys, key_no: int, sha256: str) -> str:
    """By which the same content of the same person is found in this task and in no other.

    It is made with the person's data key: without that, nobody can try whether they had a certain file.
    """
    key = keys.derive(key_no, "blob content")
    if key is None:
        raise NotFound
    return hmac.digest(key, bytes.fromhex(sha256), hashlib.sha256).hex()


def _opened(row: sa.Row[Any], keys: TaskKeys) -> dict[str, Any]:
    opened = keys.unseal(row.key_no, row.sealed, table=_blobs.name, row=_row(row.blob_id, row.state))
    if not isinstance(opened, dict):
        raise NotFound
    return opened


def _row(blob_id: str, state: str) -> str:
    return f"{blob_id}/{state}"


def _members(intent: Intent) -> dict[str, Any]:
    return vars(intent).copy()
