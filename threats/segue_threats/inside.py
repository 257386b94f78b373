"""Looking behind the answers of a target: what its databases hold and what it has logged. Reads, and changes nothing.

Knows the inside by what is documented of it: database URLs, tables, files of log. Attacks look for what must not be
there (a code, a token, a task's text), so every value of every table counts, whatever it is called.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Inside:
    """`databases` are URLs as the servers take them, `log` gives all that was logged so far."""

    databases: Sequence[str]
    log: Callable[[], str]

    def rows(self, table: str) -> list[Mapping[str, Any]]:
        """The rows of a table, of whichever database has it."""
        found: list[Mapping[str, Any]] = []
        for url in self.databases:
            with _reading(url) as connection:
                if sa.inspect(connection).has_table(table):
                    query = sa.select(sa.text("*")).select_from(sa.table(table))
                    found += [dict(row) for row in connection.execute(query).mappings()]
        return found

    def stored(self) -> list[tuple[str, str]]:
        """Every value that is stored, as text, with its table and column."""
        found = []
        for url in self.databases:
            with _reading(url) as connection:
                tables = sa.inspect(connection).get_table_names()
            for table in tables:
                for row in self.rows(table):
                    found += [(f"{table}.{name}", _text(value)) for name, value in row.items() if value is not None]
        return found

    def holding(self, secret: str) -> list[str]:
        """The columns in which this text stands, plain."""
        return sorted({place for place, value in self.stored() if secret in value})


def _reading(url: str) -> sa.Connection:
    """A connection of its own, whose transaction is never committed."""
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return sa.create_engine(parsed, poolclass=sa.NullPool).connect()


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
