"""Asks people, some hours after a device got its first task of theirs, whether it is still their device."""

import asyncio
import logging

from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable

from segue_authz.stores.check_ins import CheckIns

EVERY = 5.0
"""Seconds between two looks at whom to ask."""
_LOG = logging.getLogger("segue_authz")


class CheckingIn:
    """Every process does this; what one has asked, no other asks. `after` in seconds; with 0 nobody is asked."""

    def __init__(self, database: Database, *, after: int, clock: Clock) -> None:
        self._check_ins = CheckIns(database)
        self._after = after
        self._clock = clock

    async def ask(self) -> int:
        """Ask whoever is to be asked by now, and say about how many devices that was."""
        return await self._check_ins.ask(after=self._after, now=self._clock()) if self._after else 0

    async def run(self) -> None:
        """For as long as the server lives."""
        while True:
            try:
                await self.ask()
            except DatabaseUnavailable as away:
                _LOG.error("nobody can be asked about new devices: %s", away)
            except Exception:  # a bug must not end the chores of a server that runs for months
                _LOG.exception("nobody could be asked about new devices")
            await asyncio.sleep(EVERY)
