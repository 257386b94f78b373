"""Tables for a test: migrating once, and copying or emptying what that made, is faster than migrating for each."""

import functools
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql
from segue_storage.migrations import upgrade

_VERSIONS = "alembic_version_"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT starts_with(tablename, %s)"


def make_tables(url: str, package: str) -> None:
    """The newest tables of the package, empty if the database is new; what is in there stays."""
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not file.exists():
        file.write_bytes(_file(package)[0])
    elif url.startswith("sqlite") or _revision(url, package) != _file(package)[1]:
        upgrade(url, package)


def fresh_tables(url: str, package: str) -> None:
    """The newest tables of the package, with nothing in them."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).write_bytes(_file(package)[0])
        return
    make_tables(url, package)
    empty_tables(url)


def empty_tables(url: str) -> None:
    """Take every row out of a PostgreSQL database, and leave its tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = [sql.Identifier(name) for (name,) in connection.execute(_TABLES, [_VERSIONS])]
        if tables:
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables)))


@functools.cache
def _file(package: str) -> tuple[bytes, str | None]:
    """A SQLite database with the package's tables and nothing in them, and the revision that they are."""
    with tempfile.TemporaryDirectory() as folder:
        made = upgrade(f"sqlite:///{folder}/made.db", package)
        return Path(folder, "made.db").read_bytes(), made.after


def _revision(url: str, package: str) -> str | None:
    table = sql.Identifier(f"{_VERSIONS}{package}")
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass(%s)", [f"public.{_VERSIONS}{package}"]).fetchone()
        if found is None or found[0] is None:
            return None
        row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
        return None if row is None else str(row[0])
