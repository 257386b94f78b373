"""A database that is backed up and restored as an operator does it: a copied file, or pg_dump and psql."""

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from server_process import binary

Restore = Callable[[], str]
"""Makes a database of the backup; its URL."""


def back_up(database_url: str, folder: Path, request: pytest.FixtureRequest) -> tuple[Path, Restore]:
    """The file of the backup, and how it is restored, beside the living database."""
    if database_url.startswith("sqlite"):
        return _sqlite(Path(database_url.removeprefix("sqlite:///")), folder)
    return _postgresql(database_url, folder, request)


def _sqlite(path: Path, folder: Path) -> tuple[Path, Restore]:
    kept, restored = folder / "kept.db", folder / "restored.db"
    with sqlite3.connect(path) as living, sqlite3.connect(kept) as copy:
        living.backup(copy)
    living.close()
    copy.close()

    def restore() -> str:
        restored.write_bytes(kept.read_bytes())
        return f"sqlite:///{restored}"

    return kept, restore


def _postgresql(database_url: str, folder: Path, request: pytest.FixtureRequest) -> tuple[Path, Restore]:
    kept, server = folder / "kept.sql", request.getfixturevalue("postgresql_server")
    dumped = subprocess.run([str(binary("pg_dump")), database_url], check=True, capture_output=True)
    kept.write_bytes(dumped.stdout)

    def restore() -> str:
        url: str = server.create_database()
        quiet = ["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]
        subprocess.run([str(binary("psql")), *quiet, "--file", str(kept), url], check=True, capture_output=True)
        return url

    return kept, restore
