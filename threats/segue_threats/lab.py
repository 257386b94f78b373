"""What an attack works with: the honest paths, devices to misuse, and the three things it may demand."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
from segue.clock import Clock, now

from segue_threats.approver import Approver, Command, SeguePages
from segue_threats.attack import Broken, PreconditionFailed
from segue_threats.chromium import Chromium, NoBrowser
from segue_threats.device import Device, error_of
from segue_threats.evidence import Pace, Recording, Trail
from segue_threats.flows import Flows
from segue_threats.forge import Key
from segue_threats.forging import Forge, Forging
from segue_threats.inside import Inside
from segue_threats.network import Transport
from segue_threats.target import Client, Person, Target, discover
from segue_threats.window import Window, open_window

if TYPE_CHECKING:
    from segue_threats.machine import Machine

TASK_NAME = "Threat suite"
OVERLOADED = (429, 503)
"""A refusal of the moment: it says nothing about what was asked."""
Connect = Callable[[httpx2.Cookies | None, Forge | None], httpx2.AsyncClient]
"""A network stack; with the cookies of a browser, or of none, and with somebody in between who changes what is sent."""
OpenWindow = Callable[[httpx2.Cookies], Awaitable[Window]]
"""A real browser with these cookies."""


@dataclass
class Visitor:
    """A test person and the cookies of their browser, which outlive one attack: people do not sign in all the time.

    `spent`: an attack has used up what the server lets this person try, and no other is to meet them.
    """

    person: Person
    cookies: httpx2.Cookies
    spent: bool = False


class Lab(Flows):
    """One attack's own devices, browsers and evidence at one target."""

    def __init__(
        self,
        target: Target,
        trail: Trail,
        *,
        visitors: Sequence[Visitor],
        connect: Connect,
        open_window: OpenWindow,
    ) -> None:
        self.target = target
        self.trail = trail
        self.connect = connect
        self.http = connect(None, None)
        self.proved = 0
        self.demanded = 0
        self.clock: Clock = now
        """What the devices' own clocks say."""
        self._visitors = visitors
        self._open_window = open_window
        self._approvers: dict[int, Approver] = {}

    # What may be demanded

    def works(self, answer: httpx2.Response, what: str) -> httpx2.Response:
        """The honest path: raises `PreconditionFailed` unless it succeeds."""
        if answer.is_error:
            raise PreconditionFailed(f"{what} does not work: {answer.status_code} {error_of(answer)}".strip())
        self.proved += 1
        return answer

    def shows(self, condition: object, what: str) -> None:
        """The honest path where there is no answer to look at: raises `PreconditionFailed` unless it is so."""
        if not condition:
            raise PreconditionFailed(what)
        self.proved += 1

    def refuses(
        self,
        answer: httpx2.Response,
        what: str,
        *,
        errors: Collection[str] = (),
        statuses: Collection[int] = range(400, 500),
    ) -> httpx2.Response:
        """The attack: raises `Broken` unless it is refused, in an orderly way, with one of the errors (if given)."""
        if answer.status_code in OVERLOADED:
            raise PreconditionFailed(f"{what} could not be tried: the server answered {answer.status_code}")
        self.demanded += 1
        error = error_of(answer)
        if answer.status_code in statuses and (not errors or error in errors):
            return answer
        if answer.status_code >= 500:
            raise Broken(f"{what}: the server failed with {answer.status_code} instead of refusing")
        if not answer.is_error:
            raise Broken(f"{what}: it was accepted with {answer.status_code}")
        wanted = " or ".join(sorted(errors)) or "another status"
        raise Broken(f"{what}: refused with {answer.status_code} {error}, where {wanted} is due")

    def holds(self, condition: object, finding: str) -> None:
        """What must be so after or during the attack: raises `Broken` with the finding."""
        self.demanded += 1
        if not condition:
            raise Broken(finding)

    def still_works(self, answer: httpx2.Response, what: str) -> httpx2.Response:
        """The honest path after the attack: raises `Broken` if the attack has harmed it."""
        self.holds(
            not answer.is_error, f"{what}: no longer works after the attack ({answer.status_code} {error_of(answer)})"
        )
        return answer

    # Devices

    def person(self, number: int = 0) -> Approver:
        """A test person; the first one unless another is asked for. Raises `PreconditionFailed` if there is none."""
        if number >= len(self._visitors):
            raise PreconditionFailed("there are not enough test people in the configuration")
        if number not in self._approvers:
            visitor = self._visitors[number]
            self._approvers[number] = self._approver(visitor.person, visitor.cookies)
        return self._approvers[number]

    def pages(self, number: int = 0) -> SeguePages:
        """A test person at Segue's pages. Raises `PreconditionFailed`."""
        person = self.person(number)
        if not isinstance(person, SeguePages):
            raise PreconditionFailed("the person cannot be driven page by page")
        return person

    def username(self, number: int = 0) -> str:
        """What a test person is called. Raises `PreconditionFailed`."""
        self.pages(number)
        return self._visitors[number].person.username

    def visitor(self, number: int = 0) -> Person:
        """A test person, as somebody who knows how they sign in. Raises `PreconditionFailed`."""
        self.pages(number)
        return self._visitors[number].person

    async def window(self, number: int = 0) -> Window:
        """A test person's own browser as a real one, signed in, at the size of a telephone."""
        pages = self.pages(number)
        await pages.browser.visit(f"{self.target.issuer}/devices")
        return await self._open_window(pages.http.cookies)

    def forged(self, forge: Forge) -> SeguePages:
        """The test person's own browser, whose forms are changed on their way. Raises `PreconditionFailed`."""
        self.pages()
        visitor = self._visitors[0]
        return SeguePages(self.connect(visitor.cookies, forge), visitor.person, task_name=TASK_NAME)

    def stranger(self) -> httpx2.AsyncClient:
        """Somebody at an address of their own, without cookies."""
        return self.connect(None, None)

    def elsewhere(self, device: Device) -> Device:
        """A device at an address of its own."""
        return Device(self.target, device.client, self.stranger(), key=device.key, clock=self.clock)

    async def sign_in(self, http: httpx2.AsyncClient, *, username: str, password: str) -> httpx2.Response:
        """What Segue's page to sign in answers."""
        page = await http.get(f"{self.target.issuer}/sign-in")
        fields = dict(re.findall(r'name="(csrf|return_to)" value="([^"]*)"', page.text))
        return await http.post(str(page.url), data={**fields, "username": username, "password": password})

    async def signed_in(self, forge: Forge, **typed: str) -> str:
        """Where somebody lands who signs in, the test person if nothing is typed, by a form changed on its way."""
        person = self._visitors[0].person
        http = self.connect(None, forge)
        page = await http.get(f"{self.target.issuer}/sign-in")
        fields = dict(re.findall(r'name="(csrf|return_to)" value="([^"]*)"', page.text))
        answer = await http.post(
            str(page.url), data={**fields, "username": person.username, "password": person.password, **typed}
        )
        return answer.headers.get("Location", "")

    def expendable(self) -> SeguePages:
        """A test person whom no other attack needs after this one. Raises `PreconditionFailed`."""
        pages = self.pages(len(self._visitors) - 1)
        self._visitors[-1].spent = True
        return pages

    def other_browser(self) -> SeguePages:
        """The test person at a browser of its own, signed out."""
        return SeguePages(self.connect(None, None), self._visitors[0].person, task_name=TASK_NAME)

    def beside(self, http: httpx2.AsyncClient) -> SeguePages:
        """The test person, signed out, at the address of a device."""
        return SeguePages(http, self._visitors[0].person, task_name=TASK_NAME)

    def windows(self, number: int) -> list[SeguePages]:
        """The test person's browser, by as many connections."""
        visitor = self._visitors[0]
        return [
            SeguePages(self.connect(visitor.cookies, None), visitor.person, task_name=TASK_NAME) for _ in range(number)
        ]

    def _approver(self, person: Person, cookies: httpx2.Cookies) -> Approver:
        if person.command:
            return Command(person.command)
        return SeguePages(self.connect(cookies, None), person, task_name=TASK_NAME)

    def desktop(self, *, key: Key | None = None) -> Device:
        """An Authorization Device."""
        return self._device(self.target.configuration.authorization_device, key)

    def asking(self) -> Device:
        """A client that asks by the backchannel, the next in turn: servers count what each asks."""
        clients = self.target.configuration.backchannel_clients
        clients.rotate(-1)
        return self._device(clients[0] if clients else None, None)

    def phone(self, *, key: Key | None = None) -> Device:
        """A Consumption Device."""
        return self._device(self.target.configuration.consumption_device, key)

    # Behind the answers

    @property
    def inside(self) -> Inside:
        """What the target stores and logs. Raises `PreconditionFailed`."""
        found = self.target.configuration.inside
        if found is None:
            raise PreconditionFailed("nothing is known of the inside")
        return found

    @asynccontextmanager
    async def instance(self, **policy: object) -> "AsyncIterator[tuple[Lab, Machine]]":
        """A lab at an instance that this attack has for itself, and what can be done to it. What it shows counts here.

        `policy` are values of the transfer policy that differ from the usual ones, `sign_in` of the sign-in policy.

        Raises `PreconditionFailed`.
        """
        another = self.target.configuration.another
        if another is None:
            raise PreconditionFailed("there is no instance of the suite's own")
        async with another(**policy) as (configuration, machine):
            visitors = [Visitor(person, httpx2.Cookies()) for person in configuration.people]
            for visitor in visitors:
                self.trail.redactor.mark("password", visitor.person.password)
            lab = Lab(
                await discover(configuration),
                self.trail,
                visitors=visitors,
                connect=self.connect,
                open_window=self._open_window,
            )
            lab.clock = lambda: now() + machine.ahead
            yield lab, machine
            self.proved, self.demanded = self.proved + lab.proved, self.demanded + lab.demanded

    @asynccontextmanager
    async def apart(self) -> "AsyncIterator[Lab]":
        """A lab whose target may be spoilt: an instance of the suite's own where there is one, or else this target."""
        if self.target.configuration.another is None:
            yield self
            return
        async with self.instance() as (lab, _):
            yield lab

    def _device(self, client: Client | None, key: Key | None) -> Device:
        if client is None:
            raise PreconditionFailed("there is no such client in the configuration")
        return Device(self.target, client, self.http, key=key, clock=self.clock)


@asynccontextmanager
async def open_lab(
    target: Target,
    trail: Trail,
    pace: Pace,
    *,
    visitors: Sequence[Visitor],
    transport: Transport,
    chromium: Chromium | NoBrowser,
) -> AsyncIterator[Lab]:
    """A lab whose connections are closed with it; every exchange is evidence."""
    for visitor in visitors:
        trail.redactor.mark("password", visitor.person.password)
    async with AsyncExitStack() as closing:

        def connect(cookies: httpx2.Cookies | None, forge: Forge | None) -> httpx2.AsyncClient:
            way: httpx2.AsyncBaseTransport = Recording(transport(), trail, pace)
            http = httpx2.AsyncClient(transport=Forging(way, forge) if forge else way, timeout=30, trust_env=False)
            if cookies is not None:
                http.cookies = cookies.jar  # a jar is shared, where `Cookies` would be copied
            closing.push_async_callback(http.aclose)
            return http

        windows: list[Window] = []

        async def window(cookies: httpx2.Cookies) -> Window:
            if isinstance(chromium, NoBrowser):
                raise PreconditionFailed(chromium.reason)
            kept = {each.name: each.value or "" for each in cookies.jar}
            opened = await open_window(chromium, trail, pace, issuer=target.issuer, cookies=kept)
            closing.push_async_callback(opened.page.context.close)
            windows.append(opened)
            return opened

        try:
            yield Lab(target, trail, visitors=visitors, connect=connect, open_window=window)
        except Broken:
            for opened in windows:
                await opened.pictures("As it was found")
            raise
