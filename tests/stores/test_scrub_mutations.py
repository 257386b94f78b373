"""Whatever is changed, dropped or swapped in the database of a task, verifying speaks; what it misses is listed."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import TASK, StoreWorld
from rounds import rounds
from scrubbing import faults_of, populate, rows_of, tell_shorter
from segue_resource.stores.scrub.unprotected import UNPROTECTED
from segue_resource.stores.tables import metadata
from sqlalchemy.exc import IntegrityError

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

ROUNDS = rounds(bounded=1, full=40)
"""Rows of which each column is changed."""
SHARE = {"sqlite": 1.0 if ROUNDS > 1 else 0.5, "postgresql": 1.0 if ROUNDS > 1 else 0.2}
"""Of the changes, how many are tried: what verifying finds is the same on both, so every run tries some on each."""
UNMISSED = {"idempotency_keys", "scrubs"}
"""Tables from which a row may be dropped unseen."""


def other(value: Any, column: sa.Column[Any], dice: random.Random) -> Any:
    """The value with one bit or one letter changed; something where there was nothing."""
    if value is None:
        return b"x" if isinstance(column.type, sa.LargeBinary) else 1 if isinstance(column.type, sa.Integer) else "x"
    if isinstance(value, bytes):
        at = dice.randrange(len(value))
        return value[:at] + bytes([value[at] ^ (1 << dice.randrange(8))]) + value[at + 1 :]
    if isinstance(value, int):
        return value ^ (1 << dice.randrange(12))
    at = dice.randrange(len(value)) if value else 0
    return value[:at] + dice.choice([letter for letter in "abcz019" if letter != value[at : at + 1]]) + value[at + 1 :]


def mutations(connection: sa.Connection, dice: random.Random) -> Iterator[tuple[str, Any, Any]]:
    """For one row of each table: each column changed, and the row dropped. The name, what does it, and undoes it."""
    for table in metadata.sorted_tables:
        rows = rows_of(connection, table) if "task_id" in table.c else []
        if not rows:
            continue
        row = dice.choice(rows)
        this = sa.and_(*(column == row._mapping[column.name] for column in table.primary_key))
        for column in table.columns:
            before, after = row._mapping[column.name], other(row._mapping[column.name], column, dice)
            here = sa.and_(
                *(each == (after if each is column else row._mapping[each.name]) for each in table.primary_key)
            )
            change = sa.update(table).where(this).values({column.name: after})
            undo = sa.update(table).where(here).values({column.name: before})
            yield f"{table.name}.{column.name}", change, undo
        yield f"{table.name} dropped", sa.delete(table).where(this), sa.insert(table).values(dict(row._mapping))


def swaps(connection: sa.Connection, dice: random.Random) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """What is sealed in two rows of a table, or said in two entries of the audit, in each other's place."""
    for table in metadata.sorted_tables:
        names = [column.name for column in table.columns if isinstance(column.type, sa.LargeBinary)]
        rows = rows_of(connection, table) if names and "task_id" in table.c else []
        for name in names:
            full = [row for row in rows if row._mapping[name] is not None]
            if len(full) < 2:
                continue
            one, two = dice.sample(full, 2)
            yield f"{table.name}.{name} swapped", _swap(table, name, one, two), _swap(table, name, two, one)


def _swap(table: sa.Table, name: str, one: Any, two: Any) -> list[Any]:
    def put(into: Any, value: Any) -> Any:
        this = sa.and_(*(column == into._mapping[column.name] for column in table.primary_key))
        return sa.update(table).where(this).values({name: value})

    if one._mapping[name] == two._mapping[name]:
        return []
    first, second = sorted((one, two), key=lambda row: tuple(map(str, row)))
    mine = {id(one): two, id(two): one}
    return [put(row, mine[id(row)]._mapping[name]) for row in (first, second)]


@pytest.mark.requirement("T23", "T17", "T18")
async def test_every_change_to_a_protected_column_and_every_dropped_row_is_noticed(store: StoreWorld) -> None:
    await tell_shorter(await populate(store))
    dice = random.Random(7)
    missed = []
    for _ in range(ROUNDS):
        for name, change, undo in await store.database.read(lambda connection: list(mutations(connection, dice))):
            if dice.random() > SHARE[store.database.dialect]:
                continue
            try:
                await store.database.write(lambda connection, change=change: connection.execute(change).rowcount)
            except IntegrityError:  # the database itself does not have it
                continue
            if name not in UNPROTECTED and name.partition(" ")[0] not in UNMISSED and not await faults_of(store):
                missed.append(name)
            await store.database.write(lambda connection, undo=undo: connection.execute(undo).rowcount)
    assert not missed, " ".join(missed)
    assert [str(fault) for fault in await faults_of(store)] == []


@pytest.mark.requirement("T23", "T18")
async def test_sealed_values_in_each_others_place_are_noticed(store: StoreWorld) -> None:
    await populate(store)
    dice, missed = random.Random(7), []
    for name, there, _ in await store.database.read(lambda connection: list(swaps(connection, dice))):
        before = await store.database.read(_all_rows)
        for statement in there:
            await store.database.write(lambda connection, one=statement: connection.execute(one).rowcount)
        if there and not await faults_of(store):
            missed.append(name)
        await _put_back(store, before)
    assert missed == []


def _all_rows(connection: sa.Connection) -> dict[str, list[Any]]:
    return {
        table.name: rows_of(connection, table)
        for table in metadata.sorted_tables
        if "task_id" in table.c and any(isinstance(column.type, sa.LargeBinary) for column in table.columns)
    }


async def _put_back(store: StoreWorld, before: dict[str, list[Any]]) -> None:
    def work(connection: sa.Connection) -> None:
        for name, rows in before.items():
            table = metadata.tables[name]
            for row in rows:
                this = sa.and_(*(column == row._mapping[column.name] for column in table.primary_key))
                connection.execute(sa.update(table).where(this).values(dict(row._mapping)))

    await store.database.write(work)


@pytest.mark.requirement("T23")
def test_what_is_not_protected_exists_and_has_a_reason() -> None:
    columns = {f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns}
    assert UNPROTECTED.keys() <= columns
    assert all(UNPROTECTED.values())


_ = TASK
