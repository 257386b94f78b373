"""The memory of uses: what may happen once (a proof, a service token) is remembered until it could not happen anyway.

To look and to remember is one step, nothing is forgotten early, and doubt means no.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from segue import forked
from segue.clock import Clock

CLOCK_STEP = 5
"""Seconds that a clock may step back, or two servers' clocks may differ; callers add it to the lifetime of a use."""


class MemoryLost(Exception):
    """Uses were forgotten since the caller's `incarnation`; whatever relied on their being remembered is void."""


class MemoryUnavailable(Exception):
    """The memory cannot be asked, or is full: nobody knows whether this is the first use."""


class ReplayMemory(Protocol):
    """Remembers uses for all processes of one server."""

    async def incarnation(self) -> bytes:
        """A value that changes whenever uses may have been forgotten. Raises `MemoryUnavailable`."""
        ...

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        """Remember `key` for `lifetime` seconds. True for the first caller, False for every other one.

        Raises `MemoryLost` when `incarnation` is not the current one, and `MemoryUnavailable`.
        """
        ...


class InProcessReplayMemory:
    """A memory for a server of one process, whatever its threads. `random(n)` gives n random bytes.

    A process that is forked has a memory of its own from then on, whose incarnation is a new one.
    """

    def __init__(self, clock: Clock, random: Callable[[int], bytes], capacity: int = 262_144) -> None:
        self._clock = clock
        self._random = random
        self._capacity = capacity
        self.begin_anew()
        forked.watch(self)

    def begin_anew(self) -> None:
        """Forget everything, as a new incarnation."""
        self._changing = threading.Lock()
        self._latest = self._clock()
        self._forget()

    async def incarnation(self) -> bytes:
        with self._changing:
            self._sweep()
            return self._incarnation

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        with self._changing:
            now = self._sweep()
            if incarnation != self._incarnation:
                raise MemoryLost("the memory of uses is a newer one")
            if key in self._keys:
                return False
            if len(self._keys) >= self._capacity:
                raise MemoryUnavailable("the memory of uses is full")
            self._keys.add(key)
            self._ending.setdefault(now + lifetime, []).append(key)
            return True

    def _sweep(self) -> int:
        """Forget what has expired. After a clock that was set back, the forgotten would be wanted: begin anew."""
        now = self._clock()
        if now == self._latest:
            return now
        if now < self._latest - CLOCK_STEP:
            self._forget()
            self._latest = now
        elif now > self._latest:
            self._latest = now
            for ended in [second for second in self._ending if second <= now]:
                self._keys.difference_update(self._ending.pop(ended))
        return now

    def _forget(self) -> None:
        self._keys: set[str] = set()
        self._ending: dict[int, list[str]] = {}
        self._incarnation = self._random(16)
