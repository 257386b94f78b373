"""What released versions stored, kept as they stored it: every later one reads it as they did.

A folder for each format of events, named by the release that first wrote it: `rows.json` has the rows of each table
and the revision of the tables, `master.key` what opens them, `events.json` what the store then told of the log.
`python -m golden.make FOLDER`, in tests/, writes one. Nothing in a folder is ever changed.
"""

import base64
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from segue_resource.stores import tables
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import upgrade

HERE = Path(__file__).parent
PACKAGE = "segue_resource"
_OF_MIGRATIONS = "alembic_version"


def formats() -> list[Path]:
    """Every folder."""
    return sorted(file.parent for file in HERE.glob("*/rows.json"))


def stored(url: str) -> dict[str, Any]:
    """All rows of the store, by table, and the revision of its tables."""
    with open_engine(parse_database_url(url)).connect() as connection:
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {_OF_MIGRATIONS}_{PACKAGE}").scalar_one()
        own = [table for table in _tables(connection) if table.name in tables.metadata.tables]
        rows_of = {table.name: connection.execute(sa.select(table)).mappings() for table in own}
        kept = {name: [_plain(dict(row)) for row in rows] for name, rows in rows_of.items()}
    return {"revision": revision, "tables": {name: rows for name, rows in kept.items() if rows}}


def put_back(url: str, golden: Path) -> None:
    """Into an empty database: the tables as they were then, the rows, and then the tables of today."""
    content = json.loads((golden / "rows.json").read_text())
    upgrade(url, PACKAGE, to=content["revision"])
    with open_engine(parse_database_url(url)).connect() as connection:
        for table in _tables(connection):
            for row in content["tables"].get(table.name, []):
                connection.execute(table.insert(), {name: _value(table.c[name], row[name]) for name in row})
    upgrade(url, PACKAGE)


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """Those that are there, whoever is referred to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if not table.name.startswith(_OF_MIGRATIONS)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: {"base64": base64.b64encode(v).decode()} if isinstance(v, bytes) else v for name, v in row.items()}


def _value(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    return bool(value) if isinstance(column.type, sa.Boolean) and value is not None else value
