"""Migrations: each server package brings its revisions in `migrations/versions`; they only go forward.

No alembic.ini and no env.py: a package holds revision files and nothing else. Each package has its own version
table, so that two servers may share one database.

A revision that says `expands = True` promises that servers of the release before it go on with the tables that it
leaves: it only adds, and what it adds they need not know. Beside the version stands the oldest release, named by its
newest revision, that may serve on these tables. A server that finds a revision which it does not know serves if it
knows that oldest one.
"""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError, OperationalError

from .database_url import parse_database_url
from .engine import open_engine

BLOCKING = 100
"""Milliseconds at most for which a statement of a migration keeps servers waiting, who queue behind its locks."""
PATIENCE = 60
"""Seconds for which a migration tries again while others hold what it needs."""
_PAUSE = 0.5
"""Seconds between two tries, for those who were kept waiting."""
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
        f"SET LOCAL lock_timeout = '{PATIENCE}s'",
        f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})",
        f"SET LOCAL lock_timeout = {BLOCKING}",
    ),
}
_BESIDE_SERVERS = {"sqlite": (), "postgresql": (f"SET LOCAL statement_timeout = {BLOCKING}",)}
_IN_USE = ("40P01", "55P03", "57014")
"""SQLSTATEs: a deadlock, lock_timeout, statement_timeout."""
_one_at_a_time = threading.Lock()
"""Alembic's `op` is one for the whole process."""


class SchemaBehind(Exception):
    """The database has not been brought to the revision that this release needs."""


class SchemaAhead(Exception):
    """A newer release has brought the database to a revision on which this one must not serve."""


class ServersMustStop(Exception):
    """What is missing does not let servers of the release before go on; nothing was done."""


class TablesInUse(Exception):
    """What a migration needs stayed locked; the database is as the revisions before it left it."""


class BrokenReferences(Exception):
    """A revision broke foreign keys; it was undone."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did: the revision before (None: an empty database) and after."""

    package: str
    before: str | None
    after: str | None


class Schema:
    """The tables of a package, as this release knows them. Its revisions are read when they are first asked for."""

    def __init__(self, package: str) -> None:
        self._package = package

    @functools.cached_property
    def _revisions(self) -> list[str]:
        """The newest first."""
        with _scripts(self._package) as scripts:
            return [script.revision for script in scripts.walk_revisions()]

    def require(self, connection: Connection) -> None:
        """Raise `SchemaBehind` or `SchemaAhead` unless this release may serve on the tables that are there."""
        found = _revision(connection, self._package)
        if found is not None and found not in self._revisions:
            self._require_expanded(connection, found)
        elif found != (needed := self._revisions[0]):
            raise SchemaBehind(
                f"{self._package} needs revision {needed}, the database has {found}: run `segue db upgrade`"
            )

    def _require_expanded(self, connection: Connection, found: str) -> None:
        oldest = _oldest(connection, self._package)
        if oldest not in self._revisions:
            raise SchemaAhead(
                f"the database has revision {found} of {self._package}, which this release does not know and which"
                f" takes a release with {oldest or 'that revision'}: install a newer one"
            )


def require_current(url: str, package: str) -> None:
    """Raise `SchemaBehind` or `SchemaAhead` unless this release may serve on the package's tables."""
    with open_engine(parse_database_url(url)).connect() as connection:
        Schema(package).require(connection)


def upgrade(url: str, package: str, *, to: str = "head", beside_servers: bool = False) -> Upgraded:
    """Bring the package's tables to its newest revision; processes that start together take turns.

    Where servers may go on meanwhile, because all that is missing expands, each revision is a transaction of its own
    and keeps them waiting for `BLOCKING` at a time; otherwise all of it is one. A newer release's tables are left as
    they are. `to` is an earlier revision, for who needs the database of an earlier release. `beside_servers` refuses
    where they may not go on.

    Raises `SchemaAhead`, `ServersMustStop`, `TablesInUse`, ModuleNotFoundError, ValueError for a URL that is none, or
    what the database raises.
    """
    engine = open_engine(parse_database_url(url))
    with _scripts(package) as scripts, _one_at_a_time, engine.connect() as connection:
        advance = _Advance(scripts, connection, package, to=to, beside_servers=beside_servers)
        try:
            before, after = _patiently(advance)
            found = before
            while found != after:
                found, after = _patiently(advance)
        finally:
            connection.invalidate()  # undoes what was not committed
    return Upgraded(package, before, after)


@dataclass(frozen=True, slots=True)
class _Advance:
    """One transaction of an upgrade, which no other process's overlaps."""

    scripts: ScriptDirectory
    connection: Connection
    package: str
    to: str
    beside_servers: bool

    def __call__(self) -> tuple[str | None, str | None]:
        """Run the next revision if servers may go on, otherwise all that are missing. The revision before and after."""
        with _exclusive(self.connection):
            before = _revision(self.connection, self.package)
            if before is not None and before not in {script.revision for script in self.scripts.walk_revisions()}:
                Schema(self.package).require(self.connection)
                return before, before
            missing = list(self.scripts.iterate_revisions(self.to, before or "base"))[::-1]
            contracting = [] if before is None else [script for script in missing if not _expands(script)]
            if contracting and self.beside_servers:
                raise ServersMustStop(
                    f"servers of the release before cannot go on with revision {contracting[0].revision} of"
                    f" {self.package}: stop them, then run `segue db upgrade`"
                )
            if before is not None and not contracting:
                missing = missing[:1]
                _say(self.connection, _BESIDE_SERVERS)
            if not missing:
                return before, before
            self._run(to=missing[-1].revision)
            self._keep_oldest(before, missing)
            return before, missing[-1].revision

    def _run(self, *, to: str) -> None:
        def steps(revision: Any, _: MigrationContext) -> Any:
            return self.scripts._upgrade_revs(to, revision)  # as Alembic's documentation of EnvironmentContext does

        with EnvironmentContext(Config(), self.scripts, fn=steps, destination_rev=to) as environment:
            environment.configure(connection=self.connection, version_table=_version_table(self.package))
            environment.run_migrations()

    def _keep_oldest(self, before: str | None, run: list[Script]) -> None:
        oldest = _oldest(self.connection, self.package) or before
        for script in run:
            oldest = oldest if oldest and _expands(script) else script.revision
        table = _oldest_table(self.package)
        self.connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {table} (revision VARCHAR(32) NOT NULL)")
        self.connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  the name is ours
        self.connection.exec_driver_sql(f"INSERT INTO {table} VALUES ('{oldest}')")  # noqa: S608  a name of ours


def _patiently(advance: _Advance) -> tuple[str | None, str | None]:
    """Try again while others hold what it needs, and let them pass in between. Raises `TablesInUse`."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return advance()
        except OperationalError as failure:
            if getattr(failure.orig, "sqlstate", None) not in _IN_USE:
                raise
            if time.monotonic() > until:
                raise TablesInUse(
                    f"what a migration of {advance.package} needs was locked, or took more than {BLOCKING} ms, for"
                    f" {PATIENCE} seconds: run `segue db upgrade` again when less is going on ({failure.orig})"
                ) from failure
        time.sleep(_PAUSE)


@contextmanager
def _scripts(package: str) -> Iterator[ScriptDirectory]:
    with as_file(files(package) / "migrations") as folder:
        yield ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


@contextmanager
def _exclusive(connection: Connection) -> Iterator[None]:
    """One transaction that no other process's upgrade overlaps; committed at the end unless something was raised."""
    try:
        _say(connection, _BEGIN)
        yield
        _require_whole(connection)
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        with suppress(DBAPIError):  # the connection broke, and its transaction with it
            connection.exec_driver_sql("ROLLBACK")
        raise


def _say(connection: Connection, statements: dict[str, tuple[str, ...]]) -> None:
    for statement in statements[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def _require_whole(connection: Connection) -> None:
    """SQLite was not watching the foreign keys."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise BrokenReferences(f"the upgrade would leave rows without the row they refer to: {broken[:3]}")


def _expands(script: Script) -> bool:
    """Whether the revision's file says so; who says nothing has not thought of it."""
    return getattr(script.module, "expands", False) is True


def _version_table(package: str) -> str:
    return f"alembic_version_{package}"


def _oldest_table(package: str) -> str:
    """One row: the newest revision of the oldest release that may serve."""
    return f"{_version_table(package)}_oldest"


def _revision(connection: Connection, package: str) -> str | None:
    options = {"version_table": _version_table(package)}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _oldest(connection: Connection, package: str) -> str | None:
    table = _oldest_table(package)
    if not inspect(connection).has_table(table):
        return None
    found = connection.exec_driver_sql(f"SELECT revision FROM {table}").scalar()  # noqa: S608  the name is ours
    return None if found is None else str(found)
