"""Connections to an SQLite file that are durable, enforce foreign keys and leave transactions to their holder."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool


def sqlite_engine(path: Path, *, lock_wait: float = 5.0) -> Engine:
    """An engine without a pool, in autocommit mode: its holder says BEGIN and COMMIT itself.

    Makes the file, readable by its owner alone, and its folder if they are missing. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,  # work.py relies on it
        hide_parameters=True,  # what is stored has no place in the text of an error
        poolclass=NullPool,
        connect_args={"timeout": lock_wait},
    )
    event.listen(engine, "connect", _make_durable)
    return engine


def _make_durable(connection: Any, _: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit is on disk before its caller hears of it
        "fullfsync=ON",  # on macOS fsync alone is not enough
        "foreign_keys=ON",
        "secure_delete=ON",  # what was deleted is overwritten, and not left in the file until its place is needed
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
