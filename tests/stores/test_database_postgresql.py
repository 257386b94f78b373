"""What only PostgreSQL can do: break connections, wait for locks, and commit without saying so."""

import asyncio
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
import sqlalchemy as sa
from notes import METADATA, NOTES, Gate, add, amount, give, texts
from postgresql_server import PostgreSQLServer
from psycopg import sql
from segue_storage.database import BadWork, Database, DatabaseUnavailable, Question, WriteInDoubt, open_database
from sqlalchemy.exc import IntegrityError

pytestmark = [pytest.mark.anyio, pytest.mark.postgresql]

KILL = "SELECT pg_terminate_backend({}, 5000)"


@pytest.fixture
async def database(postgresql_server: PostgreSQLServer, postgresql_database: str) -> AsyncIterator[Database]:
    """With one thread, so that the connection that broke is the one asked next."""
    postgresql_server.empty(postgresql_database)
    database = open_database(postgresql_database, threads=1)
    await database.write(METADATA.create_all)
    yield database
    await database.aclose()


async def test_a_thread_holds_its_connection(database: Database) -> None:
    assert await database.read(_backend) == await database.write(_backend)


@pytest.mark.requirement("XD-OPS-06")
async def test_a_connection_lost_in_the_middle_is_an_error_and_the_next_job_has_another(
    database: Database, postgresql_server: PostgreSQLServer
) -> None:
    def work(connection: sa.Connection) -> None:
        add("lost")(connection)
        postgresql_server.administer(sql.SQL(KILL).format(_backend(connection)))
        add("after")(connection)

    with pytest.raises(DatabaseUnavailable) as lost:
        await database.write(work)
    assert type(lost.value) is DatabaseUnavailable
    await database.write(add("next"))
    assert await database.read(texts) == {"next"}


@pytest.mark.requirement("XD-OPS-06")
async def test_work_that_overlooks_a_lost_connection_is_not_acknowledged(
    database: Database, postgresql_server: PostgreSQLServer
) -> None:
    def work(connection: sa.Connection) -> None:
        postgresql_server.administer(sql.SQL(KILL).format(_backend(connection)))
        with pytest.raises(sa.exc.OperationalError):
            add("lost")(connection)

    with pytest.raises(DatabaseUnavailable):
        await database.write(work)
    assert await database.read(texts) == set()


async def test_a_connection_lost_while_idle_is_replaced_unseen(
    database: Database, postgresql_server: PostgreSQLServer
) -> None:
    postgresql_server.administer(sql.SQL(KILL).format(await database.read(_backend)))
    await database.write(add("a"))
    postgresql_server.administer(sql.SQL(KILL).format(await database.read(_backend)))
    assert await database.read(texts) == {"a"}


async def test_a_question_to_a_connection_that_was_lost_while_idle_is_asked_anew(
    database: Database, postgresql_server: PostgreSQLServer
) -> None:
    await database.write(add("a"))
    before = await database.read(_backend)
    postgresql_server.administer(sql.SQL(KILL).format(before))
    assert [row.text for row in await database.read(Question(sa.select(NOTES)))] == ["a"]
    assert await database.read(_backend) != before


@pytest.mark.requirement("XD-OPS-06")
async def test_a_question_that_breaks_every_connection_is_an_outage_and_is_asked_twice_at_most(
    database: Database,
) -> None:
    suicide = Question(sa.text("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"))
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await database.read(suicide)
    assert time.monotonic() - began < 3
    await database.write(add("a"))
    assert await database.read(texts) == {"a"}


async def test_a_question_leaves_no_transaction_behind(database: Database, postgresql_database: str) -> None:
    (row,) = await database.read(Question(sa.text("SELECT pg_backend_pid() AS pid")))
    with psycopg.connect(postgresql_database) as other:
        found = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [row.pid]).fetchone()
    assert found == ("idle",)


@pytest.mark.requirement("XD-OPS-06")
async def test_a_connection_lost_while_it_commits_leaves_the_write_in_doubt(database: Database) -> None:
    await database.write(_break_when_committing)
    with pytest.raises(WriteInDoubt):
        await database.write(add("doubtful"))
    assert await database.read(texts) == set()


async def test_a_constraint_that_fails_at_the_commit_reaches_the_caller(database: Database) -> None:
    await database.write(
        lambda connection: (
            connection.exec_driver_sql(
                "ALTER TABLE notes ADD CONSTRAINT later UNIQUE (amount) DEFERRABLE INITIALLY DEFERRED"
            )
            and None
        )
    )
    await database.write(add("a", 1))
    with pytest.raises(IntegrityError):
        await database.write(add("b", 1))
    assert await database.read(texts) == {"a"}


@pytest.mark.requirement("T11")
async def test_work_that_goes_on_after_a_failed_statement_is_not_acknowledged(database: Database) -> None:
    def work(connection: sa.Connection) -> None:
        add("a")(connection)
        with pytest.raises(IntegrityError):
            add("a")(connection)

    with pytest.raises(BadWork, match="begin_nested"):
        await database.write(work)
    await database.write(add("b"))
    assert await database.read(texts) == {"b"}


@pytest.mark.requirement("XD-OPS-06")
async def test_a_server_that_is_stopped_is_an_error_at_once_and_one_that_is_back_is_used(
    own_postgresql: PostgreSQLServer,
) -> None:
    database = open_database(own_postgresql.url, threads=2)
    await database.write(METADATA.create_all)
    own_postgresql.stop()
    began = time.monotonic()
    for attempt in (database.write(add("a")), database.read(texts), database.write(add("b"))):
        with pytest.raises(DatabaseUnavailable):
            await attempt
    assert time.monotonic() - began < 3
    own_postgresql.start()
    await database.write(add("c"))
    assert await database.read(texts) == {"c"}
    await database.aclose()


@pytest.mark.requirement("XD-OPS-06")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("transaction_isolation", "read committed"),
    ],
)
async def test_no_statement_waits_for_ever(database: Database, setting: str, value: str) -> None:
    assert await database.write(lambda connection: connection.exec_driver_sql(f"SHOW {setting}").scalar()) == value


@pytest.mark.requirement("R19")
@pytest.mark.parametrize("weak", ["off", "local"])
async def test_a_commit_is_durable_even_where_the_operator_made_it_asynchronous(
    postgresql_server: PostgreSQLServer, weak: str
) -> None:
    url = postgresql_server.create_database()
    name = sql.Identifier(url.rpartition("/")[2])
    statement = sql.SQL("ALTER DATABASE {} SET synchronous_commit = {}")
    postgresql_server.administer(statement.format(name, sql.SQL(weak)))
    database = open_database(url, threads=1)
    shown = await database.write(lambda connection: connection.exec_driver_sql("SHOW synchronous_commit").scalar())
    assert shown == "on"
    await database.aclose()


@pytest.mark.requirement("XD-OPS-06")
@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_who_waits_too_long_for_a_row_is_told_that_nothing_happened(
    database: Database, postgresql_database: str, limit: str
) -> None:
    await database.write(add("row"))
    other, gate = open_database(postgresql_database, threads=1), Gate()
    holding = asyncio.create_task(other.write(lambda connection: [give("row", 1)(connection), gate.work(connection)]))
    await gate.entered()

    def wait_briefly(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL {limit} = '50ms'")
        give("row", 10)(connection)

    with pytest.raises(DatabaseUnavailable):
        await database.write(wait_briefly)
    gate.open()
    await holding
    await other.aclose()
    assert await database.read(lambda connection: amount(connection, "row")) == 1


async def test_of_two_that_wait_for_each_other_one_goes_on(database: Database, postgresql_database: str) -> None:
    await database.write(lambda connection: [add("a")(connection), add("b")(connection)])
    other = open_database(postgresql_database, threads=1)
    here, there = Gate(), Gate()
    works = ((database, here, "a", "b"), (other, there, "b", "a"))
    asked = [asyncio.create_task(each.write(_two_rows(gate, first, second))) for each, gate, first, second in works]
    await asyncio.gather(here.entered(), there.entered())
    here.open()
    there.open()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DatabaseUnavailable", "NoneType"]
    await other.aclose()


def _two_rows(gate: Gate, first: str, second: str):  # type: ignore[no-untyped-def]
    def work(connection: sa.Connection) -> None:
        give(first, 1)(connection)
        gate.work(connection)
        give(second, 1)(connection)

    return work


def _backend(connection: sa.Connection) -> int:
    backend: int = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return backend


def _break_when_committing(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$"
    )
    connection.exec_driver_sql(
        f"CREATE CONSTRAINT TRIGGER die AFTER INSERT ON {NOTES.name} DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION die()"
    )
