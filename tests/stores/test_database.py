"""The contract of `Database`, on each database."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from notes import METADATA, NOTES, Gate, add, amount, give, impatient, texts, together
from segue_storage.database import BadWork, Database, DatabaseUnavailable, Question, WriteInDoubt, open_database
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from sqlalchemy.exc import IntegrityError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url, threads=4)
    await database.write(METADATA.create_all)
    yield database
    await database.aclose()


@pytest.mark.requirement("R19", "T8")
async def test_a_write_is_there_for_others_as_soon_as_it_returns(database: Database, database_url: str) -> None:
    await database.write(add("a"))
    with open_engine(parse_database_url(database_url)).connect() as other:
        assert texts(other) == {"a"}


@pytest.mark.requirement("R19")
async def test_a_read_sees_each_write_that_was_acknowledged(database: Database) -> None:
    for number in range(20):
        await database.write(add(str(number)))
        assert str(number) in await database.read(texts)


@pytest.mark.requirement("E5")
async def test_a_failing_job_leaves_the_others_of_its_batch_alone(database: Database) -> None:
    outcomes = await together(database, *(_add_and_fail(n) if n % 3 == 0 else add(str(n)) for n in range(30)))
    assert [type(outcome) for outcome in outcomes] == [KeyError if n % 3 == 0 else type(None) for n in range(30)]
    assert await database.read(texts) == {str(n) for n in range(30) if n % 3}


@pytest.mark.requirement("T11")
async def test_of_equal_unique_keys_in_one_batch_one_is_written(database: Database) -> None:
    outcomes = await together(database, *(add(str(n % 5)) for n in range(20)))
    assert sum(outcome is None for outcome in outcomes) == 5
    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 15
    assert await database.read(texts) == {"0", "1", "2", "3", "4"}


@pytest.mark.requirement("PROFILE-not-logged")
async def test_what_was_to_be_stored_is_not_in_the_text_of_an_error(database: Database) -> None:
    await database.write(add("a"))
    statement = NOTES.insert().values(text="a", amount=271828)
    with pytest.raises(IntegrityError) as failed:
        await database.write(lambda connection: connection.execute(statement).rowcount)
    assert "271828" not in str(failed.value)


@pytest.mark.requirement("T11", "E5")
async def test_of_many_writers_in_two_processes_no_update_is_lost(database: Database, database_url: str) -> None:
    await database.write(add("counter"))
    other = open_database(database_url, threads=4)
    await asyncio.gather(*(each.write(give("counter", 1)) for _ in range(100) for each in (database, other)))
    await other.aclose()
    assert await database.read(lambda connection: amount(connection, "counter")) == 200


@pytest.mark.requirement("T11")
async def test_a_reader_never_sees_half_a_transaction(database: Database) -> None:
    await database.write(lambda connection: [add("from", 70)(connection), add("to", 30)(connection)])
    between = Gate()

    def total(connection: sa.Connection) -> int:
        first = amount(connection, "from")
        between.work(connection)
        return first + amount(connection, "to")

    reading = asyncio.create_task(database.read(total))
    await between.entered()
    await database.write(lambda connection: [give("from", -50)(connection), give("to", 50)(connection)])
    between.open()
    assert await reading == 100


async def test_a_caller_that_left_before_its_job_began_is_not_served(database_url: str) -> None:
    database = impatient(database_url, deadline=10)
    await database.write(METADATA.create_all)
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work))
    await gate.entered()
    leaving = asyncio.create_task(database.write(add("left")))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    gate.open()
    await holding
    assert await database.read(texts) == set()
    await database.aclose()


async def test_a_caller_that_leaves_while_its_job_runs_leaves_the_thread_working(database_url: str) -> None:
    database = impatient(database_url, deadline=10)
    await database.write(METADATA.create_all)
    gate = Gate()
    leaving = asyncio.create_task(database.write(gate.work))
    await gate.entered()
    leaving.cancel()
    await asyncio.wait({leaving})
    gate.open()
    await database.write(add("next"))
    assert await database.read(texts) == {"next"}
    await database.aclose()


async def test_closing_finishes_what_was_asked_for_and_refuses_the_rest(database: Database, database_url: str) -> None:
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work))
    await gate.entered()
    asked = [asyncio.create_task(database.write(add(str(n)))) for n in range(20)]
    closing = asyncio.create_task(database.aclose())
    await asyncio.sleep(0.05)
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await database.write(add("late"))
    gate.open()
    await asyncio.gather(closing, holding, *asked)
    with open_engine(parse_database_url(database_url)).connect() as other:
        assert texts(other) == {str(n) for n in range(20)}
    await database.aclose()


@pytest.mark.requirement("XD-OPS-06")
async def test_a_write_that_takes_too_long_is_in_doubt_and_those_behind_it_never_run(database_url: str) -> None:
    database = impatient(database_url, deadline=0.3)
    await database.write(METADATA.create_all)
    gate = Gate()
    running = asyncio.create_task(database.write(gate.work))
    await gate.entered()
    with pytest.raises(DatabaseUnavailable) as behind:
        await database.write(add("behind"))
    with pytest.raises(WriteInDoubt):
        await running
    gate.open()
    assert type(behind.value) is DatabaseUnavailable
    assert await database.read(texts) == set()
    await database.aclose()


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_work_that_ends_its_transaction_is_refused_and_undone(database: Database, end: str) -> None:
    def work(connection: sa.Connection) -> None:
        add("a")(connection)
        getattr(connection, end)()

    with pytest.raises(BadWork):
        await database.write(work)
    await database.write(add("b"))
    assert await database.read(texts) == {"b"}


@pytest.mark.parametrize("operation", ["read", "write"])
async def test_work_that_closes_its_connection_costs_no_more_than_the_connection(
    database_url: str, operation: str
) -> None:
    database = impatient(database_url, deadline=10)
    await database.write(METADATA.create_all)
    with pytest.raises((DatabaseUnavailable, BadWork)):
        await getattr(database, operation)(lambda connection: [texts(connection), connection.close()])
    await database.write(add("b"))
    assert await database.read(texts) == {"b"}
    await database.aclose()


async def test_a_statement_that_may_fail_is_tried_in_a_nested_transaction(database: Database) -> None:
    def work(connection: sa.Connection) -> None:
        add("a")(connection)
        with pytest.raises(IntegrityError), connection.begin_nested():
            add("a")(connection)
        add("b")(connection)

    await database.write(work)
    assert await database.read(texts) == {"a", "b"}


async def test_a_nested_transaction_left_open_ends_with_its_work(database_url: str) -> None:
    database = impatient(database_url, deadline=10)
    await database.write(METADATA.create_all)

    with pytest.raises(BadWork):
        await database.write(lambda connection: connection.begin_nested() and None)
    await test_a_statement_that_may_fail_is_tried_in_a_nested_transaction(database)
    await database.aclose()


@pytest.mark.parametrize("shape", [lambda rows: rows, lambda rows: rows.scalars(), lambda rows: rows.mappings()])
async def test_a_result_that_still_needs_the_connection_is_refused(database: Database, shape: Any) -> None:
    with pytest.raises(BadWork, match="result"):
        await database.read(lambda connection: shape(connection.execute(sa.select(NOTES))))


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        await database.read(add("a"))
    assert await database.read(texts) == set()


@pytest.mark.requirement("R19")
async def test_a_question_is_answered_with_rows_and_sees_what_was_acknowledged(database: Database) -> None:
    about = Question(sa.select(NOTES.c.text).where(NOTES.c.text == sa.bindparam("asked")), {"asked": "a"})
    assert await database.read(about) == []
    await database.write(add("a"))
    assert [row.text for row in await database.read(about)] == ["a"]


async def test_a_question_cannot_write(database: Database) -> None:
    for statement in (NOTES.insert().values(text="a", amount=0).returning(NOTES.c.text), NOTES.delete()):
        with pytest.raises(DatabaseUnavailable):
            await database.read(Question(statement))
    assert await database.read(texts) == set()
    await database.write(add("b"))
    assert await database.read(texts) == {"b"}


async def test_a_question_that_is_none_leaves_the_thread_working(database: Database) -> None:
    for _ in range(8):
        with pytest.raises((sa.exc.OperationalError, sa.exc.ProgrammingError)):
            await database.read(Question(sa.text("SELECT nothing FROM nowhere")))
    await database.write(add("a"))
    assert len(await database.read(Question(sa.select(NOTES)))) == 1


@pytest.mark.parametrize("error", [StopIteration(1), SystemExit(1), asyncio.CancelledError(), KeyboardInterrupt()])
@pytest.mark.parametrize("operation", ["read", "write"])
async def test_whatever_work_raises_the_thread_goes_on(database_url: str, error: BaseException, operation: str) -> None:
    database = impatient(database_url, deadline=10)

    def work(_: sa.Connection) -> None:
        raise error

    with pytest.raises((type(error), RuntimeError)):  # a coroutine cannot raise StopIteration
        await getattr(database, operation)(work)
    assert await getattr(database, operation)(lambda connection: connection.execute(sa.select(1)).scalar()) == 1
    await database.aclose()


async def test_each_caller_is_answered_on_its_own_event_loop(database: Database) -> None:
    def write_from_another_loop(number: int) -> None:
        asyncio.run(database.write(add(str(number))))

    await asyncio.gather(*(asyncio.to_thread(write_from_another_loop, n) for n in range(4)))
    assert await database.read(texts) == {"0", "1", "2", "3"}


async def test_an_event_loop_that_closed_meanwhile_leaves_the_thread_working(database_url: str) -> None:
    database = impatient(database_url, deadline=10)
    gate = Gate()

    async def ask_and_leave() -> None:
        asking = asyncio.create_task(database.write(gate.work))
        await gate.entered()
        asking.cancel()

    await asyncio.to_thread(asyncio.run, ask_and_leave())
    gate.open()
    await database.write(METADATA.create_all)
    assert await database.read(texts) == set()
    await database.aclose()


def _add_and_fail(number: int) -> Any:
    def work(connection: sa.Connection) -> None:
        add(str(number))(connection)
        raise KeyError(number)

    return work
