"""Plays each attack twice, with its mitigation off and on, and the honest path once, with it on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from segue_threats.attack import PreconditionFailed
from segue_threats.evidence import Line
from segue_threats.sections.attacks import PLAYED
from segue_threats.sections.played import HERE, Play, Played, Side
from segue_threats.sections.scene import Server
from segue_threats.staging.address import addresses
from segue_threats.staging.clock import TurnedClock
from segue_threats.staging.person import Stopped
from segue_threats.staging.plain_server import plain_server
from segue_threats.staging.segue_server import Serving, segue_under
from segue_threats.target import discover

REACHED = "the adversary has what it wanted"
AS_IT_IS = "as-it-is"
"""The client for which the policy file says nothing of its own."""
PEOPLE = 3


@dataclass(frozen=True)
class Run:
    """How one run ended, with what was sent and answered."""

    reached: bool
    ended: str
    evidence: tuple[Line, ...]


@dataclass(frozen=True)
class Found:
    """A mitigation's two runs, and the honest one with the mitigation on. `policy` is the file's part about it."""

    played: Played
    off: Run
    on: Run
    honest: Run
    policy: Mapping[str, Mapping[str, Any]]

    @property
    def decides(self) -> bool:
        """Whether the mitigation is what makes the difference."""
        return self.off.reached and not self.on.reached


def client_of(played: Played, side: Side) -> str:
    """The client of a run: each has values of its own in one policy file."""
    if side.policy is None:
        return AS_IT_IS
    return f"{played.slug.replace('_', '-')}-{'on' if side is played.on else 'off'}"


def policy_of(played: Sequence[Played], *, near: str) -> dict[str, Any]:
    """The policy file of the run: everything off, and for each client what its run is about."""

    def filled(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: [f"{near}/32"] if value == [HERE] else value for name, value in values.items()}

    sides = [(each, side) for each in played for side in (each.off, each.on) if side.policy is not None]
    clients = {client_of(each, side): filled(side.policy or {}) for each, side in sides}
    return {"preset": "off", "clients": clients}


async def play(slugs: Sequence[str], *, tell: Callable[[Found], None] = lambda _: None) -> list[Found]:
    """Raises `CannotRun`, `OneAddress`, and `PreconditionFailed` where the honest path does not work."""
    chosen = [PLAYED[slug] for slug in slugs]
    near, afar = addresses(2)
    clock, policy = TurnedClock(), policy_of(chosen, near=near)
    found = []
    async with AsyncExitStack() as closing:
        serving = await closing.enter_async_context(
            segue_under(policy, clock=clock, people=PEOPLE, clients=[AS_IT_IS, *policy["clients"]])
        )
        plain = await closing.enter_async_context(plain_server(clock=clock, people=PEOPLE))
        segue_server = Server(await discover(serving.configuration), clock, near, afar)
        servers = segue_server, Server(await discover(plain), clock, near, afar)
        async with segue_server.scene(None) as scene:  # the task that everything is about
            segue_server.task_ids[scene.victim.person_name] = (await scene.victim.begin()).task_id
        for played in chosen:
            honest = await _run(played.honest, played, played.on, servers, serving)
            if not honest.reached:
                raise PreconditionFailed(f"{played.slug}: with it on the honest path does not work: {honest.ended}")
            off = await _run(played.attack, played, played.off, servers, serving)
            on = await _run(played.attack, played, played.on, servers, serving)
            names = {client_of(played, side) for side in (played.off, played.on) if side.policy is not None}
            mine = {name: values for name, values in policy["clients"].items() if name in names}
            found.append(Found(played, off, on, honest, mine))
            tell(found[-1])
    return found


async def _run(what: Play, played: Played, side: Side, servers: tuple[Server, Server], serving: Serving) -> Run:
    segue_server, plain = servers
    name = client_of(played, side)
    opening = (
        plain.scene(None)
        if side.plain
        else segue_server.scene(serving.clients[name], serving.consumption_uris[name], filtered=side.filtered)
    )
    async with opening as scene:
        reached, ended = True, REACHED
        try:
            await what(scene)
        except Stopped as stopped:
            reached, ended = False, str(stopped)
        scene.trail.finding(ended)
        return Run(reached, scene.trail.redactor.sweep(ended), scene.trail.told())
