"""A few daemon threads with one loop, ended together within a bounded time."""

import threading
import time
from collections.abc import Callable


class Threads:
    """Started at once. A process that ends without `join` does not wait for them."""

    def __init__(self, name: str, loop: Callable[[], None], *, count: int) -> None:
        self.count = count
        self._threads = [threading.Thread(target=loop, name=f"{name}-{number}", daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self, timeout: float) -> None:
        """Wait until all have ended, at most `timeout` seconds; one that is stuck is left behind."""
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
