"""What a thread of PostgreSQL does with a job: one transaction, and the truth about what became of it."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError

from .failure import BadWork, DatabaseUnavailable, WriteInDoubt, caused
from .held import HeldConnection
from .jobs import Job, Outcome
from .postgresql_engine import UNCONFIRMED
from .work import Question, perform

WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_COMMIT = "COMMIT"

_NOT_ITS_FAULT = (
    "25006",  # read only: a standby, where a primary was expected
    "40",  # serialization failure, deadlock
    "53",  # out of disk, memory or connections
    "55P03",  # lock_timeout
    "57",  # statement_timeout, shutdown
    "58",  # input or output failed
)
"""The beginnings of SQLSTATEs that say nothing about the statement."""


def transact(held: HeldConnection, job: Job) -> Outcome:
    """Do the job and commit it. A broken connection is dropped; the thread's next job opens another."""
    if not job.writes and isinstance(job.work, Question):
        return _answer(held, job.work)
    try:
        connection = begin(held, WRITE if job.writes else _READ)
    except Exception as error:
        held.drop()
        return Outcome(error=caused(DatabaseUnavailable("PostgreSQL could not be reached"), error))
    try:
        value = perform(job.work, connection)
        require_open(connection)
    except BaseException as error:
        undo(held, connection)
        return Outcome(error=explained(error))
    return commit(held, connection, value, writes=job.writes)


def _answer(held: HeldConnection, question: Question) -> Outcome:
    """One statement is a snapshot by itself: nothing is said before it and after it, and nothing is left to undo.

    If the connection is found to be broken it is asked once more, on a new one.
    """
    for last in (False, True):
        try:
            connection = held.get()
        except Exception as error:
            held.drop()
            return Outcome(error=caused(DatabaseUnavailable("PostgreSQL could not be reached"), error))
        try:
            return Outcome(perform(question, connection))
        except BaseException as error:
            if not _is_idle(connection):
                held.drop()
            if last or not (isinstance(error, DBAPIError) and error.connection_invalidated):
                return Outcome(error=explained(error))
    raise AssertionError("the second time is the last")


def begin(held: HeldConnection, statement: str) -> Connection:
    """Begin on the held connection or, if the server has closed that meanwhile, on a new one: no work was done yet."""
    connection = held.get()
    try:
        say(connection, statement)
    except DBAPIError:
        held.drop()
        connection = held.get()
        say(connection, statement)
    return connection


def say(connection: Connection, statement: str) -> None:
    """Have the driver say what has no rows and no parameters: SQLAlchemy takes twice the time. Raises as it would."""
    driver: Any = connection.connection.dbapi_connection
    try:
        if statement == _COMMIT:
            driver.commit()
        else:
            driver.execute(statement, prepare=False)
    except connection.dialect.loaded_dbapi.Error as error:
        dialect = connection.dialect
        broken = dialect.is_disconnect(error, driver, None)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=broken,
            dialect=dialect,
        ) from error


def _is_idle(connection: Connection) -> bool:
    if connection.invalidated or connection.closed:
        return False
    driver: Any = connection.connection.dbapi_connection
    return driver is not None and driver.info.transaction_status.name == "IDLE"


def require_open(connection: Connection) -> None:
    """COMMIT in a failed transaction rolls back without an error, so it has to be asked first."""
    if connection.invalidated:
        raise PendingRollbackError("the connection broke, and the work went on")
    driver: Any = connection.connection.dbapi_connection
    if driver.info.transaction_status.name != "INTRANS":
        raise BadWork("a statement of the work failed and the work went on; use begin_nested around such a statement")


def undo(held: HeldConnection, connection: Connection) -> None:
    """Roll back, or drop the connection, which does the same."""
    try:
        connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:
        held.drop()


def commit(held: HeldConnection, connection: Connection, value: Any, *, writes: bool) -> Outcome:
    """The value once it is durable; an error that says whether it may be."""
    try:
        say(connection, _COMMIT)
    except Exception as error:
        refused = isinstance(error, DBAPIError) and not error.connection_invalidated
        held.drop()
        if not writes:
            return Outcome(value)
        if not refused:
            return Outcome(error=caused(WriteInDoubt("the connection broke while PostgreSQL committed"), error))
        return Outcome(error=explained(error))
    if writes and UNCONFIRMED in connection.info:
        held.drop()
        return Outcome(error=WriteInDoubt("the standby did not confirm the commit: it may be lost in a failover"))
    return Outcome(value)


def explained(error: BaseException) -> BaseException:
    """The error as the caller gets it: `DatabaseUnavailable` if it says nothing about the statement."""
    if isinstance(error, PendingRollbackError):
        return caused(DatabaseUnavailable("the connection to PostgreSQL broke; the work was undone"), error)
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(_NOT_ITS_FAULT):
            return caused(DatabaseUnavailable("PostgreSQL could not do the work; it was undone"), error)
    return error
