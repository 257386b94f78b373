"""A server whose tables a newer release has taken away stops, rather than serve on what it does not know."""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError

from .database import Database, DatabaseUnavailable
from .migrations import Schema, SchemaAhead, SchemaBehind

EVERY = 5
"""Seconds between two looks."""
_log = logging.getLogger(__name__)


@asynccontextmanager
async def stopped_when_ahead(database: Database, schema: Schema) -> AsyncIterator[None]:
    """Look while the server runs."""
    watch = asyncio.create_task(_watch(database, schema))
    try:
        yield
    finally:
        watch.cancel()


async def _watch(database: Database, schema: Schema) -> None:
    while True:
        await asyncio.sleep(EVERY)
        try:
            await database.read(schema.require)
        except SchemaAhead as ahead:
            _log.critical("the server stops: %s", ahead)
            os.kill(_server(), signal.SIGTERM)
            return
        except (DatabaseUnavailable, DBAPIError, SchemaBehind) as failure:  # `/readyz` tells of it
            _log.debug("the tables were not looked at: %s", failure)


def _server() -> int:
    """The process that is to stop, with all its workers: this one, or the one whose worker it is."""
    parent = multiprocessing.parent_process()
    return os.getpid() if parent is None else int(parent.pid or os.getpid())
