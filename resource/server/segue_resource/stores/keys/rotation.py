"""Rotates the master key: a new generation, every living data key wrapped anew under it, the old generations destroyed.

Small transactions, each leaving a consistent state: whoever is killed goes on where it was, and servers run meanwhile.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database

from segue_resource.stores import tables
from segue_resource.stores.keys import key_generations
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import Wrapped
from segue_resource.stores.keys.master_key import nonce
from segue_resource.stores.keys.task_keys import wrapping_place

BATCH = 200
"""Data keys wrapped anew in one transaction."""

Progress = Callable[[int, int], None]
"""`progress(done, all)`, in data keys."""

_keys = tables.data_keys
_generations = tables.key_generations
_primary = sa.tuple_(_keys.c.task_id, _keys.c.key_no)
_old = sa.and_(_keys.c.wrapped.is_not(None), _keys.c.master_key_id != sa.bindparam("the_key"))
_COUNT = sa.select(sa.func.count()).select_from(_keys).where(_old)
_NEXT = (
    sa.select(_keys)
    .where(_old, _primary > sa.tuple_(sa.bindparam("after_task"), sa.bindparam("after_no")))
    .order_by(_keys.c.task_id, _keys.c.key_no)
    .limit(BATCH)
)
_REWRAP = (
    sa.update(_keys)
    .where(
        _keys.c.task_id == sa.bindparam("the_task"),
        _keys.c.key_no == sa.bindparam("the_no"),
        _keys.c.wrapped == sa.bindparam("the_old"),
    )
    .values(wrapped=sa.bindparam("the_new"), master_key_id=sa.bindparam("the_key"))
)
_LIVING = sa.select(_generations.c.key_id, _generations.c.noted_at).where(_generations.c.destroyed_at.is_(None))
_LAST_DESTROYED = sa.select(sa.func.max(_keys.c.destroyed_at))
_COVERED = sa.update(tables.erasures).where(tables.erasures.c.backups_at.is_(None))


@dataclass(frozen=True)
class Rotated:
    """`key_id` wraps now; `wrapped` data keys were wrapped anew; `destroyed` generations are gone for ever."""

    key_id: str
    wrapped: int
    destroyed: list[str]


class Rotation:
    """Raises `KeysUnavailable`, `BadKeyFile`, `Damaged`, and what the database raises. One at a time for a key file."""

    def __init__(self, database: Database, *, keeper: Keeper, clock: Clock) -> None:
        self._database = database
        self._keeper = keeper
        self._wrapper = keeper.master.wrapper
        self._clock = clock

    async def rotate(self, *, destroy_old: bool, progress: Progress = lambda *_: None) -> Rotated:
        """Goes on with a rotation that was not finished; otherwise begins one.

        With `destroy_old` no generation is left that wrapped a data key which was destroyed before now.
        """
        if await self._due(destroy_old=destroy_old):
            self._wrapper.rotate()
        newest, began = self._wrapper.key_id, self._clock()
        await self._database.write(lambda connection: key_generations.retire_others(connection, newest, now=began))
        wrapped = await self._rewrap(newest, progress)
        destroyed = await self._destroy(newest, began=began) if destroy_old else []
        return Rotated(newest, wrapped, destroyed)

    async def left(self) -> int:
        """The living data keys that the newest generation does not wrap."""
        asked = {"the_key": self._wrapper.key_id}

        def count(connection: sa.Connection) -> int:
            return int(connection.execute(_COUNT, asked).scalar_one())

        return await self._database.read(count)

    async def _due(self, *, destroy_old: bool) -> bool:
        """Whether another generation is needed, or the newest is the one to go on with."""
        self._wrapper.refresh()
        if not destroy_old:
            return await self.left() == 0
        newest, begun = self._wrapper.key_id, len(self._wrapper.key_ids) > 1

        def asked(connection: sa.Connection) -> bool:
            living = {row.key_id: row.noted_at for row in connection.execute(_LIVING)}
            destroyed = connection.execute(_LAST_DESTROYED).scalar_one()
            return not begun or (destroyed is not None and destroyed >= living.get(newest, 0))

        return await self._database.read(asked)

    async def _rewrap(self, newest: str, progress: Progress) -> int:
        """All there are: nothing has been wrapped by an older generation since it was retired."""
        every, done = await self.left(), 0
        place: dict[str, Any] | None = {"after_task": "", "after_no": 0}
        while place is not None:
            place, some = await self._batch({"the_key": newest, **place})
            done += some
            progress(done, every)
        return done

    async def _batch(self, asked: dict[str, Any]) -> tuple[dict[str, Any] | None, int]:
        """Where the next batch begins, or None after the last, and how many there were in this one."""
        rows = await self._database.read(lambda connection: list(connection.execute(_NEXT, asked)))
        if not rows:
            return None, 0
        changes = await asyncio.to_thread(lambda: [self._anew(row) for row in rows])
        await self._database.write(lambda connection: _write(connection, changes))
        return {"after_task": rows[-1].task_id, "after_no": rows[-1].key_no}, len(rows)

    def _anew(self, row: sa.Row[Any]) -> dict[str, Any]:
        place = wrapping_place(row.task_id, row.key_no, row.sub)
        secret = self._wrapper.unwrap(Wrapped(row.master_key_id, row.wrapped), place=place)
        wrapped = self._wrapper.wrap(secret, nonce=nonce(self._keeper.random), place=place)
        return {
            "the_task": row.task_id,
            "the_no": row.key_no,
            "the_old": row.wrapped,
            "the_new": wrapped.value,
            "the_key": wrapped.key_id,
        }

    async def _destroy(self, newest: str, *, began: int) -> list[str]:
        """Nothing is destroyed while anything is wrapped by it."""
        if await self.left():
            return []
        gone = self._wrapper.destroy_others(newest)

        def note(connection: sa.Connection) -> list[str]:
            living = [row.key_id for row in connection.execute(_LIVING) if row.key_id != newest]
            key_generations.destroyed(connection, living, now=self._clock())
            covered = _COVERED.where(tables.erasures.c.unreadable_at < began)
            connection.execute(covered.values(backups_at=self._clock()))
            return sorted({*gone, *living})

        return await self._database.write(note)


def _write(connection: sa.Connection, changes: list[dict[str, Any]]) -> None:
    """A key that was destroyed or wrapped anew since it was read is left as it is."""
    connection.execute(_REWRAP, changes)
