"""One turn of a conversation made durable: by the task store, and by where other agents keep what was said.

Everybody is given the same turns, at the same depths, on the same databases, by turns in one run.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from segue_bench import peers
from segue_bench.ground import redis, servers
from segue_bench.measure import Figure, Missing, Of, Plan, Result, Say, Target, at_most, fastest_tenth, ratio
from segue_bench.opened_store import Place, places
from segue_bench.peers import Peer
from segue_bench.subjects.store_peers.floor import RawPostgresql, RawSqlite
from segue_bench.subjects.store_peers.own import Http, Store
from segue_bench.subjects.store_peers.turns import Turn, turns

FLOOR, LIBRARY, HTTP = "a raw commit of its bytes", "Segue, as a library", "Segue, over HTTP"
PEERS = {
    "OpenAI Agents": "openai",
    "Google ADK": "adk",
    "LangGraph": "langgraph",
    "LangGraph, delta channel": "langgraph-delta",
}
DEPTHS, QUICK_DEPTHS = (100, 5_000, 10_000), (100,)
"""Turns that a conversation has when it is measured."""
FILLED = 5_000
"""Turns that the floor's table has at any depth, for the size of a table is not what it is about."""
TURNS = 10
"""Added in a round."""
MOST_OF_FLOOR = 1.5
PATIENCE = 1.0
"""Seconds after which a way that is slow leaves it at fewer turns in a round."""
NOTES = (
    (
        "A turn is what a person says and what the agent answers, about a thousand characters. OpenAI Agents keeps it "
        "by one add_items, Google ADK by two append_event, LangGraph by one invoke of a graph whose only node answers "
        "at once: it writes a checkpoint for each of three steps, with all messages unless they are in a delta channel."
    ),
    (
        "Segue keeps it by one append of two events under an idempotency key: numbered, encrypted with the task's key, "
        "checked against the epoch. Over HTTP its token and its proof are checked too, by a server of one process."
    ),
    "How the cost grows with the length of a task is measured by `growth`, many writers at once by `append`.",
)


class _Way(NamedTuple):
    """One conversation at one depth on one database."""

    what: str
    of: Of
    group: str
    go_on: Callable[[Sequence[Turn]], list[float]]


def run(plan: Plan, say: Say) -> Result:
    """Measure on SQLite, and on PostgreSQL where it is installed."""
    missing: dict[str, str] = {}
    conditions: dict[str, str] = {}
    depths = QUICK_DEPTHS if plan.quick else DEPTHS
    with ExitStack() as ending:
        others = _peers(plan, say, ending, missing, conditions)
        ways: list[_Way] = []
        for place in places(ending, missing):
            ways += _raw(place, depths, ending)
            ways += _own(place, depths, ending, say, http=not plan.quick)
            ways += _others(place, depths, others, say)
        groups = list(dict.fromkeys(way.group for way in ways))
        ways.sort(key=lambda way: groups.index(way.group))
        times = _times(ways, plan.often(10, quick=3), first=max(depths), say=say)
    figures = [
        Figure.times(way.what, taken, of=way.of, unit="ms", group=way.group)
        for way, taken in zip(ways, times, strict=True)
    ]
    return Result(figures, list(_targets(figures, times)), conditions, missing, NOTES)


def _peers(
    plan: Plan, say: Say, ending: ExitStack, missing: dict[str, str], conditions: dict[str, str]
) -> dict[str, Peer]:
    try:
        python = peers.python(Path(__file__).parent / "python_peers", into=plan.peers, say=say)
    except Missing as reason:
        missing["OpenAI Agents, Google ADK and LangGraph"] = str(reason)
        return {}
    started = {what: Peer([str(python), "serve.py", name], python.parents[2]) for what, name in PEERS.items()}
    for what, peer in started.items():
        ending.callback(peer.close)
        conditions[what] = peer.ask(None)["ready"]
    return started


def _raw(place: Place, depths: Sequence[int], ending: ExitStack) -> Iterator[_Way]:
    for depth in depths:
        raw = (RawSqlite if place.name == "SQLite" else RawPostgresql)(place.new())
        ending.callback(raw.close)
        raw.begin(turns(0, FILLED))
        yield _Way(FLOOR, Of.FLOOR, _group(place, depth), raw.take)


def _own(place: Place, depths: Sequence[int], ending: ExitStack, say: Say, *, http: bool) -> Iterator[_Way]:
    store = Store(place.new())
    ending.callback(store.close)
    for depth in depths:
        say(f"{LIBRARY} begins with {depth} turns on {place.name}")
        task_id = f"tsk_{depth}"
        store.begin(task_id, turns(0, depth))
        yield _Way(LIBRARY, Of.SEGUE, _group(place, depth), partial(store.go_on, task_id))
    if not http:
        return
    if place.name == "SQLite":
        on = ending.enter_context(servers(None, None))
    else:
        on = ending.enter_context(servers(place.new(), ending.enter_context(redis())))
    for depth in depths:
        say(f"{HTTP} begins with {depth} turns on {place.name}")
        device = Http(on)
        ending.callback(device.close)
        device.begin(turns(0, depth))
        yield _Way(HTTP, Of.SEGUE, _group(place, depth), device.go_on)


def _others(place: Place, depths: Sequence[int], others: Mapping[str, Peer], say: Say) -> Iterator[_Way]:
    for what, peer in others.items():
        database = place.new()
        for depth in depths:
            say(f"{what} begins with {depth} turns on {place.name}")
            name = f"{place.name} {depth}"
            peer.ask({"begin": name, "database": database, "said": turns(0, depth)})
            yield _Way(what, Of.PEER, _group(place, depth), partial(_go_on, peer, name))


def _go_on(peer: Peer, name: str, said: Sequence[Turn]) -> list[float]:
    taken: list[float] = peer.ask({"go_on": name, "said": said, "patience": PATIENCE})
    return taken


def _group(place: Place, depth: int) -> str:
    return f"{place.name}, {depth:,} turns deep"


def _times(ways: Sequence[_Way], rounds: int, *, first: int, say: Say) -> list[list[list[float]]]:
    """Of each way, for each round, milliseconds of each turn. One more round, the first, only warms up."""
    times: list[list[list[float]]] = [[] for _ in ways]
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}")
        said = turns(first + number * TURNS, TURNS)
        order = random.Random(number).sample(range(len(ways)), len(ways))  # noqa: S311  nobody always follows another
        for place in order:
            os.sync()  # nobody pays for what another wrote
            taken = ways[place].go_on(said)
            times[place] += [[one / 1000 for one in taken]] if number else []
    return times


def _targets(figures: Sequence[Figure], times: Sequence[list[list[float]]]) -> Iterator[Target]:
    """What numbering, sealing, the epoch and the idempotency key may cost beside the commit."""
    floors = {
        figure.group: (figure, taken) for figure, taken in zip(figures, times, strict=True) if figure.what == FLOOR
    }
    for figure, taken in zip(figures, times, strict=True):
        if figure.what == LIBRARY:
            floor, its = floors[figure.group]
            least, bare = fastest_tenth(taken), fastest_tenth(its)
            reason = (
                f"of the fastest tenth of the turns, which nothing disturbed, it is {least / bare:.2f} times: "
                f"{least - bare:.2f} ms more than a commit that takes {bare:.2f} ms here"
            )
            yield at_most(
                f"{figure.group}: {LIBRARY}, against {FLOOR}", ratio(figure, floor), MOST_OF_FLOOR, reason=reason
            )
