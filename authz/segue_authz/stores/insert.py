"""Inserts that SQLAlchemy spells per dialect: `ON CONFLICT DO NOTHING`, and many rows by one statement.

PostgreSQL gets many rows as one parameter, so that the statement is the same however many they are: it is built, parsed
and prepared once. SQLite has no round trips; there the driver repeats a prepared statement.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Rows = Sequence[dict[str, Any]]
"""All with the same columns."""


def insert_if_absent(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Whether this call wrote the row; a row that is already there stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(values).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Rows) -> None:
    """Write all of them. Raises IntegrityError."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_insert(table, tuple(rows[0]), connection.dialect), _values(rows))
    else:
        connection.execute(table.insert(), list(rows))


def insert_those_absent(connection: sa.Connection, table: sa.Table, rows: Rows, key: sa.ColumnElement[str]) -> set[str]:
    """The keys of the rows that this call wrote; those that are already there stay as they are."""
    if connection.dialect.name == "postgresql":
        insert = _insert(table, tuple(rows[0]), connection.dialect)
        statement = f"{insert} ON CONFLICT DO NOTHING RETURNING {key.name}"
        return set(connection.exec_driver_sql(statement, _values(rows)).scalars())
    absent = sqlite.insert(table).on_conflict_do_nothing().returning(key)
    return set(connection.execute(absent, list(rows)).scalars())


def _values(rows: Rows) -> dict[str, str]:
    return {"rows": msgspec.json.encode(rows).decode()}


@cache
def _insert(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> str:
    columns = ", ".join(names)
    typed = ", ".join(f"{name} {table.c[name].type.compile(dialect)}" for name in names)
    source = f"SELECT {columns} FROM json_to_recordset(%(rows)s::json) AS given ({typed})"  # noqa: S608 - names of ours
    return f"INSERT INTO {table.name} ({columns}) {source}"
