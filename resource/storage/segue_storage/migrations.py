"""Migrations: each server package brings its revisions in `migrations/versions`; they only go forward.

No alembic.ini and no env.py: a package holds revision files and nothing else. Each package has its own version
table, so that two servers may share one database.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection

from .database_url import parse_database_url
from .engine import open_engine

_ADVISORY_LOCK = 0x5E60E
_BEGIN = {
    "sqlite": (
        "PRAGMA foreign_keys=OFF",  # a table is altered by making it anew
        "PRAGMA busy_timeout=60000",
        "BEGIN IMMEDIATE",
    ),
    "postgresql": (
        "BEGIN ISOLATION LEVEL READ COMMITTED",
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL lock_timeout = '60s'",
        f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})",
        "SET LOCAL lock_timeout = '5s'",
    ),
}
_one_at_a_time = threading.Lock()
"""Alembic's `op` is one for the whole process."""


class SchemaBehind(Exception):
    """The database has not been brought to the revision that this release needs."""


class SchemaAhead(Exception):
    """The database was brought to a revision that this release does not know, by a newer one."""


class BrokenReferences(Exception):
    """A revision broke foreign keys; it was undone."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did: the revision before (None: an empty database) and after."""

    package: str
    before: str | None
    after: str | None


def upgrade(url: str, package: str, *, to: str = "head") -> Upgraded:
    """Bring the package's tables to its newest revision, in one transaction; processes that start together take turns.

    `to` is an earlier revision, for who needs the database of an earlier release.

    Raises `SchemaAhead`, ModuleNotFoundError, ValueError for a URL that is none, or what the database raises.
    """
    with _scripts(package) as scripts, _exclusive(parse_database_url(url)) as connection:
        before = _revision(connection, package)
        _require_known(scripts, before, package)
        _run(scripts, connection, package, to=to)
        return Upgraded(package, before, _revision(connection, package))


def require_current(url: str, package: str) -> None:
    """Raise `SchemaBehind` or `SchemaAhead` unless the package's tables are at its newest revision."""
    engine = open_engine(parse_database_url(url))
    with _scripts(package) as scripts, engine.connect() as connection:
        found, wanted = _revision(connection, package), scripts.get_current_head()
        _require_known(scripts, found, package)
    if found != wanted:
        raise SchemaBehind(f"{package} needs revision {wanted}, the database has {found}: run `segue db upgrade`")


@contextmanager
def _scripts(package: str) -> Iterator[ScriptDirectory]:
    with as_file(files(package) / "migrations") as folder:
        yield ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


@contextmanager
def _exclusive(url: URL) -> Iterator[Connection]:
    """One transaction that no other process's upgrade overlaps; committed at the end unless something was raised."""
    engine = open_engine(url)
    with _one_at_a_time, engine.connect() as connection:
        for statement in _BEGIN[engine.dialect.name]:
            connection.exec_driver_sql(statement)
        try:
            yield connection
            _require_whole(connection)
            connection.exec_driver_sql("COMMIT")
        finally:
            connection.invalidate()  # undoes what was not committed


def _require_whole(connection: Connection) -> None:
    """SQLite was not watching the foreign keys."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise BrokenReferences(f"the upgrade would leave rows without the row they refer to: {broken[:3]}")


def _run(scripts: ScriptDirectory, connection: Connection, package: str, *, to: str) -> None:
    def steps(revision: Any, _: MigrationContext) -> Any:
        return scripts._upgrade_revs(to, revision)  # as Alembic's documentation of EnvironmentContext does

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=to) as environment:
        environment.configure(connection=connection, version_table=f"alembic_version_{package}")
        environment.run_migrations()


def _revision(connection: Connection, package: str) -> str | None:
    options = {"version_table": f"alembic_version_{package}"}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _require_known(scripts: ScriptDirectory, revision: str | None, package: str) -> None:
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaAhead(f"the database has revision {revision} of {package}, which this release does not know")
