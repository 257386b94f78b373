"""The one place that reads the machine's clock; everything else is given the time."""

import logging
import threading
import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Answers the time in whole seconds since the epoch."""

NOTICED = 5
"""Seconds from which on a step back is worth a warning; smaller ones are how a clock is kept right."""

_log = logging.getLogger("segue")


class Forward:
    """A clock that stands still while the one it reads is behind what it has told: what is over stays over.

    A code, a token or a proof that has expired would otherwise be good again when the machine's clock is set back.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._reading = threading.Lock()
        self._latest = machine()
        self._warned = False

    def __call__(self) -> int:
        told = self._machine()
        if told == self._latest and not self._warned:  # as in most calls of a second
            return told
        with self._reading:
            if told >= self._latest:
                self._latest, self._warned = told, False
            elif told < self._latest - NOTICED and not self._warned:
                self._warned = True
                _log.warning("the clock was set back by %d seconds; time stands still until then", self._latest - told)
            return self._latest


def _read() -> int:
    return int(time.time())  # noqa: TID251


now = Forward(_read)
"""The machine's time in whole seconds since the epoch, which in one process never goes back."""
