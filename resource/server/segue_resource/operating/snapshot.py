"""The database as of one moment, however long it is read."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

_BEGIN = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Nothing is ever committed."""
    with engine.connect() as connection:
        connection.exec_driver_sql(_BEGIN[engine.dialect.name])
        yield connection
