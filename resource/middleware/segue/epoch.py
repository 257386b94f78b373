"""The highest epoch seen of each task: stops the device that a task has moved from (specs/protocol.md section 7)."""

import threading
from typing import Protocol

from segue.clock import Clock
from segue.replay import MemoryUnavailable
from segue.task_token import ISSUED_AHEAD, MAX_LIFETIME

KEPT = MAX_LIFETIME + ISSUED_AHEAD
"""Seconds after which every token that could write under a lower epoch has expired."""
CAPACITY = 65_536


class EpochMemory(Protocol):
    """Remembers the highest epoch of each task for all processes of one server."""

    async def raise_to(self, task_id: str, epoch: int) -> int:
        """The highest epoch seen of the task, this one included. Raises `segue.replay.MemoryUnavailable`."""
        ...


class InProcessEpochs:
    """A memory for a server of one process. When it is full, a task gives way that has not risen for `KEPT` seconds."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._highest: dict[str, tuple[int, int]] = {}
        self._changing = threading.Lock()

    async def raise_to(self, task_id: str, epoch: int) -> int:
        held = self._highest.get(task_id)
        return held[0] if held is not None and held[0] >= epoch else self._raise(task_id, epoch)

    def _raise(self, task_id: str, epoch: int) -> int:
        """The entries stand in the order in which they rose."""
        now = self._clock()
        with self._changing:
            held, _ = self._highest.pop(task_id, (epoch, now))
            if len(self._highest) >= self._capacity:
                oldest = next(iter(self._highest))
                if now - self._highest[oldest][1] <= KEPT:
                    raise MemoryUnavailable("the memory of epochs is full")
                del self._highest[oldest]
            self._highest[task_id] = (max(held, epoch), now)
            return max(held, epoch)


class EpochsElsewhere:
    """For a server that compares the epoch where it keeps the task, in the statement that writes."""

    async def raise_to(self, task_id: str, epoch: int) -> int:  # noqa: ARG002
        return epoch
