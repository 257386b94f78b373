"""What the server does of its own accord while it runs: it drops what has outlived its use."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable
from starlette.applications import Starlette

from segue_resource.stores import idempotency
from segue_resource.stores.files.blobs import BlobsUnavailable
from segue_resource.stores.keys.key_wrapper import KeysUnavailable

FIRST = 60.0
"""Seconds after the start: a server that begins has other things to do."""
EVERY = 3600.0

Chore = Callable[[], Awaitable[int]]
"""Does all that is due and says how much that was; in small transactions, so that it may be cut off anywhere."""

_log = logging.getLogger(__name__)


def keep_house(chores: Mapping[str, Chore]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """A lifespan. Every process does all of them; what one has done the others do not find."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        rounds = asyncio.create_task(_again_and_again(chores))
        try:
            yield
        finally:
            rounds.cancel()
            await asyncio.wait({rounds})

    return lifespan


async def drop_old_answers(database: Database, clock: Clock) -> int:
    """Batch by batch, each in a transaction of its own; how many. Raises what the database raises."""
    dropped, batch = 0, idempotency.BATCH
    while batch >= idempotency.BATCH:
        batch = await database.write(lambda connection: idempotency.drop_old(connection, now=clock()))
        dropped += batch
    return dropped


async def _again_and_again(chores: Mapping[str, Chore]) -> None:
    await asyncio.sleep(FIRST)
    while True:
        for what, chore in chores.items():
            await _do(what, chore)
        await asyncio.sleep(EVERY)


async def _do(what: str, chore: Chore) -> None:
    """One that fails keeps the others from nothing."""
    try:
        _log.info("%s: %d", what, await chore())
    except (DatabaseUnavailable, BlobsUnavailable, KeysUnavailable) as outage:
        _log.warning("%s: not now, %s", what, outage)
    except Exception:  # a bug must not end the chores of a server that runs for months
        _log.exception("%s: failed", what)
