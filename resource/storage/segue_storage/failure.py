"""What can go wrong with a database that is not the fault of the statement."""

from typing import TypeVar


class DatabaseUnavailable(Exception):
    """The work did not happen: the database is away, full, locked, overloaded or closed. It may be tried again."""


class WriteInDoubt(DatabaseUnavailable):
    """The connection was lost, or the time was up, between the work and the answer to its commit.

    The write may have become durable or not: read before trying it again.
    """


class BadWork(RuntimeError):
    """A bug in a work function: it ended its transaction itself, or went on after a statement of it had failed."""


E = TypeVar("E", bound=Exception)


def caused(failure: E, cause: BaseException) -> E:
    """The failure with its cause, for those who cannot `raise … from` because another thread will raise it."""
    failure.__cause__ = cause
    return failure
