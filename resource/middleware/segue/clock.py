"""The one place that reads the machine's clock; everything else is given the time."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Answers the time in whole seconds since the epoch."""


def now() -> int:
    """The machine's time in whole seconds since the epoch."""
    return int(time.time())  # noqa: TID251
