"""One try: who plays in it, what is drawn for it, and the steps that adversaries have in common."""

import math
from dataclasses import dataclass
from random import Random

import httpx2

from segue_threats.attack import PreconditionFailed
from segue_threats.device import Device, error_of, members_of
from segue_threats.flows import Asked
from segue_threats.grant import Grant
from segue_threats.relay.ground import Ground
from segue_threats.staging.actor import Actor
from segue_threats.staging.person import Model, Number, Stopped, decide

CIBA = "urn:openid:params:grant-type:ciba"
REQUESTS, GIVES_IN = 12, 0.15
"""Of those who wear people down: how many requests, and how likely each of them is the one that is given in to."""


async def nobody() -> str | None:
    """Nobody has told a number."""
    return None


@dataclass
class Stage:
    """`dice` are the adversary's and the events', `guesses` the person's; both come from the seed of the try alone."""

    ground: Ground
    model: Model
    dice: Random
    guesses: Random

    @property
    def victim(self) -> Actor:
        return self.ground.people[0]

    def between(self, least: int, most: int) -> int:
        """Seconds, each as likely."""
        return self.dice.randint(least, most)

    def within(self, least: int, most: int) -> int:
        """Seconds, short ones as likely as long ones: each doubling is."""
        return round(math.exp(self.dice.uniform(math.log(least), math.log(most))))

    async def ask(self, adversary: Actor) -> Asked:
        """The adversary has a code made. Raises `Stopped`."""
        try:
            return await adversary.request()
        except PreconditionFailed as refused:
            raise Stopped(f"the server lets the adversary ask for nothing: {refused}") from refused

    async def enter(self, asked: Asked, person: Actor | None = None) -> httpx2.Response:
        """The person types the code they were sent at the genuine page."""
        browser = (person or self.victim).browser
        return await browser.enter_code(asked.verification_uri, user_code=asked.user_code)

    async def lured(self, asked: Asked, adversary: Actor, number: Number) -> None:
        """The person follows the message to the end. Raises `Stopped`, unless the adversary has the task after it."""
        page = await self.enter(asked)
        self.ground.clock.turn(self.between(5, 40))
        await decide(self.victim, page, self.model, number, self.guesses)
        await self.collected(asked, adversary, self.victim)

    async def collected(self, asked: Asked, adversary: Actor, victim: Actor) -> None:
        """Raises `Stopped` unless the adversary gets a token that opens what is the victim's."""
        answer = await adversary.collect(asked)
        if not await self.ground.opens(asked.device, answer, victim):
            raise Stopped(f"the server gives the adversary no token: {error_of(answer) or 'it opens nothing'}")

    async def acquainted(self) -> Device:
        """A server in the adversary's hands, at whose application the victim has signed in with their task before."""
        (client,) = self.ground.target.configuration.backchannel_clients
        adversary = self.ground.adversary
        device = adversary.device_of(client)
        request = adversary.authorization(device)
        back = await self.victim.person().authorize(request.url, redirect_uri=client.redirect_uri)
        Grant.of(device, await adversary.exchange(device, request, back["code"]))
        return device

    async def rung(self, device: Device) -> httpx2.Response:
        """The answer to a request that reaches the victim without a code (CIBA Core section 7.1)."""
        form = {"scope": "openid", "login_hint": self.victim.person_name, "requested_expiry": "120"}
        return await device.form("backchannel_authentication", {**form, **device.client.parameters})

    async def given_in(self, device: Device, rung: httpx2.Response, page: httpx2.Response) -> None:
        """The victim approves as they do. Raises `Stopped`, unless the adversary has the task after it."""
        form = {"grant_type": CIBA, "auth_req_id": str(members_of(rung)["auth_req_id"])}

        async def told() -> str | None:
            return str(members_of(await device.form("token", form)).get("check_value", "")) or None

        await decide(self.victim, page, self.model, told, self.guesses)
        self.ground.clock.turn(7)
        answer = await device.form("token", form)
        if not await self.ground.opens(device, answer, self.victim):
            raise Stopped(f"the server gives the adversary no token: {error_of(answer) or 'it opens nothing'}")

    def shown(self, asked: Asked, adversary: Actor) -> Number:
        """The adversary passes on the number as soon as their device is told it."""

        async def number() -> str | None:
            return str(members_of(await adversary.poll(asked)).get("check_value", "")) or None

        return number
