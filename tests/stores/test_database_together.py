"""Writes that name one key: committed together while they wait, in order, each alone with its failure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from notes import METADATA, NOTES, Gate, add, amount, give, texts
from postgresql_server import PostgreSQLServer
from psycopg import sql
from segue_storage.database import BadWork, Database, DatabaseUnavailable, WriteInDoubt, open_database
from segue_storage.postgresql import BATCH
from sqlalchemy.exc import IntegrityError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url, threads=4)
    await database.write(METADATA.create_all)
    yield database
    await database.aclose()


@pytest.fixture
async def postgresql(postgresql_server: PostgreSQLServer, postgresql_database: str) -> AsyncIterator[Database]:
    postgresql_server.empty(postgresql_database)
    database = open_database(postgresql_database, threads=4)
    await database.write(METADATA.create_all)
    yield database
    await database.aclose()


async def waiting(database: Database, *works: Callable[[sa.Connection], Any]) -> list[Any]:
    """Ask for the works while another of their key is under way; what each returned or raised."""
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work, together="key"))
    await gate.entered()
    asked = [asyncio.create_task(database.write(work, together="key")) for work in works]
    await asyncio.sleep(0)
    gate.open()
    await holding
    return await asyncio.gather(*asked, return_exceptions=True)


def transaction(connection: sa.Connection) -> int:
    found: int = connection.exec_driver_sql("SELECT txid_current()").scalar_one()
    return found


def backend(connection: sa.Connection) -> int:
    found: int = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return found


@pytest.mark.postgresql
@pytest.mark.requirement("T7", "R59")
async def test_what_waits_is_committed_at_once_in_bounded_batches(postgresql: Database) -> None:
    numbers = await waiting(postgresql, *[transaction] * (BATCH + 3))
    assert len(set(numbers)) == 2
    assert numbers == sorted(numbers)
    assert numbers.count(numbers[0]) == BATCH


@pytest.mark.requirement("T7", "R59")
async def test_the_order_of_asking_is_kept(database: Database) -> None:
    done: list[int] = []
    await waiting(database, *(lambda _, number=number: done.append(number) for number in range(50)))
    assert done == list(range(50))


@pytest.mark.requirement("T11", "R34")
async def test_a_job_that_fails_undoes_itself_alone_and_hears_why(database: Database) -> None:
    def fails(connection: sa.Connection) -> None:
        add("half")(connection)
        raise LookupError("mine")

    def overlooks(connection: sa.Connection) -> None:
        with suppress(IntegrityError):
            add("first")(connection)

    works = (add("first"), fails, add("first"), add("second"), overlooks, add("third"))
    answers = await waiting(database, *works)
    assert [answer if answer is None else type(answer) for answer in answers] == [
        None,
        LookupError,
        IntegrityError,
        None,
        BadWork if database.dialect == "postgresql" else None,
        None,
    ]
    assert await database.read(texts) == {"first", "second", "third"}


@pytest.mark.postgresql
@pytest.mark.requirement("T11")
async def test_another_key_and_no_key_do_not_wait(postgresql: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(postgresql.write(gate.work, together="key"))
    await gate.entered()
    await postgresql.write(add("other"), together="other")
    await postgresql.write(add("none"))
    gate.open()
    await holding
    assert await postgresql.read(texts) == {"other", "none"}


@pytest.mark.requirement("T8", "T11")
async def test_many_writers_of_many_keys_lose_nothing_and_do_nothing_twice(database: Database) -> None:
    await database.write(add("counter"))
    await asyncio.gather(*(database.write(give("counter", 1), together=f"key{n % 3}") for n in range(150)))
    assert await database.read(lambda connection: amount(connection, "counter")) == 150


@pytest.mark.postgresql
@pytest.mark.requirement("T8")
async def test_a_connection_lost_within_a_batch_fails_all_of_it_and_none_is_written(
    postgresql: Database, postgresql_server: PostgreSQLServer
) -> None:
    def dies(connection: sa.Connection) -> None:
        postgresql_server.administer(sql.SQL("SELECT pg_terminate_backend({}, 5000)").format(backend(connection)))
        add("lost")(connection)

    def refuses(connection: sa.Connection) -> None:
        raise LookupError("what it saw is lost too")

    answers = await waiting(postgresql, add("before"), refuses, dies, add("after"))
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 4
    assert await postgresql.read(texts) == set()
    await postgresql.write(add("next"), together="key")
    assert await postgresql.read(texts) == {"next"}


@pytest.mark.postgresql
@pytest.mark.requirement("T8")
async def test_a_commit_that_breaks_off_leaves_the_whole_batch_in_doubt(postgresql: Database) -> None:
    def trigger(connection: sa.Connection) -> None:
        connection.exec_driver_sql(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$"
        )
        connection.exec_driver_sql(
            f"CREATE CONSTRAINT TRIGGER die AFTER INSERT ON {NOTES.name} DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION die()"
        )

    await postgresql.write(trigger)
    answers = await waiting(postgresql, add("a"), transaction, add("b"))
    assert [type(answer) for answer in answers] == [WriteInDoubt] * 3


@pytest.mark.requirement("T8")
async def test_closing_finishes_what_waits_behind_another(database: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work, together="key"))
    await gate.entered()
    asked = [asyncio.create_task(database.write(add(f"{number}"), together="key")) for number in range(BATCH * 2 + 1)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.aclose())
    await asyncio.sleep(0.05)
    gate.open()
    await closing
    assert await asyncio.gather(holding, *asked) == [None] * (BATCH * 2 + 2)


@pytest.mark.requirement("T11")
async def test_who_left_while_waiting_is_not_served(database: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work, together="key"))
    await gate.entered()
    leaving, staying = (asyncio.create_task(database.write(add(text), together="key")) for text in ("gone", "here"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(holding, staying)
    assert await database.read(texts) == {"here"}


@pytest.mark.requirement("T11")
async def test_when_all_who_waited_have_left_the_key_is_free_again(database: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work, together="key"))
    await gate.entered()
    leaving = [asyncio.create_task(database.write(add(f"gone {number}"), together="key")) for number in range(BATCH)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.sleep(0)
    gate.open()
    await holding
    await database.write(add("here"), together="key")
    assert await database.read(texts) == {"here"}


@pytest.mark.requirement("T8", "T11")
async def test_who_leaves_a_batch_under_way_takes_nobody_with_it(database: Database) -> None:
    first, within = Gate(), Gate()
    holding = asyncio.create_task(database.write(first.work, together="key"))
    await first.entered()
    works = (add("before"), within.work, add("after"))
    before, leaving, after = (asyncio.create_task(database.write(work, together="key")) for work in works)
    await asyncio.sleep(0)
    first.open()
    await within.entered()
    leaving.cancel()
    await asyncio.sleep(0)
    within.open()
    assert await asyncio.gather(holding, before, after) == [None] * 3
    assert await database.read(texts) == {"before", "after"}


@pytest.mark.postgresql
@pytest.mark.requirement("T8", "T11")
async def test_a_lock_that_is_not_had_in_time_fails_who_asked_for_it_alone(postgresql: Database) -> None:
    gate = Gate()
    await postgresql.write(add("row"))
    locking = asyncio.create_task(
        postgresql.write(lambda connection: [give("row", 1)(connection), gate.work(connection)])
    )
    await gate.entered()

    def waits_in_vain(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        give("row", 10)(connection)

    answers = await waiting(postgresql, add("before"), waits_in_vain, add("after"))
    gate.open()
    await locking
    assert [type(answer) for answer in answers] == [type(None), DatabaseUnavailable, type(None)]
    assert await postgresql.read(texts) == {"row", "before", "after"}
    assert await postgresql.read(lambda connection: amount(connection, "row")) == 1


@pytest.mark.postgresql
@pytest.mark.requirement("T8")
async def test_each_who_waited_hears_of_a_broken_batch_in_an_exception_of_its_own(postgresql: Database) -> None:
    def dies(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    answers = await waiting(postgresql, add("before"), dies, add("after"))
    assert len({id(answer) for answer in answers}) == 3
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
