"""What the server does of its own accord while it runs: it drops what has outlived its use."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from segue_storage.database import DatabaseUnavailable

FIRST = 60.0
"""Seconds after the start: a server that begins has other things to do."""
EVERY = 3600.0
Chore = Callable[[], Awaitable[int]]

_LOG = logging.getLogger("segue_authz")


class Housekeeping:
    """Every process does this; what one has dropped the others do not find."""

    def __init__(self, drop: Chore) -> None:
        """`drop` says how many rows that was."""
        self._drop = drop

    async def run(self) -> None:
        """For as long as the server lives."""
        await asyncio.sleep(FIRST)
        while True:
            try:
                dropped = await self._drop()
                _LOG.info("dropped %d rows that had outlived their use", dropped)
            except DatabaseUnavailable as away:
                _LOG.warning("what has outlived its use could not be dropped: %s", away)
            except Exception:  # a bug must not end the chores of a server that runs for months
                _LOG.exception("what has outlived its use could not be dropped")
            await asyncio.sleep(EVERY)
