"""Asynchronous work for callers that block: one event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Blocking:
    """Runs coroutines in one loop, which an HTTP client may be bound to, for any number of threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="segue", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work, or what it raises. Not from within the loop itself."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def iterate(self, found: AsyncIterator[T]) -> Iterator[T]:
        """One after the other, as they are asked for."""
        ended: Any = object()
        while (each := self.run(_next(found, ended))) is not ended:
            yield each

    def close(self) -> None:
        """Not from within the loop itself."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(found: AsyncIterator[T], ended: T) -> T:
    return await anext(found, ended)
