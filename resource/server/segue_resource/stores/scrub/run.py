"""Verifies and repairs tasks through the database port: many small reads, and one write for a task that is repaired."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database

from segue_resource.stores import tables
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.scrub.fault import Fault
from segue_resource.stores.scrub.scrub import Scrub

_heads = tables.task_heads
_scrubs = tables.scrubs
_HOLD = sa.select(_heads.c.head).where(_heads.c.task_id == sa.bindparam("the_task")).with_for_update()
_NAMED = [sa.select(table.c.task_id) for table in (tables.tasks, tables.task_heads, tables.data_keys)]
_TASKS = sa.union(*_NAMED).order_by("task_id")
_OLDEST = (
    sa.select(tables.tasks.c.task_id, _scrubs.c.verified_at)
    .outerjoin(_scrubs, _scrubs.c.task_id == tables.tasks.c.task_id)
    .where(sa.or_(_scrubs.c.verified_at.is_(None), _scrubs.c.verified_at < sa.bindparam("since")))
    .order_by(sa.func.coalesce(_scrubs.c.verified_at, 0), tables.tasks.c.task_id)
    .limit(1)
)


@dataclass(frozen=True)
class Verified:
    """One task: how many events it has and what is wrong."""

    task_id: str
    events: int
    faults: list[Fault]


@dataclass(frozen=True)
class Repaired:
    """One task: what was mended, the rows that were put in quarantine, and what is `left`."""

    task_id: str
    mended: list[Fault]
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    left: list[Fault] = field(default_factory=list)


async def every_task(database: Database) -> list[str]:
    """The ids of all tasks, also of one that has lost its own row."""
    return await database.read(lambda connection: list(connection.execute(_TASKS).scalars()))


async def verify(database: Database, task_id: str, *, keeper: Keeper, now: int) -> Verified:
    """Changes nothing. Raises what the database raises."""
    scrub = await _read(database, task_id, keeper=keeper, now=now)
    faults = await database.read(scrub.compare)
    return Verified(task_id, scrub.events, faults)


async def repair(database: Database, task_id: str, *, keeper: Keeper, now: int) -> Repaired:
    """Everything that can be mended, in one transaction that holds the task; then it is verified again."""
    scrub = await _read(database, task_id, keeper=keeper, now=now)

    def work(connection: sa.Connection) -> tuple[list[Fault], list[dict[str, Any]]]:
        if connection.execute(_HOLD, {"the_task": task_id}).one_or_none() is None:
            return [], []
        mending = scrub.mend(connection, scrub.compare(connection))
        return mending.mended, mending.quarantined

    mended, quarantined = await database.write(work, together=task_id)
    verified = await verify(database, task_id, keeper=keeper, now=now)
    return Repaired(task_id, mended, quarantined, verified.faults)


async def verify_oldest(database: Database, *, keeper: Keeper, now: int, every: int) -> Verified | None:
    """The task that was verified longest ago, if that is more than `every` seconds. Nothing is repaired.

    It is noted first, so that other processes take the next.
    """

    def take(connection: sa.Connection) -> str | None:
        row = connection.execute(_OLDEST, {"since": now - every}).one_or_none()
        if row is None:
            return None
        _note(connection, row.task_id, now=now, faults=0)
        return str(row.task_id)

    task_id = await database.write(take)
    if task_id is None:
        return None
    verified = await verify(database, task_id, keeper=keeper, now=now)
    await database.write(lambda connection: _note(connection, task_id, now=now, faults=len(verified.faults)))
    return verified


async def _read(database: Database, task_id: str, *, keeper: Keeper, now: int) -> Scrub:
    scrub = Scrub(task_id, keeper=keeper, now=now)
    while await database.read(scrub.read_on):
        pass
    return scrub


def _note(connection: sa.Connection, task_id: str, *, now: int, faults: int) -> None:
    noted = sa.update(_scrubs).where(_scrubs.c.task_id == task_id).values(verified_at=now, faults=faults)
    if not connection.execute(noted).rowcount:
        connection.execute(sa.insert(_scrubs), {"task_id": task_id, "verified_at": now, "faults": faults})
