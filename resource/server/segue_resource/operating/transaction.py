"""One transaction of a command: the engine commits by itself unless told otherwise."""

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from segue_resource.operating.opened import Opened

T = TypeVar("T")


def in_transaction(found: Opened, work: Callable[[sa.Connection], T]) -> T:
    begin = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}[found.engine.dialect.name]
    with found.engine.connect() as connection:
        connection.exec_driver_sql(begin)
        try:
            result = work(connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
        return result
