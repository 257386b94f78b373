"""The one connection a thread holds: opened when first needed, dropped when in doubt, opened again for the next job."""

from typing import Self

from sqlalchemy import Connection, Engine


class HeldConnection:
    """Belongs to one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def get(self) -> Connection:
        """The open connection. Raises what connecting raises."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def drop(self) -> None:
        """Close the connection without asking it anything; the database undoes what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            connection.invalidate()
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()
