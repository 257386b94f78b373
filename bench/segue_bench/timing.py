"""Takes times of single calls, in microseconds."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def each(call: Callable[[T], object], given: Iterable[T]) -> list[float]:
    """How long each call took."""
    times = []
    for one in given:
        began = time.perf_counter_ns()
        call(one)
        times.append((time.perf_counter_ns() - began) / 1000)
    return times


async def each_awaited(call: Callable[[T], Awaitable[object]], given: Iterable[T]) -> list[float]:
    """How long each call took."""
    times = []
    for one in given:
        began = time.perf_counter_ns()
        await call(one)
        times.append((time.perf_counter_ns() - began) / 1000)
    return times
