"""The floor: the bytes of a turn committed durably on a connection that is held, and nothing else."""

import sqlite3
import time
from collections.abc import Callable, Sequence

import psycopg

from segue_bench.subjects.store_peers.turns import Turn

_TABLE = "CREATE TABLE said (number BIGINT PRIMARY KEY, body {}) "


class RawSqlite:
    """SQLite as the task store sets it: write-ahead log, flushed at each commit."""

    def __init__(self, database: str) -> None:
        self._connection = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_TABLE.format("BLOB"))
        self._number = 0

    def begin(self, said: Sequence[Turn]) -> None:
        """Keep this at once. A log that has been written through once no longer grows, and is flushed faster."""
        with self._connection:
            self._connection.execute("BEGIN")
            for turn in said:
                self._keep(turn)

    def take(self, said: Sequence[Turn]) -> list[float]:
        return _each(said, self._keep)

    def pragma(self, name: str) -> object:
        """What SQLite says of a setting."""
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    def close(self) -> None:
        self._connection.close()

    def _keep(self, turn: Turn) -> None:
        self._number += 2
        rows = (self._number, turn.person.encode(), self._number + 1, turn.agent.encode())
        self._connection.execute("INSERT INTO said VALUES (?, ?), (?, ?)", rows)


class RawPostgresql:
    """PostgreSQL through psycopg, in one prepared statement, which is its own transaction."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True, prepare_threshold=0)
        self._connection.execute(_TABLE.format("BYTEA").encode())
        self._number = 0

    def begin(self, said: Sequence[Turn]) -> None:
        """Keep this at once."""
        with self._connection.transaction():
            for turn in said:
                self._keep(turn)

    def take(self, said: Sequence[Turn]) -> list[float]:
        return _each(said, self._keep)

    def close(self) -> None:
        self._connection.close()

    def _keep(self, turn: Turn) -> None:
        self._number += 2
        rows = (self._number, turn.person.encode(), self._number + 1, turn.agent.encode())
        self._connection.execute("INSERT INTO said VALUES (%s, %s), (%s, %s)", rows)


def _each(said: Sequence[Turn], keep: Callable[[Turn], None]) -> list[float]:
    """Microseconds of each."""
    times = []
    for turn in said:
        began = time.perf_counter_ns()
        keep(turn)
        times.append((time.perf_counter_ns() - began) / 1000)
    return times
