"""The ephemeral store of a server of one process: its own memory."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from segue.clock import Clock
from segue.replay import InProcessReplayMemory, MemoryUnavailable

from .notes import Note, Notes
from .texts import Growth, Text, Texts
from .wakeups import Listeners, Wakeups

RATES = 100_000
"""The most keys whose rate is remembered, about 30 MB."""


class InProcessEphemeral(InProcessReplayMemory):
    """An `Ephemeral` for one process and one event loop. `random(n)` gives n random bytes."""

    def __init__(self, clock: Clock, random: Callable[[int], bytes]) -> None:
        super().__init__(clock, random)
        self._now = clock
        self._rates = Rates(capacity=RATES)
        self._listeners = Listeners()
        self._texts = Texts(clock)
        self._notes = Notes(clock)
        self.outages = 0

    async def allow(self, key: str, *, limit: int, window: int) -> bool:
        return self._rates.allow(key, limit=limit, window=window, now=self._now())

    async def wake(self, topic: str) -> None:
        self._listeners.wake(topic)

    @asynccontextmanager
    async def listen(self, *topics: str) -> AsyncIterator[Wakeups]:
        with self._listeners.listening(*topics) as listener:
            yield listener

    async def open_text(self, group: str, name: str, about: bytes, *, most: int, lifetime: int) -> bool:
        return self._texts.open(group, name, about, most=most, lifetime=lifetime)

    async def extend_text(
        self, group: str, name: str, piece: bytes, *, at: int, size: int, mark: bytes, limit: int, lifetime: int
    ) -> Growth:
        return self._texts.extend(group, name, piece, at=at, size=size, mark=mark, limit=limit, lifetime=lifetime)

    async def stop_text(self, group: str, name: str) -> int | None:
        return self._texts.stop(group, name)

    async def drop_text(self, group: str, name: str) -> None:
        self._texts.drop(group, name)

    async def texts(self, group: str, known: Mapping[str, int]) -> dict[str, Text]:
        return self._texts.read(group, known)

    async def put_note(self, board: str, name: str, value: bytes, *, most: int, lifetime: int) -> bool:
        return self._notes.put(board, name, value, most=most, lifetime=lifetime)

    async def notes(self, board: str) -> dict[str, Note]:
        return self._notes.read(board)

    async def aclose(self) -> None:
        return None


class Rates:
    """When each key was allowed, as far back as that matters."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._allowed: dict[str, deque[int]] = {}
        self._forget_at: dict[str, int] = {}
        self._swept_at = 0

    def allow(self, key: str, *, limit: int, window: int, now: int) -> bool:
        """True, at most `limit` times in any `window` seconds. Raises `MemoryUnavailable` when full."""
        if key not in self._allowed:
            self._make_room(now)
            self._allowed[key], self._forget_at[key] = deque(), now
        allowed = self._allowed[key]
        while allowed and allowed[0] <= now - window:
            allowed.popleft()
        if len(allowed) >= limit:
            return False
        allowed.append(now)
        self._forget_at[key] = now + window
        return True

    def _make_room(self, now: int) -> None:
        if len(self._allowed) < self._capacity:
            return
        if now != self._swept_at:  # sweeping is slow: once a second
            self._swept_at = now
            for key in [key for key, forget_at in self._forget_at.items() if forget_at <= now]:
                del self._allowed[key], self._forget_at[key]
        if len(self._allowed) >= self._capacity:
            raise MemoryUnavailable("too many rates to remember")
