"""What an attack works with: the honest paths, devices to misuse, and the three things it may demand."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2

from segue_threats.approver import Approver, Command, SeguePages
from segue_threats.attack import Broken, PreconditionFailed
from segue_threats.device import Device, error_of
from segue_threats.evidence import Pace, Recording, Trail
from segue_threats.flows import Flows
from segue_threats.forge import Key
from segue_threats.forging import Forge, Forging
from segue_threats.network import Transport
from segue_threats.target import Client, Person, Target

TASK_NAME = "Threat suite"
OVERLOADED = (429, 503)
"""A refusal of the moment: it says nothing about what was asked."""
Connect = Callable[[httpx2.Cookies | None, Forge | None], httpx2.AsyncClient]
"""A network stack; with the cookies of a browser, or of none, and with somebody in between who changes what is sent."""


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

    def __init__(self, target: Target, trail: Trail, *, visitors: Sequence[Visitor], connect: Connect) -> None:
        self.target = target
        self.trail = trail
        self.connect = connect
        self.http = connect(None, None)
        self.proved = 0
        self.demanded = 0
        self._visitors = visitors
        self._approvers: dict[int, Approver] = {}

    # What may be demanded

    def works(self, answer: httpx2.Response, what: str) -> httpx2.Response:
        """The honest path: raises `PreconditionFailed` unless it succeeds."""
        if answer.is_error:
            raise PreconditionFailed(f"{what} does not work: {answer.status_code} {error_of(answer)}".strip())
        self.proved += 1
        return answer

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

    def forged(self, forge: Forge) -> SeguePages:
        """The test person's own browser, whose forms are changed on their way. Raises `PreconditionFailed`."""
        self.pages()
        visitor = self._visitors[0]
        return SeguePages(self.connect(visitor.cookies, forge), visitor.person, task_name=TASK_NAME)

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

    def _approver(self, person: Person, cookies: httpx2.Cookies) -> Approver:
        if person.command:
            return Command(person.command)
        return SeguePages(self.connect(cookies, None), person, task_name=TASK_NAME)

    def desktop(self, *, key: Key | None = None) -> Device:
        """An Authorization Device."""
        return self._device(self.target.configuration.authorization_device, key)

    def phone(self, *, key: Key | None = None) -> Device:
        """A Consumption Device."""
        return self._device(self.target.configuration.consumption_device, key)

    def _device(self, client: Client | None, key: Key | None) -> Device:
        if client is None:
            raise PreconditionFailed("there is no such client in the configuration")
        return Device(self.target, client, self.http, key=key)


@asynccontextmanager
async def open_lab(
    target: Target, trail: Trail, pace: Pace, *, visitors: Sequence[Visitor], transport: Transport
) -> AsyncIterator[Lab]:
    """A lab whose connections are closed with it; every exchange is evidence."""
    for visitor in visitors:
        trail.redactor.mark("password", visitor.person.password)
    async with AsyncExitStack() as closing:

        def connect(cookies: httpx2.Cookies | None, forge: Forge | None) -> httpx2.AsyncClient:
            way: httpx2.AsyncBaseTransport = Recording(transport(), trail, pace)
            http = httpx2.AsyncClient(transport=Forging(way, forge) if forge else way, timeout=30, trust_env=False)
            if cookies is not None:
                http.cookies = cookies
            closing.push_async_callback(http.aclose)
            return http

        yield Lab(target, trail, visitors=visitors, connect=connect)
