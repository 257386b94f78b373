"""Puts many rows into a table by one statement of the same text, however many they are.

PostgreSQL gets each column as one array: a statement for each row costs it more than the row. For SQLite, which has no
round trips, the driver repeats a prepared statement.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

FEW = 3
"""Up to here the driver's own way is as cheap: it sends the statements of these rows at once."""


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """The rows have the same columns. Raises IntegrityError."""
    if not rows:
        return
    if len(rows) <= FEW or connection.dialect.name != "postgresql":
        connection.execute(_insert(table), rows)
    else:
        names = tuple(rows[0])
        connection.exec_driver_sql(
            _from_arrays(table, names, connection.dialect), {name: [row[name] for row in rows] for name in names}
        )


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _from_arrays(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> str:
    """`%(name)b`: the driver sends the array in binary form, sealed values as they are."""
    columns = ", ".join(names)
    arrays = ", ".join(f"%({name})b::{table.c[name].type.compile(dialect)}[]" for name in names)
    return f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of ours alone
