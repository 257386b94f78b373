"""Where a try takes place: a server that runs, the people and the adversary at their places, one clock."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import httpx2

from segue_threats.attack import PreconditionFailed
from segue_threats.device import Device, members_of
from segue_threats.evidence import Trail
from segue_threats.grant import Grant
from segue_threats.redaction import Redactor
from segue_threats.staging.actor import Actor
from segue_threats.staging.address import addresses, way_from
from segue_threats.staging.clock import TurnedClock
from segue_threats.staging.person import MODELS, Stopped, decide
from segue_threats.staging.plain_server import plain_server
from segue_threats.staging.segue_server import POLICIES, segue_under
from segue_threats.target import Configuration, Person, Target, discover

PLAIN = "plain RFC 8628"
GROUNDS = (PLAIN, *POLICIES)
RECIPIENTS = 4
"""People at each server; a mailing goes to all of them."""


@dataclass
class Ground:
    """`adversary` is in a network of their own, `near` is the same adversary in the first person's network."""

    name: str
    target: Target
    clock: TurnedClock
    people: list[Actor]
    adversary: Actor
    near: Actor

    @property
    def plain(self) -> bool:
        return self.name == PLAIN

    async def opens(self, device: Device, answer: httpx2.Response, owner: Actor) -> bool:
        """Whether these tokens open what is this person's, tried at the resource server."""
        if answer.is_error:
            return False
        grant = Grant.of(device, answer)
        seen = await grant.read(scheme="Bearer" if self.plain else "DPoP")
        told = members_of(seen)
        if self.plain:
            return (
                seen.status_code == 200 and owner.identity is not None and told["username"] == owner.identity.username
            )
        return seen.status_code == 200 and told["task_id"] == owner.task_id

    async def begin(self) -> None:
        """Everybody with an account has a task. Raises `PreconditionFailed`, also if the honest path does not work."""
        if not self.plain:
            for actor in (*self.people, self.adversary):
                actor.task_id = (await actor.begin()).task_id
            self.near.task_id = self.adversary.task_id
        await self.honest_path()

    async def honest_path(self) -> None:
        """A person brings a task to their own device, in each way there is. Raises `PreconditionFailed`."""
        person = self.people[0]
        asked = await person.request()
        self.clock.turn(10)
        page = await person.browser.enter_code(asked.verification_uri, user_code=asked.user_code)

        async def number() -> str | None:
            return await person.value(asked)

        try:
            await decide(person, page, MODELS[-1], number, Random(0))  # noqa: S311  # nothing is drawn
        except Stopped as stopped:
            raise PreconditionFailed(f"with {self.name} the honest path does not work: {stopped}") from stopped
        if not await self.opens(asked.device, await person.collect(asked), person):
            raise PreconditionFailed(f"with {self.name} a person cannot bring a task to their own device")
        if not self.plain:
            offer, claim = await person.claimed(await person.begin(), mode="share")
            await person.confirm(offer, claim.check_value)
            if not await self.opens(claim.device, await person.poll(claim), person):
                raise PreconditionFailed(f"with {self.name} a person cannot push a task to their own device")
        self.clock.turn(1_801)


@asynccontextmanager
async def grounds(*names: str) -> AsyncIterator[list[Ground]]:
    """Servers of these names, up for as long as the context lasts. Raises `CannotRun` and `OneAddress`."""
    async with AsyncExitStack() as closing:
        yield [await _ground(name, closing) for name in names]


async def _ground(name: str, closing: AsyncExitStack) -> Ground:
    clock = TurnedClock()
    configuration = await closing.enter_async_context(_server(name, clock))
    target = await discover(configuration)
    first, *others = addresses(RECIPIENTS + 1)
    *people, last = configuration.people

    def actor(person: Person, address: str) -> Actor:
        def connect() -> httpx2.AsyncClient:
            http = httpx2.AsyncClient(transport=way_from(address), timeout=60, trust_env=False)
            closing.push_async_callback(http.aclose)
            return http

        return Actor(target, Trail(Redactor()), clock=clock, connect=connect, person=person)

    ground = Ground(
        name,
        target,
        clock,
        people=[actor(person, address) for person, address in zip(people, (first, *others[:-1]), strict=True)],
        adversary=actor(last, others[-1]),
        near=actor(last, first),
    )
    await ground.begin()
    return ground


@asynccontextmanager
async def _server(name: str, clock: TurnedClock) -> AsyncIterator[Configuration]:
    people = RECIPIENTS + 1
    if name == PLAIN:
        async with plain_server(clock=clock, people=people) as configuration:
            yield configuration
    else:
        async with segue_under({"preset": name}, clock=clock, people=people) as serving:
            yield serving.configuration
