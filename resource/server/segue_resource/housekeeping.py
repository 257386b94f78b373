"""What the server does of its own accord while it runs: it drops what has outlived its use."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable
from starlette.applications import Starlette

from segue_resource.stores import idempotency

FIRST = 60.0
"""Seconds after the start: a server that begins has other things to do."""
EVERY = 3600.0

_log = logging.getLogger(__name__)


def keep_house(database: Database, clock: Clock) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """A lifespan. Every process does it; what one has dropped the others do not find."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        chores = asyncio.create_task(_again_and_again(database, clock))
        try:
            yield
        finally:
            chores.cancel()
            await asyncio.wait({chores})

    return lifespan


async def drop_old_answers(database: Database, clock: Clock) -> int:
    """Batch by batch, each in a transaction of its own; how many. Raises what the database raises."""
    dropped, batch = 0, idempotency.BATCH
    while batch >= idempotency.BATCH:
        batch = await database.write(lambda connection: idempotency.drop_old(connection, now=clock()))
        dropped += batch
    return dropped


async def _again_and_again(database: Database, clock: Clock) -> None:
    await asyncio.sleep(FIRST)
    while True:
        try:
            dropped = await drop_old_answers(database, clock)
            _log.info("dropped %d kept answers", dropped)
        except DatabaseUnavailable as outage:
            _log.warning("kept answers could not be dropped: %s", outage)
        except Exception:  # a bug must not end the chores of a server that runs for months
            _log.exception("kept answers could not be dropped")
        await asyncio.sleep(EVERY)
