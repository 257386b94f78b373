"""`INSERT … ON CONFLICT DO NOTHING`, which both databases know and SQLAlchemy spells per dialect."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_absent(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Whether this call wrote the row; a row that is already there stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(values).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def insert_those_absent(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], key: sa.ColumnElement[str]
) -> set[str]:
    """The keys of the rows that this call wrote; those that are already there stay as they are."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing().returning(key)
    return set(connection.execute(statement, list(rows)).scalars())
