"""Puts rows into tables by one statement, however many they are and whatever tables they are for.

PostgreSQL gets the inserts of all tables in one statement, and of many rows each column as one array: a statement for
each row costs it more than the row, and a round trip more than both. SQLite has no round trips, so there the driver
repeats a prepared statement for the rows of a table.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

FEW = 3
"""Up to here a row has parameters of its own: as many arrays cost more."""

Rows = Sequence[Mapping[str, Any]]
"""All with the same columns."""


def insert(connection: sa.Connection, *groups: tuple[sa.Table, Rows]) -> None:
    """No row may refer to one of another group, nor be of its table. Raises IntegrityError."""
    there = [(table, rows) for table, rows in groups if rows]
    if connection.dialect.name != "postgresql":
        for table, rows in there:
            connection.execute(_insert(table), rows)
    elif there:
        shapes = tuple((table, tuple(rows[0]), len(rows) if len(rows) <= FEW else 0) for table, rows in there)
        values = {name: value for table, rows in there for name, value in _values(table, rows)}
        connection.exec_driver_sql(_inserts(shapes, connection.dialect), values)


def _values(table: sa.Table, rows: Rows) -> Iterable[tuple[str, Any]]:
    if len(rows) > FEW:
        return ((f"{table.name}_{name}", [row[name] for row in rows]) for name in rows[0])
    return ((f"{table.name}_{name}_{n}", value) for n, row in enumerate(rows) for name, value in row.items())


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _inserts(shapes: tuple[tuple[sa.Table, tuple[str, ...], int], ...], dialect: sa.Dialect) -> str:
    """`%(name)b`: the driver sends it in binary form, sealed values as they are."""
    *others, last = [_one(*shape, dialect) for shape in shapes]
    named = ", ".join(f"part_{n} AS ({statement})" for n, statement in enumerate(others))
    return f"WITH {named} {last}" if named else last


def _one(table: sa.Table, names: tuple[str, ...], few: int, dialect: sa.Dialect) -> str:
    if few:
        rows = (", ".join(f"%({table.name}_{name}_{n})b" for name in names) for n in range(few))
        source = "VALUES " + ", ".join(f"({row})" for row in rows)
    else:
        arrays = (f"%({table.name}_{name})b::{_type_of(table.c[name], dialect)}[]" for name in names)
        source = f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608 - names of ours alone
    return f"INSERT INTO {table.name} ({', '.join(names)}) {source}"


def _type_of(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    """An array has no order of its own."""
    return column.type.compile(dialect).partition(" COLLATE ")[0]
