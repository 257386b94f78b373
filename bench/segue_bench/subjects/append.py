"""Many writers at once: what waits shares a commit, and what waits for one task shares its statements too."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import psycopg

from segue_bench.measure import Figure, Of, Plan, Result, Say, Target, at_least, ratio
from segue_bench.opened_store import OpenedStore, Place, opened_store, places, said

WRITERS = 64
TURN = 3
"""Events of a turn."""
RAW = "raw, one commit for each event"
ONE = "Segue, one writer: a commit for each event"
MANY = f"Segue, {WRITERS} writers of one event, one task"
APART = f"Segue, {WRITERS} writers of one event, a task each"
TURNS = f"Segue, {WRITERS} writers of turns of {TURN} events, one task: turns"
BOUND = 5.0
HOT = 10_000.0
"""Turns a second that one task should take."""


def run(plan: Plan, say: Say) -> Result:
    """Measure on SQLite, and on PostgreSQL where it is installed."""
    missing: dict[str, str] = {}
    rounds, each = plan.often(5, quick=2), 4 if plan.quick else 16
    figures: list[Figure] = []
    with ExitStack() as ending:
        for place in places(ending, missing):
            say(f"{place.name}: {rounds} rounds of {each} for each of {WRITERS} writers")
            rates = asyncio.run(_measured(place, rounds, each))
            figures += [
                Figure.rates(what, taken, of=Of.FLOOR if what == RAW else Of.SEGUE, unit="/s", group=place.name)
                for what, taken in rates.items()
            ]
    notes = (
        "Writers are coroutines of one process and one event loop, which seals, numbers and answers on one core. "
        "Every write has an idempotency key and is answered once it is on disk."
    )
    return Result(figures, _targets(figures), missing=missing, notes=[notes])


async def _measured(place: Place, rounds: int, each: int) -> dict[str, list[float]]:
    """Of each way, how many a second in each round. The first round only warms up."""
    rates: dict[str, list[float]] = {what: [] for what in (RAW, ONE, MANY, APART, TURNS)}
    url, numbers = place.new(), count(1)
    commit = _raw(url)
    async with opened_store(url) as store:
        for number in range(WRITERS):
            await store.begin(f"tsk_{number}")
        for _ in range(rounds + 1):
            few = WRITERS * each // 4
            began = time.perf_counter()
            for _ in range(few):
                commit(next(numbers))
            rates[RAW].append(few / (time.perf_counter() - began))
            rates[ONE].append(await _rate(store, 1, few, spread=False, events=1))
            rates[MANY].append(await _rate(store, WRITERS, each, spread=False, events=1))
            rates[APART].append(await _rate(store, WRITERS, each, spread=True, events=1))
            rates[TURNS].append(await _rate(store, WRITERS, each, spread=False, events=TURN))
    return {what: taken[1:] for what, taken in rates.items()}


async def _rate(store: OpenedStore, writers: int, each: int, *, spread: bool, events: int) -> float:
    """Requests a second."""

    async def write(writer: int) -> None:
        for number in range(each):
            bodies = [said(writer * each + number + n) for n in range(events)]
            await store.append(f"tsk_{writer if spread else 0}", bodies)

    began = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    return writers * each / (time.perf_counter() - began)


def _raw(url: str) -> Callable[[int], None]:
    """Commits the bytes of one event on a connection that is held."""
    body = str(said(0)).encode()
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE raw (number INTEGER PRIMARY KEY, body BLOB)")
        return lambda number: connection.execute("INSERT INTO raw VALUES (?, ?)", (number, body)).close()
    server = psycopg.connect(url, autocommit=True, prepare_threshold=0)
    server.execute("CREATE TABLE raw (number BIGINT PRIMARY KEY, body BYTEA)")
    return lambda number: server.execute("INSERT INTO raw VALUES (%s, %s)", (number, body)).close()


def _targets(figures: list[Figure]) -> list[Target]:
    targets = []
    for place in dict.fromkeys(figure.group for figure in figures):
        of = {figure.what: figure for figure in figures if figure.group == place}
        raw = f"a raw commit takes {1e6 / of[RAW].median:.0f} µs here, so that there is little to share"
        targets.append(
            at_least(f"{place}: {WRITERS} writers of a task, to one", ratio(of[MANY], of[ONE]), BOUND, reason=raw)
        )
        sealed = f"each event is sealed and each answer kept: {1e6 / of[TURNS].median:.0f} µs of one core for a turn"
        targets.append(
            at_least(f"{place}: turns of a hot task", of[TURNS].median, HOT, unit=" a second", reason=sealed)
        )
    return targets
