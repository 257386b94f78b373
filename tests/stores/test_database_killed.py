"""A server killed at any moment has lost nothing that it acknowledged, and left nothing half done."""

import asyncio
import random
import threading
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import pytest
from killed_writer import write_until_killed
from notes import METADATA, texts
from segue_storage.database import open_database
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine

ROUNDS = 24
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["__main__", "killed_writer", "sqlalchemy.dialects.postgresql.psycopg", "psycopg"])


@pytest.mark.requirement("R19", "T8")
def test_what_was_acknowledged_before_the_kill_is_there_after_it(database_url: str) -> None:
    dice = random.Random(0)
    asyncio.run(_create(database_url))
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        acknowledged |= _acknowledged_until_killed(
            database_url, answers=number and dice.choice([0, 1, 2, 50]), seconds=dice.uniform(0, 0.06)
        )
    with open_engine(parse_database_url(database_url)).connect() as connection:
        found = texts(connection)
    assert len(acknowledged) > ROUNDS
    assert {f"{name}-{side}" for name in acknowledged for side in ("left", "right")} <= found
    assert {_name(text) for text in found if text.endswith("left")} == {
        _name(text) for text in found if text.endswith("right")
    }


def _acknowledged_until_killed(url: str, *, answers: int, seconds: float) -> set[str]:
    """Let the process write until it has sent that many answers, then for that long; kill it; all it had sent."""
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=write_until_killed, args=(url, there))
    process.start()
    there.close()
    names: set[str] = set()
    enough = threading.Event()
    listening = threading.Thread(target=_listen, args=(here, names, answers, enough))
    listening.start()
    enough.wait(10)
    time.sleep(seconds)
    process.kill()
    process.join()
    listening.join()
    return names


def _listen(pipe: Pipe, names: set[str], answers: int, enough: threading.Event) -> None:
    with pipe:
        while True:
            if len(names) >= answers:
                enough.set()
            try:
                names.add(pipe.recv_bytes().decode())
            except EOFError:
                return


def _name(text: str) -> str:
    return text.rpartition("-")[0]


async def _create(url: str) -> None:
    database = open_database(url, threads=1)
    await database.write(METADATA.create_all)
    await database.aclose()
