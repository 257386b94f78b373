"""A process that writes to a database and says what was acknowledged, until it is killed."""

import asyncio
import os
from itertools import count
from multiprocessing.connection import Connection as Pipe

import sqlalchemy as sa
from notes import add
from segue_storage.database import Database, open_database

WRITERS = 8


def write_until_killed(url: str, acknowledged: Pipe) -> None:
    """Write pairs of notes from several tasks at once; send each pair's name once its write has returned."""
    asyncio.run(_write(url, acknowledged))


async def _write(url: str, acknowledged: Pipe) -> None:
    database = open_database(url, threads=4)
    numbers = count()
    await asyncio.gather(*(_write_pairs(database, numbers, acknowledged) for _ in range(WRITERS)))


async def _write_pairs(database: Database, numbers: "count[int]", acknowledged: Pipe) -> None:
    for number in numbers:
        name = f"{os.getpid()}-{number}"
        await database.write(lambda connection, name=name: _pair(connection, name))
        acknowledged.send_bytes(name.encode())


def _pair(connection: sa.Connection, name: str) -> None:
    add(f"{name}-left")(connection)
    add(f"{name}-right")(connection)
