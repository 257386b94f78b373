"""Clears what was erased as soon as it was, and rotates the master key once old backups must not open it any more."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from segue_storage.database import DatabaseUnavailable
from segue_storage.ephemeral import MemoryUnavailable
from starlette.applications import Starlette

from segue_resource.stores.keys.key_wrapper import KeysUnavailable

EVERY = 60.0
"""Seconds after which it is looked again, whoever was asked: another process may have died over it."""

Chore = Callable[[], Awaitable[int]]

_log = logging.getLogger(__name__)


class Clearings:
    """Does the chores in their order, at once when it is `asked` and every minute."""

    def __init__(self, *chores: Chore) -> None:
        self._chores = chores
        self._asked = asyncio.Event()

    def asked(self) -> None:
        self._asked.set()

    def lifespan(self) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            running = asyncio.create_task(self._again_and_again())
            try:
                yield
            finally:
                running.cancel()
                await asyncio.wait({running})

        return lifespan

    async def _again_and_again(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), EVERY)
            self._asked.clear()
            await self._do()

    async def _do(self) -> None:
        try:
            for chore in self._chores:
                await chore()
        except (DatabaseUnavailable, MemoryUnavailable, KeysUnavailable) as outage:
            _log.warning("what was erased could not be cleared: %s", outage)
        except Exception:  # a bug must not end the chores of a server that runs for months
            _log.exception("what was erased could not be cleared")
