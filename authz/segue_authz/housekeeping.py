"""What the server does of its own accord while it runs: it drops what has outlived its use."""

import asyncio
import logging

from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable

from segue_authz.stores.leftovers import drop_leftovers

FIRST = 60.0
"""Seconds after the start: a server that begins has other things to do."""
EVERY = 3600.0

_LOG = logging.getLogger("segue_authz")


class Housekeeping:
    """Every process does this; what one has dropped the others do not find."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """For as long as the server lives."""
        await asyncio.sleep(FIRST)
        while True:
            try:
                dropped = await drop_leftovers(self._database, now=self._clock())
                _LOG.info("dropped %d rows that had outlived their use", dropped)
            except DatabaseUnavailable as away:
                _LOG.warning("what has outlived its use could not be dropped: %s", away)
            except Exception:  # a bug must not end the chores of a server that runs for months
                _LOG.exception("what has outlived its use could not be dropped")
            await asyncio.sleep(EVERY)
