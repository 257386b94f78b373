"""A small table, and work on it, for the tests of the database port."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database, Work
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.postgresql import PostgreSQLDatabase
from segue_storage.sqlite import SQLiteDatabase

METADATA = sa.MetaData()
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False, unique=True),
    sa.Column("amount", sa.Integer, nullable=False, default=0),
)


def add(text: str, amount: int = 0) -> Callable[[sa.Connection], None]:
    """Work that writes one note."""

    def work(connection: sa.Connection) -> None:
        connection.execute(NOTES.insert(), {"text": text, "amount": amount})

    return work


def texts(connection: sa.Connection) -> set[str]:
    """Work that reads every note."""
    return set(connection.execute(sa.select(NOTES.c.text)).scalars())


def amount(connection: sa.Connection, text: str) -> int:
    found: int = connection.execute(sa.select(NOTES.c.amount).where(NOTES.c.text == text)).scalar_one()
    return found


def give(text: str, more: int) -> Callable[[sa.Connection], None]:
    """Work that changes one note's amount."""

    def work(connection: sa.Connection) -> None:
        connection.execute(NOTES.update().where(NOTES.c.text == text).values(amount=NOTES.c.amount + more))

    return work


def impatient(url: str, *, deadline: float) -> Database:
    """A database with one thread for each purpose, whose callers wait only that many seconds."""
    engine = open_engine(parse_database_url(url))
    if engine.dialect.name == "sqlite":
        return SQLiteDatabase(engine, readers=1, deadline=deadline)
    return PostgreSQLDatabase(engine, threads=1, deadline=deadline)


class Gate:
    """Work that holds its thread until it is let go, so that what comes after it has to wait together."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._open = threading.Event()

    def work(self, _: sa.Connection) -> None:
        self._entered.set()
        if not self._open.wait(10):
            raise TimeoutError("nobody opened the gate")

    async def entered(self) -> None:
        if not await asyncio.to_thread(self._entered.wait, 10):
            raise TimeoutError("no thread came to the gate")

    def open(self) -> None:
        self._open.set()


async def together(database: Database, *works: Work[Any]) -> list[Any]:
    """Do the works at once, on SQLite in one batch; what each returned or raised."""
    gate = Gate()
    holding = asyncio.create_task(database.write(gate.work))
    await gate.entered()
    asked = [asyncio.create_task(database.write(work)) for work in works]
    await asyncio.sleep(0)
    gate.open()
    await holding
    return await asyncio.gather(*asked, return_exceptions=True)
