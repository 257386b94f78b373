"""Migrations, on each database, with a package made up for the test."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from segue_storage import migrations
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import (
    BrokenReferences,
    SchemaAhead,
    SchemaBehind,
    ServersMustStop,
    TablesInUse,
    Upgraded,
    require_current,
    upgrade,
)
from sqlalchemy.exc import DBAPIError
from throwaway_package import NAME, ThrowawayPackage

VERSIONS = {f"alembic_version_{NAME}", f"alembic_version_{NAME}_oldest"}
PEOPLE = "op.create_table('people', sa.Column('id', sa.Integer, primary_key=True), sa.Column('name', sa.Text))"
DEVICES = """
    op.create_table(
        'devices',
        sa.Column('id', sa.Integer, primary_key=True),
        sa.Column('person', sa.Integer, sa.ForeignKey('people.id')),
    )
"""
AGE = "op.add_column('people', sa.Column('age', sa.Integer, nullable=True))"
UPGRADE_WHEN_TOLD = f"""
import sys
from segue_storage.migrations import upgrade
sys.path.insert(0, sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(upgrade(sys.argv[2], {NAME!r}).before)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ThrowawayPackage:
    monkeypatch.syspath_prepend(tmp_path)
    package = ThrowawayPackage(tmp_path)
    package.add_revision("0001", PEOPLE)
    return package


@pytest.mark.requirement("E5")
def test_an_empty_database_is_brought_to_the_newest_revision(database_url: str, package: ThrowawayPackage) -> None:
    package.add_revision("0002", DEVICES)
    assert upgrade(database_url, NAME) == Upgraded(NAME, None, "0002")
    assert {"people", "devices", *VERSIONS} == _tables(database_url)
    require_current(database_url, NAME)


def test_an_upgrade_keeps_the_rows_and_a_second_one_does_nothing(database_url: str, package: ThrowawayPackage) -> None:
    upgrade(database_url, NAME)
    _do(database_url, "INSERT INTO people (name) VALUES ('Ada')")
    package.add_revision("0002", "op.add_column('people', sa.Column('age', sa.Integer, server_default='0'))")
    assert upgrade(database_url, NAME) == Upgraded(NAME, "0001", "0002")
    assert upgrade(database_url, NAME) == Upgraded(NAME, "0002", "0002")
    assert _rows(database_url, "SELECT name, age FROM people") == [("Ada", 0)]


@pytest.mark.requirement("XD-OPS-06")
def test_an_upgrade_that_fails_half_way_leaves_the_database_as_it_was(
    database_url: str, package: ThrowawayPackage
) -> None:
    upgrade(database_url, NAME)
    package.add_revision("0002", DEVICES)
    package.add_revision("0003", "op.execute('INSERT INTO people (name) VALUES (1)')\nop.execute('nonsense')")
    with pytest.raises(DBAPIError):
        upgrade(database_url, NAME)
    assert _tables(database_url) == {"people", *VERSIONS}
    assert _rows(database_url, "SELECT name FROM people") == []
    with pytest.raises(SchemaBehind):
        require_current(database_url, NAME)


def test_a_database_without_the_newest_revision_is_behind(database_url: str, package: ThrowawayPackage) -> None:
    with pytest.raises(SchemaBehind, match="needs revision 0001, the database has None: run `segue db upgrade`"):
        require_current(database_url, NAME)


def test_a_database_of_a_newer_release_is_left_alone(database_url: str, package: ThrowawayPackage) -> None:
    package.add_revision("0002", DEVICES)
    upgrade(database_url, NAME)
    package.forget_revision("0002")
    with pytest.raises(SchemaAhead, match="0002"):
        upgrade(database_url, NAME)
    with pytest.raises(SchemaAhead, match="0002"):
        require_current(database_url, NAME)


@pytest.mark.requirement("E5")
def test_a_release_goes_on_where_newer_revisions_only_add(database_url: str, package: ThrowawayPackage) -> None:
    upgrade(database_url, NAME)
    package.add_revision("0002", AGE, expands=True)
    package.add_revision("0003", DEVICES, expands=True)
    assert upgrade(database_url, NAME) == Upgraded(NAME, "0001", "0003")
    package.forget_revision("0003")
    package.forget_revision("0002")
    require_current(database_url, NAME)
    assert upgrade(database_url, NAME) == Upgraded(NAME, "0003", "0003")  # and leaves the newer tables alone


@pytest.mark.requirement("E5")
def test_a_release_stops_at_the_first_newer_revision_that_says_nothing(
    database_url: str, package: ThrowawayPackage
) -> None:
    upgrade(database_url, NAME)
    package.add_revision("0002", AGE, expands=True)
    package.add_revision("0003", DEVICES)
    package.add_revision("0004", "pass", expands=True)
    upgrade(database_url, NAME)
    package.forget_revision("0004")
    require_current(database_url, NAME)  # 0003 may serve on 0004
    package.forget_revision("0003")
    with pytest.raises(SchemaAhead, match=r"revision 0004 .* takes a release with 0003: install a newer one"):
        require_current(database_url, NAME)
    with pytest.raises(SchemaAhead):
        upgrade(database_url, NAME)


@pytest.mark.requirement("E5")
def test_beside_servers_nothing_is_upgraded_that_they_could_not_go_on_with(
    database_url: str, package: ThrowawayPackage
) -> None:
    assert upgrade(database_url, NAME, beside_servers=True).after == "0001"  # there are none on an empty database
    package.add_revision("0002", AGE, expands=True)
    package.add_revision("0003", DEVICES)
    with pytest.raises(ServersMustStop, match=r"revision 0003 .* stop them, then run `segue db upgrade`"):
        upgrade(database_url, NAME, beside_servers=True)
    assert upgrade(database_url, NAME) == Upgraded(NAME, "0001", "0003")


@pytest.mark.requirement("E5")
def test_a_newer_database_that_does_not_say_who_may_serve_is_refused(
    database_url: str, package: ThrowawayPackage
) -> None:
    upgrade(database_url, NAME)
    package.add_revision("0002", AGE, expands=True)
    upgrade(database_url, NAME)
    package.forget_revision("0002")
    _do(database_url, f"DROP TABLE alembic_version_{NAME}_oldest")
    with pytest.raises(SchemaAhead):
        require_current(database_url, NAME)


def test_revisions_beside_servers_stay_one_by_one(database_url: str, package: ThrowawayPackage) -> None:
    upgrade(database_url, NAME)
    package.add_revision("0002", AGE, expands=True)
    package.add_revision("0003", "op.execute('nonsense')", expands=True)
    with pytest.raises(DBAPIError):
        upgrade(database_url, NAME)
    assert _rows(database_url, f"SELECT version_num FROM alembic_version_{NAME}") == [("0002",)]


@pytest.mark.postgresql
@pytest.mark.requirement("E5", "R48")
def test_a_migration_that_waits_for_a_lock_keeps_nobody_else_waiting(
    postgresql_database: str, package: ThrowawayPackage
) -> None:
    upgrade(postgresql_database, NAME)
    package.add_revision("0002", AGE, expands=True)
    with _reading(postgresql_database, seconds=2.0) as reading, _writing(postgresql_database) as waits:
        began = len(waits)
        assert upgrade(postgresql_database, NAME).after == "0002"
        assert not reading.is_alive()  # it had to wait until then
    assert len(waits) - began > 10
    assert max(waits) < 1.0  # 0.1 by the locks, the rest is for a busy machine


@pytest.mark.postgresql
def test_a_migration_that_never_gets_its_lock_says_so_and_changes_nothing(
    postgresql_database: str, package: ThrowawayPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _do(postgresql_database, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    upgrade(postgresql_database, NAME)
    package.add_revision("0002", AGE, expands=True)
    monkeypatch.setattr(migrations, "PATIENCE", 0)
    with _reading(postgresql_database, seconds=2.0), pytest.raises(TablesInUse, match="run `segue db upgrade` again"):
        upgrade(postgresql_database, NAME)
    assert _rows(postgresql_database, f"SELECT version_num FROM alembic_version_{NAME}") == [("0001",)]


@pytest.mark.requirement("E5")
def test_processes_that_start_together_upgrade_once(
    database_url: str, package: ThrowawayPackage, tmp_path: Path
) -> None:
    package.add_revision("0002", "import time\ntime.sleep(0.3)")
    package.add_revision("0003", "op.execute(\"INSERT INTO people (name) VALUES ('Ada')\")")
    processes = [_process_that_upgrades(tmp_path, database_url) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"  # none begins before all could
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    befores = [process.communicate(timeout=20)[0].strip() for process in processes]
    assert sorted(befores) == ["0003", "0003", "0003", "None"]
    assert _rows(database_url, "SELECT name FROM people") == [("Ada",)]


def test_a_revision_that_breaks_references_is_undone(database_url: str, package: ThrowawayPackage) -> None:
    package.add_revision("0002", DEVICES)
    package.add_revision("0003", "op.execute('INSERT INTO devices (person) VALUES (7)')")
    with pytest.raises((BrokenReferences, DBAPIError)):  # PostgreSQL checks at once, SQLite at the end
        upgrade(database_url, NAME)
    assert _tables(database_url) == set()


def test_a_table_that_others_refer_to_can_be_made_anew(database_url: str, package: ThrowawayPackage) -> None:
    package.add_revision("0002", DEVICES)
    upgrade(database_url, NAME)
    _do(database_url, "INSERT INTO people (id, name) VALUES (1, 'Ada')", "INSERT INTO devices (person) VALUES (1)")
    package.add_revision(
        "0003", "with op.batch_alter_table('people') as people:\n    people.alter_column('name', nullable=False)"
    )
    upgrade(database_url, NAME)
    assert _rows(database_url, "SELECT person FROM devices") == [(1,)]


@contextmanager
def _reading(url: str, *, seconds: float) -> Iterator[threading.Thread]:
    """A transaction that has read the table and stays open that long."""
    has_read = threading.Event()

    def read() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT count(*) FROM people")
            has_read.set()
            time.sleep(seconds)

    thread = threading.Thread(target=read)
    thread.start()
    has_read.wait(20)
    try:
        yield thread
    finally:
        thread.join()


@contextmanager
def _writing(url: str) -> Iterator[list[float]]:
    """A server that writes all the time, and how many seconds each write took."""
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                began = time.monotonic()
                connection.execute("INSERT INTO people (name) VALUES ('Ada')")
                waits.append(time.monotonic() - began)
                over.wait(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()


def _process_that_upgrades(folder: Path, url: str) -> Any:
    """It says `ready`, waits for a line, upgrades, and says the revision that it found."""
    command = [sys.executable, "-c", UPGRADE_WHEN_TOLD, str(folder), url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _tables(url: str) -> set[str]:
    with open_engine(parse_database_url(url)).connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def _do(url: str, *statements: str) -> None:
    with open_engine(parse_database_url(url)).connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with open_engine(parse_database_url(url)).connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]
