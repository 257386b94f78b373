"""Jobs that would only wait for each other's lock, done in one transaction: each in its savepoint, one commit for all.

What a job was told rests on what those before it did. So no outcome counts, refusals included, unless all is committed.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from .failure import DatabaseUnavailable, WriteInDoubt, caused
from .held import HeldConnection
from .jobs import Job, Outcome
from .postgresql_job import WRITE, begin, commit, explained, require_open, say, transact, undo
from .work import perform

_NEXT = "RELEASE SAVEPOINT job; SAVEPOINT job"
"""One round trip between two jobs."""


class _Broken(Exception):
    """The transaction as a whole is lost."""


def transact_together(held: HeldConnection, jobs: Sequence[Job]) -> list[tuple[Job, Outcome]]:
    """Do the jobs in their order and commit. What breaks the transaction fails every one of them."""
    if len(jobs) < 2:
        return [(job, transact(held, job)) for job in jobs]
    try:
        connection = begin(held, f"{WRITE}; SAVEPOINT job")
    except Exception as error:
        held.drop()
        return _failed(jobs, DatabaseUnavailable, "PostgreSQL could not be reached", error)
    outcomes = []
    try:
        for number, job in enumerate(jobs):
            if number:
                say(connection, _NEXT)
            outcomes.append((job, _in_savepoint(connection, job)))
    except Exception as error:
        undo(held, connection)
        return _failed(jobs, DatabaseUnavailable, "PostgreSQL lost the transaction; it was undone", error)
    refused = commit(held, connection, None, writes=True).error
    if refused is None:
        return outcomes
    kind = WriteInDoubt if isinstance(refused, WriteInDoubt) else DatabaseUnavailable
    return _failed(jobs, kind, "PostgreSQL did not commit what was done together", refused)


def _in_savepoint(connection: Connection, job: Job) -> Outcome:
    try:
        value = perform(job.work, connection)
        require_open(connection)
    except BaseException as error:
        if connection.invalidated or _lost(connection):
            raise _Broken from error
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
        return Outcome(error=explained(error))
    return Outcome(value)


def _lost(connection: Connection) -> bool:
    """Whether the driver has no transaction any more, as when the server has closed the connection."""
    if connection.closed:
        return True
    driver: Any = connection.connection.dbapi_connection
    return driver is None or driver.info.transaction_status.name not in ("INTRANS", "INERROR")


def _failed(
    jobs: Sequence[Job], kind: type[DatabaseUnavailable], what: str, cause: BaseException
) -> list[tuple[Job, Outcome]]:
    """The same for each of them, in an exception of its own: who raises one adds its traceback."""
    return [(job, Outcome(error=caused(kind(what), cause))) for job in jobs]
