"""The moment a server begins to stop: it is not ready any more, and streams end with a word of their own.

uvicorn waits for open answers before it runs the end of the lifespan, so a stream has to hear of the signal itself: the
lifespan puts itself in front of the server's own handler of SIGTERM and SIGINT, and calls that one too.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class GoingAway:
    """Said once, to all who listen then; whoever comes later sees that it was `said`."""

    def __init__(self) -> None:
        self.said = False
        self._listeners: set[Callable[[], None]] = set()

    def say(self) -> None:
        self.said = True
        for listener in list(self._listeners):
            listener()

    @contextmanager
    def heard(self, listener: Callable[[], None]) -> Iterator[None]:
        """It is called when it is said, if that is in this context."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)


@contextmanager
def heard_at_signals(going_away: GoingAway) -> Iterator[None]:
    """Say it at the first signal to stop. Outside the main thread, where no signal arrives, this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in _SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(going_away.say)
        handler = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in _SIGNALS:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
