"""One run of one attack: who is where, what is written down, and the ways to a token that several attacks go."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from segue_threats.device import Device, error_of, members_of
from segue_threats.evidence import Pace, Recording, Trail
from segue_threats.flows import Asked, Claim, Offer
from segue_threats.grant import Grant
from segue_threats.redaction import Redactor
from segue_threats.staging.actor import Actor
from segue_threats.staging.address import way_from
from segue_threats.staging.clock import TurnedClock
from segue_threats.staging.person import Stopped
from segue_threats.staging.seen import Seen
from segue_threats.target import Client, Person, Target

FORGOTTEN = 700
"""Seconds after which no try is counted any more."""


@dataclass(frozen=True)
class Server:
    """A server that runs. `near` is the network of the person and of what is theirs, `afar` the adversary's."""

    target: Target
    clock: TurnedClock
    near: str
    afar: str
    cookies: list[httpx2.Cookies] = field(default_factory=list)
    task_ids: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def scene(
        self, client: Client | None, consumption_uri: str = "", *, filtered: bool = False
    ) -> AsyncIterator["Scene"]:
        """A run with devices of this client."""
        trail = Trail(Redactor())
        people = self.target.configuration.people
        self.cookies.extend(httpx2.Cookies() for _ in people[len(self.cookies) :])
        async with AsyncExitStack() as closing:

            def actor(number: int, address: str) -> Actor:
                def connect() -> httpx2.AsyncClient:
                    way = Recording(way_from(address), trail, Pace(0))
                    http = httpx2.AsyncClient(transport=way, timeout=60, trust_env=False)
                    closing.push_async_callback(http.aclose)
                    return http

                person: Person = people[number]
                trail.redactor.mark("password", person.password)
                made = Actor(
                    self.target,
                    trail,
                    clock=self.clock,
                    connect=connect,
                    person=person,
                    cookies=self.cookies[number],
                    phone_client=client,
                )
                made.task_id = self.task_ids.get(person.username, "new")
                return made

            people_here = actor(0, self.near), actor(1, self.afar), actor(2, self.afar)
            yield Scene(self, trail, *people_here, consumption_uri=consumption_uri, filtered=filtered)
            self.clock.turn(FORGOTTEN)


@dataclass
class Scene:
    """`victim` has a task, a desktop and a telephone in one network; `adversary` and `stranger` are elsewhere."""

    server: Server
    trail: Trail
    victim: Actor
    stranger: Actor
    adversary: Actor
    consumption_uri: str
    filtered: bool = False

    def step(self, text: str) -> None:
        """Say what is done next."""
        self.trail.step(text)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.server.clock.turn(seconds)

    # Push

    async def offer(self) -> Offer:
        """The victim's desktop offers the task."""
        self.step("the person opens the task at their desktop and presses Continue on another device")
        more = {"consumption_uri": self.consumption_uri} if self.consumption_uri else {}
        answer = await self.victim.offer_answer(await self.victim.begin(), mode="share", **more)
        told = self.needs(answer, "the server does not let the task be offered")
        return Offer(
            *(str(told[name]) for name in ("transfer_id", "transfer_code", "transfer_uri", "confirmation_uri"))
        )

    async def claim(self, by: Actor, code: str, *, device: Device | None = None) -> Claim:
        """A device takes the code. Raises `Stopped`."""
        device = device or by.phone()
        told = self.needs(await by.claim_answer(device, code), "the server refuses the claim")
        return Claim(device, str(told["device_code"]), str(told["check_value"]))

    async def confirm(self, offer: Offer, number: str) -> None:
        """The victim approves what has claimed. Raises `Stopped`."""
        self.step("the person opens the page and approves")
        page = await self.victim.browser.visit(offer.confirmation_uri)
        if not Seen(page).asks_number:
            raise Stopped(f"the page: the transfer is {Seen(page).facts.get('state')}, there is nothing to approve")
        seen = Seen(await self.victim.browser.send(page, decision="approve", check_value=number))
        if seen.error or seen.facts.get("state") == "denied":
            raise Stopped(f"the page: {seen.error or 'the transfer has ended'}")

    async def redeemed(self, claim: Claim) -> Grant:
        """The device collects the token and uses it. Raises `Stopped`."""
        self.step("the device collects its token and reads the task with it")
        answer = await self.victim.poll(claim)
        self.needs(answer, "the server gives no token")
        return await self.used(Grant.of(claim.device, answer))

    async def used(self, grant: Grant) -> Grant:
        """Raises `Stopped` if the token opens nothing."""
        self.needs(await grant.read(), "the task store refuses the token")
        return grant

    async def pushed(self, to: Actor, *, after: int = 0, device: Device | None = None) -> Grant:
        """The whole way, with the number told by whoever holds the device. Raises `Stopped`."""
        offer = await self.offer()
        if after:
            self.step(f"{after} seconds pass")
            self.wait(after)
        self.step("a device takes the code")
        claim = await self.claim(to, offer.transfer_code, device=device)
        await self.confirm(offer, claim.check_value)
        return await self.redeemed(claim)

    # Pull

    async def asked(self, by: Actor) -> Asked:
        """A device of theirs asks for a task."""
        self.step(f"the {'person' if by is self.victim else 'adversary'}'s device asks for a task")
        return await by.request()

    async def entered(self, asked: Asked, person: Actor | None = None) -> httpx2.Response:
        """A person types the code at the page. Raises `Stopped` if it is not taken."""
        self.step("a person types the code at the page")
        browser = (person or self.victim).browser
        page = await browser.enter_code(asked.verification_uri, user_code=asked.user_code)
        seen = Seen(page)
        if seen.focused is None or seen.focused[0] != "decision":
            raise Stopped(f"the page: {seen.error or 'it asks for nothing to decide'}")
        return page

    async def number(self, asked: Asked) -> str:
        """What the waiting device is told to show."""
        return str(members_of(await self.adversary.poll(asked)).get("check_value", ""))

    async def approved(self, asked: Asked, page: httpx2.Response, number: str) -> Grant:
        """The victim approves, the device collects. Raises `Stopped`."""
        self.step("the person approves")
        typed = (
            {"check_value": number, "task": self.victim.task_id, "mode": "share"} if "check_value" in page.text else {}
        )
        seen = Seen(await self.victim.browser.send(page, decision="approve", **typed))
        if seen.error:
            raise Stopped(f"the page: {seen.error}")
        return await self.collected(asked)

    async def collected(self, asked: Asked) -> Grant:
        """Raises `Stopped`."""
        self.step("the device collects its token and uses it")
        answer = await self.adversary.collect(asked)
        self.needs(answer, "the server gives no token")
        grant = Grant.of(asked.device, answer)
        scheme = str(members_of(answer).get("token_type", "DPoP"))
        self.needs(await grant.read(scheme=scheme), "the resource server refuses the token")
        return grant

    def needs(self, answer: httpx2.Response, what: str) -> dict[str, object]:
        """The members of an answer. Raises `Stopped` if it is an error."""
        if answer.is_error:
            raise Stopped(f"{what}: {answer.status_code} {error_of(answer)}".strip())
        return dict(members_of(answer))
