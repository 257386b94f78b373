"""What only SQLite can do: run full, be locked by another process, undo a whole batch, be read by a stranger."""

import asyncio
import resource
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from notes import METADATA, add, texts, together
from segue_storage.database import DatabaseUnavailable
from segue_storage.sqlite import SQLiteDatabase
from segue_storage.sqlite_engine import sqlite_engine

pytestmark = pytest.mark.anyio

BIG = "x" * 400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "segue.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(sqlite_engine(path, lock_wait=0.2), readers=2)
    await database.write(METADATA.create_all)
    yield database
    await database.aclose()


@pytest.mark.requirement("R19")
@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
async def test_the_connection_that_writes_is_durable_and_strict(
    database: SQLiteDatabase, pragma: str, value: str | int
) -> None:
    assert await database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


@pytest.mark.requirement("T18")
async def test_only_its_owner_can_read_the_file(database: SQLiteDatabase, path: Path) -> None:
    await database.write(add("a"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.requirement("T3", "T8")
async def test_a_read_that_fails_over_an_open_cursor_does_not_keep_later_ones_in_the_past(path: Path) -> None:
    database = SQLiteDatabase(sqlite_engine(path), readers=1)
    await database.write(METADATA.create_all)
    await database.write(add("a"))
    await database.write(add("b"))

    def fails(connection: sa.Connection) -> None:
        for text in connection.exec_driver_sql("SELECT text FROM notes"):
            raise LookupError(text)

    with pytest.raises(LookupError) as kept:
        await database.read(fails)
    await database.write(add("c"))
    assert await database.read(texts) == {"a", "b", "c"}
    assert kept.tb is not None  # whoever logs the failure has it still, and with it the cursor
    await database.aclose()


@pytest.mark.requirement("XD-OPS-06")
async def test_a_full_disk_fails_the_batch_and_keeps_what_was_there(database: SQLiteDatabase) -> None:
    await database.write(add("before"))
    await database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=20").all())
    outcomes = await together(database, add("a"), add(BIG), add("b"))
    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    assert await database.read(texts) == {"before"}


@pytest.mark.requirement("XD-OPS-06", "R19")
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
async def test_of_a_batch_that_cannot_be_committed_nothing_is_acknowledged(
    database: SQLiteDatabase, path: Path
) -> None:
    with _no_file_grows(beyond=20_000):
        outcomes = await together(database, add("a"), add(BIG), add("b"))
    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    await database.write(add("c"))
    assert await database.read(texts) == {"c"}


@pytest.mark.requirement("R19")
async def test_a_batch_that_sqlite_undoes_as_a_whole_is_not_acknowledged(database: SQLiteDatabase) -> None:
    def undo_all(connection: sa.Connection) -> None:
        add("twice")(connection)
        connection.exec_driver_sql("INSERT OR ROLLBACK INTO notes (text, amount) VALUES ('twice', 0)")

    outcomes = await together(database, add("a"), undo_all, add("b"))
    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    await database.write(add("c"))
    assert await database.read(texts) == {"c"}


@pytest.mark.requirement("XD-OPS-06")
async def test_a_database_locked_by_another_process_fails_the_batch_in_bounded_time(
    database: SQLiteDatabase, path: Path
) -> None:
    with _locked(path):
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(*(database.write(add(str(n))) for n in range(5)), return_exceptions=True)
    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    await database.write(add("later"))
    assert await database.read(texts) == {"later"}


async def test_reading_goes_on_while_another_process_holds_the_lock(database: SQLiteDatabase, path: Path) -> None:
    await database.write(add("a"))
    with _locked(path):
        assert await database.read(texts) == {"a"}


@pytest.mark.requirement("XD-OPS-06")
async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    database = SQLiteDatabase(sqlite_engine(_no_database(tmp_path)), readers=1)
    with pytest.raises(DatabaseUnavailable):
        await database.write(add("a"))
    with pytest.raises(DatabaseUnavailable):
        await database.read(texts)
    await database.aclose()


def _no_database(folder: Path) -> Path:
    path = folder / "segue.sqlite3"
    path.write_text("not a database" * 1000)
    return path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def _no_file_grows(*, beyond: int) -> Iterator[None]:
    """What a full disk is to SQLite: a write to the log of the commit fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
