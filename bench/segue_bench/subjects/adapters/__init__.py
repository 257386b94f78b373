"""One turn of an agent made durable: in a Segue task by the framework's adapter, and in the framework's own store.

The same program, framework and turns on both sides, by turns in one run, at a hundred and at ten thousand turns. The
framework's own store is a SQLite file in its process; a task is at a server of its own, over HTTP, with a token and a
proof for each request, on SQLite too.
"""

import asyncio
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import segue
import segue_adapters
import segue_client
from segue_client.grant import Grant
from segue_demo.browser import Browser
from segue_demo.enrolled import Person

from segue_bench import peers
from segue_bench.ground import Servers, servers
from segue_bench.measure import Figure, Missing, Of, Plan, Result, Say, Target, at_most
from segue_bench.peers import Peer
from segue_bench.subjects.store_peers.turns import turns
from segue_bench.subjects.transfer import TimedClient, new_task

FRAMEWORKS = {
    "LangGraph": "langgraph",
    "OpenAI Agents": "openai",
    "Google ADK": "adk",
    "Pydantic AI": "pydantic",
    "Claude Agent SDK": "claude",
}
WITHOUT_A_STORE = {"Claude Agent SDK"}
"""What it writes by itself is written by a program of its own, to files."""
APART = {"CrewAI": "crewai"}
"""It pins other releases than the others do, so it is installed apart; in a quick run it is left out."""
OWN, TASK = "its own store", "a Segue task"
DEPTHS, QUICK_DEPTHS = (100, 10_000), (100,)
TURNS = 5
"""Added in a round."""
PATIENCE = 5.0
"""Seconds after which a way that is slow leaves it at fewer turns in a round."""
DEEPER = 2.0
"""What a turn ten thousand deep may cost in a task, of what it costs a hundred deep."""
NOTES = (
    "A turn is what a person says and what the agent answers, about a thousand characters.",
    (
        "LangGraph: one `ainvoke` of a graph that keeps its messages. OpenAI Agents: one `add_items`. Google ADK: two "
        "`append_event`. Pydantic AI: one `save` after a run; it has no store that outlives its process, so its own is "
        "all messages as JSON in a row. Claude Agent SDK: one `append`; its own are files that another program writes. "
        "CrewAI: one `save_state` of a flow whose state has all that was said."
    ),
    (
        "Milliseconds in a task have the request in them: its token, its proof, and the server's commit. Kilobytes are "
        "what the database file grew by; in a task they are compressed and sealed."
    ),
    (
        "What both sides do beside keeping, such as LangGraph's and Pydantic AI's work on the whole list of messages, "
        "is in both."
    ),
)


@dataclass
class _Way:
    """One conversation of one framework at one depth, in one of both places. `times` and `sizes` have each round."""

    framework: str
    where: str
    depth: int
    peer: Peer
    database: Path
    times: list[list[float]] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.where} {self.depth}"

    @property
    def of(self) -> Of:
        return Of.SEGUE if self.where == TASK else Of.PEER

    def go_on(self, first: int, *, counts: bool) -> None:
        """Some turns more."""
        before = _size(self.database)
        said = {"go_on": self.name, "said": turns(first, TURNS), "patience": PATIENCE}
        taken: list[float] = self.peer.ask(said)
        if counts:
            self.times.append([one / 1000 for one in taken])
            self.sizes.append((_size(self.database) - before) / len(taken) / 1000)


def run(plan: Plan, say: Say) -> Result:
    """Measure on servers of its own, one process each. Raises `Missing`."""
    depths = QUICK_DEPTHS if plan.quick else DEPTHS
    rounds = plan.often(10, quick=3)
    missing: dict[str, str] = {}
    conditions: dict[str, str] = {}
    with ExitStack() as ending:
        programs = dict(_programs(plan, missing, say))
        people = len(programs) * len(depths)  # how often one of them may sign in is limited
        on = ending.enter_context(servers(None, None, people=people))
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        ways: list[_Way] = []
        tasks = _tasks(on)
        for framework, command in programs.items():
            peer = Peer([*command, *_packages()], folder)
            ending.callback(peer.close)
            conditions[framework] = peer.ask(None)["ready"]
            try:
                databases = {OWN: folder / f"{framework}.db", TASK: _file(on)}
                ways += list(_begun(framework, peer, databases, tasks, depths, say))
            except peers.Refused as reason:
                missing[framework] = str(reason)
        if not ways:
            raise Missing("no framework could begin a conversation")
        _by_turns(ways, rounds, first=max(depths), say=say)
    return Result(list(_figures(ways)), list(_targets(ways)), conditions, missing, NOTES)


def _programs(plan: Plan, missing: dict[str, str], say: Say) -> Iterator[tuple[str, list[str]]]:
    """Of each framework, what runs its program. Raises `Missing` where those that share an environment have none."""
    here = Path(__file__).parent
    serve = here / "frameworks" / "serve.py"
    python = peers.python(here / "frameworks", into=plan.peers, say=say)
    for framework, program in FRAMEWORKS.items():
        yield framework, [str(python), str(serve), program]
    for framework, program in () if plan.quick else APART.items():
        try:
            own = peers.python(here / program, into=plan.peers, say=say)
        except Missing as reason:
            missing[framework] = str(reason)
        else:
            yield framework, [str(own), str(serve), program]


def _packages() -> list[str]:
    """The folders in which Segue's packages lie, for an interpreter that does not have them."""
    return [str(Path(package.__path__[0]).parent) for package in (segue, segue_client, segue_adapters)]


def _begun(
    framework: str,
    peer: Peer,
    databases: Mapping[str, Path],
    tasks: Iterator[dict[str, Any]],
    depths: Sequence[int],
    say: Say,
) -> Iterator[_Way]:
    """`databases` are the files that each place fills."""
    for depth in depths:
        for where, database in databases.items():
            if where == OWN and framework in WITHOUT_A_STORE:
                continue
            say(f"{framework} begins with {depth} turns in {where}")
            way = _Way(framework, where, depth, peer, database)
            kept = {"own": str(database), "task": None} if where == OWN else {"own": None, "task": next(tasks)}
            peer.ask({"begin": way.name, **kept, "said": turns(0, depth)})
            yield way


def _tasks(on: Servers) -> Iterator[dict[str, Any]]:
    """A new task of each person, for a device in another process."""
    for person in on.people:
        yield _task(on, person)


def _task(on: Servers, person: Person) -> dict[str, Any]:
    async def begun() -> dict[str, Any]:
        async with TimedClient() as http, TimedClient() as pages:
            browser = Browser(pages, username=person.username, password=person.password)
            _, grant = await new_task(on, http, browser)
            return handed_over(grant, store=on.site.store)

    return asyncio.run(begun())


def handed_over(grant: Grant, *, store: str) -> dict[str, Any]:
    """What the same device in another process needs to go on with a task."""
    device = grant.device
    return {
        "issuer": device.issuer,
        "client_id": device.client_id,
        "key": device.key.to_pem().decode(),
        "refresh_token": grant.refresh_token,
        "details": dict(grant.details),
        "store": store,
    }


def _by_turns(ways: Sequence[_Way], rounds: int, *, first: int, say: Say) -> None:
    """All ways a few turns a round, in an order that is drawn. One more round, the first, only warms up."""
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}")
        for way in random.Random(number).sample(ways, len(ways)):  # noqa: S311  nobody always follows another
            os.sync()  # nobody pays for what another wrote
            way.go_on(first + number * TURNS, counts=number > 0)


def _figures(ways: Sequence[_Way]) -> Iterator[Figure]:
    for framework in dict.fromkeys(way.framework for way in ways):
        its = [way for way in ways if way.framework == framework]
        for way in its:
            what = f"{way.where}, {way.depth:,} deep"
            yield Figure.times(what, way.times, of=way.of, unit="ms", group=f"{framework}, a turn")
        for way in its:
            what = f"{way.where}, {way.depth:,} deep"
            yield Figure.rates(what, way.sizes, of=way.of, unit="kB", group=f"{framework}, bytes of a turn")


def _targets(ways: Sequence[_Way]) -> Iterator[Target]:
    """A turn in a task costs about the same at any depth."""
    for framework in dict.fromkeys(way.framework for way in ways):
        sizes = {way.depth: _middle(way.sizes) for way in ways if way.framework == framework and way.where == TASK}
        if len(sizes) > 1:
            least, most = min(sizes), max(sizes)
            what = f"{framework} in a task: bytes of a turn, {most:,} deep to {least:,} deep"
            reason = f"{sizes[least]:.1f} kB and {sizes[most]:.1f} kB"
            yield at_most(what, sizes[most] / sizes[least], DEEPER, reason=reason)


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _file(on: Servers) -> Path:
    return Path(on.environment["SEGUE_RESOURCE_DATABASE"].removeprefix("sqlite:///"))


def _size(database: Path) -> int:
    """Bytes of the pages that are in use, those that are still in its write-ahead log too."""
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(page * (pages - free))
