"""Removes the objects that nothing needs: of uploads nobody finished, of contents nobody names, of crashed writes.

Any number of processes may do it at once. What is to go is marked first, by a compare-and-set that whoever wants to use
it loses; only then the object is removed, and its row last, so that a crash between leaves nothing that is not found.
"""

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database

from segue_resource.stores import tables
from segue_resource.stores.files.blob_rows import UPLOAD_LIFETIME, PartState, State
from segue_resource.stores.files.blobs import BlobStore, object_name

GRACE = 24 * 3600
"""Seconds for which a content that nobody names, or an object that was intended, is left alone."""
BATCH = 100

_blobs = tables.blobs
_parts = tables.blob_parts
_versions = tables.artifact_versions
_old = _blobs.c.touched_at < sa.bindparam("kept_since")
_expired = sa.select(_blobs.c.blob_id).where(_blobs.c.state == State.UPLOADING, _old).limit(BATCH)
_EXPIRE = (
    sa.update(_blobs)
    .where(_blobs.c.blob_id.in_(_expired), _blobs.c.state == State.UPLOADING, _old)
    .values(state=State.DROPPED)
)
_UNNAMED = (
    sa.select(_blobs.c.blob_id, _blobs.c.claims)
    .where(
        _blobs.c.state == State.KEPT,
        _old,
        ~sa.exists().where(_versions.c.blob_id == _blobs.c.blob_id),
    )
    .limit(BATCH)
)
_DROP = (
    sa.update(_blobs)
    .where(
        _blobs.c.blob_id == sa.bindparam("the_blob"),
        _blobs.c.state == State.KEPT,
        _blobs.c.claims == sa.bindparam("the_claims"),
    )
    .values(state=State.DROPPED)
)
_stale = sa.and_(_parts.c.state == PartState.INTENDED, _parts.c.made_at < sa.bindparam("kept_since"))
_LAPSE = (
    sa.update(_parts)
    .where(_parts.c.part_id.in_(sa.select(_parts.c.part_id).where(_stale).limit(BATCH)), _stale)
    .values(state=PartState.DROPPED)
)
_of_dropped = _parts.c.blob_id.in_(sa.select(_blobs.c.blob_id).where(_blobs.c.state == State.DROPPED))
_TO_REMOVE = (
    sa.select(_parts.c.part_id)
    .where((_parts.c.state == PartState.DROPPED) | ((_parts.c.state == PartState.STORED) & _of_dropped))
    .limit(BATCH)
)
_FORGET = sa.delete(_parts).where(_parts.c.part_id.in_(sa.bindparam("the_parts", expanding=True)))
_FORGET_BLOBS = sa.delete(_blobs).where(
    _blobs.c.state == State.DROPPED, ~sa.exists().where(_parts.c.blob_id == _blobs.c.blob_id)
)


class Collecting:
    """Each step is a small transaction of its own. Raises `BlobsUnavailable` and what the database raises."""

    def __init__(self, database: Database, blobs: BlobStore, *, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def collect(self) -> int:
        """Everything that is due; how many objects were removed."""
        await self._all(_EXPIRE, UPLOAD_LIFETIME)
        await self.drop(await self.unnamed())
        await self._all(_LAPSE, GRACE)
        return await self.remove()

    async def unnamed(self) -> list[tuple[str, int]]:
        """Contents that no version has named for long, and how often they had been named."""
        asked = {"kept_since": self._clock() - GRACE}
        rows = await self._database.read(lambda connection: connection.execute(_UNNAMED, asked).all())
        return [(row.blob_id, row.claims) for row in rows]

    async def drop(self, found: list[tuple[str, int]]) -> int:
        """Drop those that nobody has named since they were found; how many."""
        dropped = 0
        for blob_id, claims in found:
            asked = {"the_blob": blob_id, "the_claims": claims}
            dropped += await self._changed(_DROP, asked)
        return dropped

    async def remove(self) -> int:
        """Remove the objects of what was dropped, then their rows; how many."""
        removed = 0
        while batch := await self._database.read(lambda connection: connection.execute(_TO_REMOVE).scalars().all()):
            await self._blobs.delete([object_name(part_id) for part_id in batch])
            removed += await self._changed(_FORGET, {"the_parts": list(batch)})
        await self._changed(_FORGET_BLOBS, {})
        return removed

    async def _all(self, change: sa.Update, age: int) -> None:
        """Batch by batch."""
        while await self._changed(change, {"kept_since": self._clock() - age}) >= BATCH:
            continue

    async def _changed(self, change: sa.Update | sa.Delete, asked: dict[str, object]) -> int:
        return await self._database.write(lambda connection: connection.execute(change, asked).rowcount)
