"""A database that kills its process with SIGKILL at one point of one of its writes."""

import itertools
import threading
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from segue_authz.store_contract import Stores
from segue_authz.store_contract.crew import die
from segue_storage.database import Database, Work
from sql_stores import open_sql_stores

T = TypeVar("T")
Point = Literal["before", "statement", "commit", "after"]
POINTS: tuple[Point, ...] = ("before", "statement", "commit", "after")


@dataclass(frozen=True)
class Death:
    """At which write of the process, counted from 0, and where.

    `before` it is begun; after `detail` of the `statement`s that are executed from then on; about its `commit`, which
    is `detail` times 50 microseconds after the work; or `after` it was acknowledged.
    """

    write: int
    point: Point
    detail: int

    @staticmethod
    def drawn(dice: Random, *, writes: int) -> "Death":
        return Death(dice.randrange(writes), dice.choice(POINTS), dice.randrange(1, 5))


class DyingDatabase:
    def __init__(self, database: Database, death: Death) -> None:
        self._database = database
        self._death = death
        self._writes = itertools.count()
        self._statements = itertools.count(1)

    @property
    def dialect(self) -> str:
        return self._database.dialect

    async def write(self, work: Work[T], *, together: str | None = None) -> T:
        number = next(self._writes)
        if number < self._death.write:
            return await self._database.write(work, together=together)
        now = number == self._death.write
        if now and self._death.point == "before":
            die()
        result = await self._database.write(
            lambda connection: self._within(work, connection, now=now), together=together
        )
        if now and self._death.point == "after":
            die()
        return result

    async def read(self, work: Work[T]) -> T:
        return await self._database.read(work)

    async def aclose(self) -> None:
        await self._database.aclose()

    def _within(self, work: Work[T], connection: sa.Connection, *, now: bool) -> T:
        if self._death.point == "statement":
            sa.event.listen(connection, "after_cursor_execute", self._count_down)
        result = work(connection)
        if now and self._death.point == "commit":
            threading.Timer(self._death.detail * 50e-6, die).start()
        return result

    def _count_down(self, *_: Any) -> None:
        if next(self._statements) == self._death.detail:
            die()


def open_dying_stores(url: str, death: Death, **faults: type) -> Stores:
    """The stores over such a database; `faults` as for `open_sql_stores`."""
    return open_sql_stores(url, around=lambda database: DyingDatabase(database, death), **faults)
