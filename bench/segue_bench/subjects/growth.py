"""Whether an append and a resume stay what they cost: as a task grows longer, and as a store has more tasks."""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack

from segue_bench.measure import Figure, Of, Plan, Result, Say, Target, at_most
from segue_bench.opened_store import OpenedStore, Place, opened_store, places

EVENTS, QUICK_EVENTS = (10, 100, 1_000, 10_000, 100_000), (10, 1_000)
TASKS, QUICK_TASKS = (1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000)
EXPONENT = 0.05
"""Of the size in what an append costs: cost ~ size ** exponent."""
FACTOR = 1.2
"""What a resume of the longest task may cost, of what one of the second shortest does."""
LEAST = 100
"""Events from which on a resume shows as many as it ever does."""
A_ROUND = 10
COPIED = ("tasks", "task_heads", "participants", "data_keys", "events")
AT_ONCE = 10_000
_NUMBERS = """
WITH RECURSIVE counted(n) AS
(SELECT CAST(:lowest AS BIGINT) UNION ALL SELECT n + 1 FROM counted WHERE n < :highest) SELECT n FROM counted
"""

Measured = dict[int, list[list[float]]]
"""By size, for each round, microseconds of each."""


def run(plan: Plan, say: Say) -> Result:
    """Measure on SQLite, and on PostgreSQL where it is installed."""
    missing: dict[str, str] = {}
    rounds = plan.often(20, quick=4)
    figures: list[Figure] = []
    targets: list[Target] = []
    with ExitStack() as ending:
        for place in places(ending, missing):
            for what, measured in asyncio.run(_measured(place, plan, rounds, say)).items():
                figures += [
                    Figure.times(f"{size:,}", times, of=Of.SEGUE, group=f"{place.name}, {what}")
                    for size, times in measured.items()
                ]
                targets.append(_target(f"{place.name}, {what}", measured))
    notes = ["Rows of further tasks are copies of one, of which nothing is read; those that are measured are real."]
    return Result(figures, targets, missing=missing, notes=notes)


async def _measured(place: Place, plan: Plan, rounds: int, say: Say) -> dict[str, Measured]:
    async with opened_store(place.new()) as store:
        sizes = QUICK_EVENTS if plan.quick else EVENTS
        for size in sizes:
            say(f"{place.name}: a task of {size:,} events")
            await store.begin(f"tsk_{size}", events=size)
        if place.name == "PostgreSQL":
            await store.raw("ANALYZE")
        tasks = {size: f"tsk_{size}" for size in sizes}
        found = {
            "append by events in the task": await _by_turns(tasks, rounds, store.append_one),
            "resume by events in the task": await _by_turns(tasks, rounds, store.resume),
        }
        there = len(sizes)
        appends: Measured = {}
        resumes: Measured = {}
        for size in QUICK_TASKS if plan.quick else TASKS:
            say(f"{place.name}: {size:,} tasks in the store")
            await _copy(store, f"tsk_{sizes[0]}", there, size)
            there = size
            await store.begin(f"tsk_of_{size}", events=LEAST)
            task = {size: f"tsk_of_{size}"}
            appends |= await _by_turns(task, rounds, store.append_one)
            resumes |= await _by_turns(task, rounds, store.resume)
        return {**found, "append by tasks in the store": appends, "resume by tasks in the store": resumes}


async def _by_turns(tasks: dict[int, str], rounds: int, do: Callable[[str], Awaitable[object]]) -> Measured:
    """Each task a few times a round, so that whatever else happens meets them all. The first round warms up."""
    times: Measured = {size: [] for size in tasks}
    for _ in range(rounds + 1):
        for size, task_id in tasks.items():
            taken = []
            for _ in range(A_ROUND):
                began = time.perf_counter_ns()
                await do(task_id)
                taken.append((time.perf_counter_ns() - began) / 1000)
            times[size].append(taken)
    return {size: taken[1:] for size, taken in times.items()}


async def _copy(store: OpenedStore, model: str, there: int, until: int) -> None:
    """Rows of further tasks, until there are so many."""
    for table in COPIED:
        columns = await store.columns(table)
        values = ", ".join("'tsk_copy_' || n" if name == "task_id" else name for name in columns)
        first_one = " AND seq = 1" if table == "events" else ""
        copies = f"SELECT {values} FROM {table}, ({_NUMBERS}) AS numbers WHERE task_id = :model{first_one}"  # noqa: S608
        for first in range(there + 1, until + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, until)
            await store.raw(
                f"INSERT INTO {table} ({', '.join(columns)}) {copies}", model=model, lowest=first, highest=last
            )
    if store.database.dialect == "postgresql":
        await store.raw("ANALYZE")
    await asyncio.to_thread(os.sync)  # no append is to wait until the disk has what was copied


def _target(what: str, measured: Measured) -> Target:
    least = {size: min(map(min, times)) for size, times in measured.items()}
    told = ", ".join(f"{size:,}: {time:.0f} µs" for size, time in least.items())
    reason = f"the quickest of each, which the load on the machine hardly changes: {told}"
    if what.endswith("resume by events in the task"):
        sizes = [size for size in least if size >= LEAST] or list(least)
        between = [
            _middle(measured[sizes[-1]][n]) / _middle(measured[sizes[0]][n]) for n in range(len(measured[sizes[0]]))
        ]
        return at_most(f"{what}, the longest to {sizes[0]:,}", _middle(between), FACTOR, reason=reason)
    return at_most(f"{what}: exponent", exponent(list(least.items())), EXPONENT, unit="", reason=reason)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line that fits best through the logarithms of sizes and costs."""
    x = [math.log(size) for size, _ in points]
    y = [math.log(cost) for _, cost in points]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - middle_x) ** 2 for a in x)


def _middle(numbers: Sequence[float]) -> float:
    return sorted(numbers)[len(numbers) // 2]
