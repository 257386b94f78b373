"""What the threads of SQLite do with jobs: many writes in one commit, one read in one snapshot."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .failure import DatabaseUnavailable, WriteInDoubt, caused
from .held import HeldConnection
from .jobs import Job, Outcome
from .work import perform

_NOT_ITS_FAULT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}
_COMMIT_REFUSED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CONSTRAINT}


class _Undone(Exception):
    """SQLite undid the whole transaction, not just the statement: it may, when it runs out of disk or memory."""


def commit_together(held: HeldConnection, jobs: Sequence[Job]) -> list[tuple[Job, Outcome]]:
    """Do the jobs in one transaction and commit it. What breaks the transaction fails every one of them."""
    committing = False
    if not jobs:
        return []
    try:
        connection = held.get()
        driver = _driver(connection)
        driver.execute("BEGIN IMMEDIATE")
        outcomes = [(job, _in_savepoint(connection, driver, job)) for job in jobs]
        committing = True
        driver.execute("COMMIT")
    except Exception as error:
        held.drop()
        in_doubt = committing and _code(error) not in _COMMIT_REFUSED
        return [(job, Outcome(error=_failure(error, in_doubt=in_doubt))) for job in jobs]
    return outcomes


def read_snapshot(held: HeldConnection, job: Job) -> Outcome:
    """Do the job in a transaction of its own that sees one committed state and cannot write."""
    try:
        connection = held.get()
        driver = _driver(connection)
        driver.execute("PRAGMA query_only=ON")
        driver.execute("BEGIN")
    except Exception as error:
        held.drop()
        return Outcome(error=_failure(error, in_doubt=False))
    try:
        outcome = Outcome(perform(job.work, connection))
    except BaseException as error:
        held.drop()  # its traceback may hold a cursor, which holds the snapshot: later reads would see the past
        return Outcome(error=_explained(error))
    _end(held, driver)
    return outcome


def _end(held: HeldConnection, driver: sqlite3.Connection) -> None:
    try:
        driver.rollback()
    except sqlite3.Error:
        held.drop()


def _in_savepoint(connection: Connection, driver: sqlite3.Connection, job: Job) -> Outcome:
    driver.execute("SAVEPOINT job")
    try:
        outcome = Outcome(perform(job.work, connection))
    except BaseException as error:
        if not driver.in_transaction:
            raise _Undone from error
        driver.execute("ROLLBACK TO job")
        outcome = Outcome(error=_explained(error))
    driver.execute("RELEASE job")
    return outcome


def _driver(connection: Connection) -> sqlite3.Connection:
    driver: Any = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise DatabaseUnavailable("the connection is closed")
    return driver


def _explained(error: BaseException) -> BaseException:
    return _failure(error, in_doubt=False) if _code(error) in _NOT_ITS_FAULT else error


def _failure(error: BaseException, *, in_doubt: bool) -> Exception:
    if in_doubt:
        return caused(WriteInDoubt("SQLite failed while it committed"), error)
    return caused(DatabaseUnavailable("SQLite could not do the work; it was undone"), error)


def _code(error: BaseException) -> int:
    """SQLite's primary result code of an error, 0 if it is not SQLite's."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
