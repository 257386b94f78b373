"""The port through which both servers keep what must last: one async interface, two databases behind it."""

from typing import Protocol, TypeVar

from .database_url import parse_database_url
from .engine import open_engine
from .failure import BadWork, DatabaseUnavailable, WriteInDoubt
from .postgresql import PostgreSQLDatabase
from .sqlite import SQLiteDatabase
from .work import Question, Work

__all__ = ["BadWork", "Database", "DatabaseUnavailable", "Question", "Work", "WriteInDoubt", "open_database"]

T = TypeVar("T")


class Database(Protocol):
    """Runs work, synchronous functions of a SQLAlchemy connection, in threads that hold their connection.

    Work says what it does with the connection it is given and returns plain values, not results that still need the
    connection. It does not commit, roll back or close; `begin_nested` is there for a statement that may fail.
    Exceptions of the work reach the caller as they are. `DatabaseUnavailable` means that the work did not happen,
    its subclass `WriteInDoubt` that it may have. `BadWork` is a bug in the work.
    """

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    async def write(self, work: Work[T], *, together: str | None = None) -> T:
        """Do the work in one transaction and return what it returns, once the commit is on disk.

        An exception undoes just this work, whatever else is written at the same time. A caller that is cancelled
        cannot know whether its write happened. Constraints must not be deferred to the commit.

        Those that name the same key `together` take the same lock anyway: what waits is then committed at once,
        in the order in which it was asked for. If that commit fails, all of it fails.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Do the work in one snapshot: it sees each write that was acknowledged before, whole or not at all.

        A `Question` is the cheapest: it is one statement.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was asked for, refuse anything new, and end the threads. May be called again."""
        ...


def open_database(url: str, *, threads: int = 8) -> Database:
    """Open `sqlite:////absolute/path` or `postgresql://user@host/name`, read from by that many threads.

    Connects when first used. Raises ValueError for another URL, and ModuleNotFoundError without psycopg.
    """
    engine = open_engine(parse_database_url(url))
    if engine.dialect.name == "sqlite":
        return SQLiteDatabase(engine, readers=threads)
    return PostgreSQLDatabase(engine, threads=threads)
