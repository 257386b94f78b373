"""The tables: made by the migrations exactly as the code believes, on both databases."""

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from segue_resource.stores.tables import metadata
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import require_current, upgrade


@pytest.mark.filterwarnings("ignore:autogenerate skipping .* expression-based index")  # PostgreSQL's alone
@pytest.mark.requirement("E5", "R46")
def test_the_migrations_make_the_tables_that_the_code_believes_in(database_url: str) -> None:
    upgrade(database_url, "segue_resource")
    require_current(database_url, "segue_resource")
    with open_engine(parse_database_url(database_url)).connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": _ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        assert _shape(connection) == _believed(database_url)


@pytest.mark.requirement("E5")
def test_a_task_and_its_parts_cannot_come_apart(database_url: str) -> None:
    upgrade(database_url, "segue_resource")
    with open_engine(parse_database_url(database_url)).connect() as connection:
        inspector = sa.inspect(connection)
        tied = {name for name in metadata.tables if inspector.get_foreign_keys(name)}
    assert tied == set(metadata.tables) - {"tasks", "data_keys", "key_generations", "usage_reports"}


def _believed(database_url: str) -> dict[str, Any]:
    """What the metadata would make, seen through a database of the same kind."""
    if database_url.startswith("sqlite"):
        with sa.create_engine("sqlite://").connect() as connection:
            metadata.create_all(connection)
            return _shape(connection)
    schema = "believed"
    with open_engine(parse_database_url(database_url)).connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        connection.exec_driver_sql(f"SET search_path TO {schema}")
        metadata.create_all(connection)
        shape = _shape(connection, schema)
        connection.invalidate()
        return shape


def _shape(connection: sa.Connection, schema: str | None = None) -> dict[str, Any]:
    """Everything the database can tell of the tables: also what a comparison of metadata passes over."""
    inspector = sa.inspect(connection)
    return {
        name: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name, schema=schema)
            ],
            "key": inspector.get_pk_constraint(name, schema=schema)["constrained_columns"],
            "references": [
                (found["constrained_columns"], found["referred_table"])
                for found in inspector.get_foreign_keys(name, schema=schema)
            ],
            "indexes": sorted(_index(index) for index in inspector.get_indexes(name, schema=schema)),
            "options": inspector.get_table_options(name, schema=schema),
        }
        for name in metadata.tables
    }


def _index(index: Any) -> tuple[Any, ...]:
    where = {name: str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where")}
    return index["name"], tuple(index["column_names"]), bool(index["unique"]), tuple(where.items())


def _ours(name: str | None, kind: str, _: Any) -> bool:
    return kind != "table" or name in metadata.tables
