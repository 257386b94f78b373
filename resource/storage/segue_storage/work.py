"""Work: a function of a connection, run inside a transaction that is not its own to end."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, MappingResult, Result, Row, ScalarResult, event

from .failure import BadWork

T = TypeVar("T")
Work = Callable[[Connection], T]

_thread = threading.local()


@dataclass(frozen=True)
class Question:
    """Work that is one statement, which reads: its rows. A database may spare it a transaction."""

    statement: Executable
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, connection: Connection) -> Sequence[Row[Any]]:
        return connection.execute(self.statement, self.parameters).all()


def guard(engine: Engine) -> None:
    """Make `commit`, `rollback` and `close` of the engine's connections raise `BadWork` while `perform` runs."""
    event.listen(engine, "commit", _refuse)
    event.listen(engine, "rollback", _refuse)


def perform(work: Work[T], connection: Connection) -> T:
    """Run the work in the open transaction and give back what it returns. What it left half done is forgotten."""
    _thread.working = True
    try:
        value = work(connection)
    except BaseException:
        _thread.working = False
        _forget(connection)
        raise
    _thread.working = False
    if connection.in_nested_transaction():
        _forget(connection)
        raise BadWork("a work function left a nested transaction open")
    if isinstance(value, (Result, ScalarResult, MappingResult)):
        value.close()
        raise BadWork("a work function returned a result that still needs the connection")
    return value


def _forget(connection: Connection) -> None:
    """Reset what SQLAlchemy believes; as the engine is in autocommit mode, the transaction itself is not touched."""
    connection.rollback()


def _refuse(_: Any) -> None:
    if getattr(_thread, "working", False):
        raise BadWork("a work function must leave commit, rollback and close to the database it was given to")
