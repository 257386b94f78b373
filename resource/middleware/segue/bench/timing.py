"""Takes times of single calls and says what they come to."""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds for one request, over `count` requests."""

    median: float
    p99: float
    count: int


def figures(nanoseconds: list[int]) -> Figures:
    """The middle, and what 99 of 100 do not exceed."""
    return Figures(median(nanoseconds) / 1000, quantiles(nanoseconds, n=100)[98] / 1000, len(nanoseconds))


def each(call: Callable[[T], object], requests: Iterable[T]) -> list[int]:
    """Nanoseconds of each call."""
    times = []
    for request in requests:
        began = time.perf_counter_ns()
        call(request)
        times.append(time.perf_counter_ns() - began)
    return times


async def each_awaited(call: Callable[[T], Awaitable[object]], requests: Iterable[T]) -> list[int]:
    """Nanoseconds of each call."""
    times = []
    for request in requests:
        began = time.perf_counter_ns()
        await call(request)
        times.append(time.perf_counter_ns() - began)
    return times
