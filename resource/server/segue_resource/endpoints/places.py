"""How many streams one device may hold open: each costs memory and a socket, and an honest device needs a few."""

from collections import Counter
from collections.abc import Hashable
from contextlib import AbstractContextManager
from types import TracebackType

from segue.problem import Problem

MOST = 32
"""By one key under one grant; a browser has one key for all its tabs."""
LATER = 15
"""Seconds after which a stream whose client has gone is surely over."""


class Places:
    """The places that are taken, in this process."""

    def __init__(self) -> None:
        self._taken: Counter[Hashable] = Counter()

    def take(self, whose: Hashable) -> AbstractContextManager[None]:
        """A place, which is free again when its context ends. Raises `Problem`."""
        if self._taken[whose] >= MOST:
            raise Problem(
                429,
                "too-many-streams",
                "Too many streams",
                "this device follows as much at once as it may",
                headers={"Retry-After": str(LATER)},
                limits={"streams": MOST},
            )
        self._taken[whose] += 1
        return _Place(self._taken, whose)


class _Place(AbstractContextManager[None]):
    def __init__(self, taken: Counter[Hashable], whose: Hashable) -> None:
        self._taken = taken
        self._whose = whose

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._taken[self._whose] -= 1
        if not self._taken[self._whose]:
            del self._taken[self._whose]
