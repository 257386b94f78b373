"""Wake-ups within one process: who listens to a topic, and the hint that something happened there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Wakeups(Protocol):
    """What a listener holds. A wake-up is a hint: several may become one, and one may be lost or come for nothing."""

    @property
    def woken(self) -> frozenset[str]:
        """The topics for which the last `wait` came back; none if its time ran out."""
        ...

    def wake(self, topic: str) -> None:
        """Wake this one listener, for who has learned of something in another way."""
        ...

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - the answer says whether the time ran out
        """True once the topic was woken since the last `wait`; False after `timeout` seconds."""
        ...


class Listener:
    """One listener's `Wakeups`. Thousands wait at once, so each keeps as little as it can."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None
        self._topics: set[str] = set()
        self.woken: frozenset[str] = frozenset()

    def wake(self, topic: str) -> None:
        self._topics.add(topic)
        self._go_on()

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109
        if not self._topics:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            late = loop.call_later(timeout, self._go_on)
            try:
                await self._waiting
            finally:
                late.cancel()
                self._waiting = None
        self.woken = frozenset(self._topics)
        self._topics.clear()
        return bool(self.woken)

    def _go_on(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Listeners:
    """The listeners of this process, by topic."""

    def __init__(self) -> None:
        self._by_topic: dict[str, set[Listener]] = {}

    @contextmanager
    def listening(self, *topics: str) -> Iterator[Listener]:
        listener = Listener()
        for topic in topics:
            self._by_topic.setdefault(topic, set()).add(listener)
        try:
            yield listener
        finally:
            for topic in topics:
                self._by_topic[topic].discard(listener)
                if not self._by_topic[topic]:
                    del self._by_topic[topic]

    def wake(self, topic: str) -> None:
        for listener in self._by_topic.get(topic, ()):
            listener.wake(topic)

    def wake_all(self) -> None:
        for topic in self._by_topic:
            self.wake(topic)

    @property
    def topics(self) -> frozenset[str]:
        """Those that somebody listens to."""
        return frozenset(self._by_topic)
