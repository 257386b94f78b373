"""The engine of a URL: how connections to it are made, whoever holds them."""

from pathlib import Path

from sqlalchemy import URL, Engine

from .postgresql_engine import postgresql_engine
from .sqlite_engine import sqlite_engine


def open_engine(url: URL) -> Engine:
    """An engine without a pool, in autocommit mode: who connects says BEGIN and COMMIT. Connects when used."""
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(Path(str(url.database)))
    return postgresql_engine(url)
