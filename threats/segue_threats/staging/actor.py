"""Somebody at one place: devices with keys, a browser if they have an account, and the clock that all share."""

from collections.abc import Callable, Mapping

import httpx2
from segue_demo.browser import Browser

from segue_threats.approver import Approver, Value
from segue_threats.attack import PreconditionFailed
from segue_threats.device import Device, error_of, members_of, need
from segue_threats.evidence import Trail
from segue_threats.flows import DEVICE_NAME, Asked, Flows
from segue_threats.staging.clock import TurnedClock
from segue_threats.staging.timed_device import TimedDevice
from segue_threats.target import Client, Person, Target


class PersonsBrowser(Browser):
    """A browser whose person may also fill in a form in part."""

    async def send(self, page: httpx2.Response, **typed: str) -> httpx2.Response:
        """Send the form that takes all of this. Raises `httpx2.ProtocolError` if the page has none."""
        return await self._submit(page, typed)


class Actor(Flows):
    """`connect` leads from where they are; `cookies` are of a browser they had before, `phone_client` what a device
    of theirs runs.
    """

    def __init__(
        self,
        target: Target,
        trail: Trail,
        *,
        clock: TurnedClock,
        connect: Callable[[], httpx2.AsyncClient],
        person: Person | None = None,
        cookies: httpx2.Cookies | None = None,
        phone_client: Client | None = None,
    ) -> None:
        self.target = target
        self.trail = trail
        self.clock = clock
        self.http = connect()
        self.identity = person
        self._desktop_client = target.configuration.authorization_device
        self._phone_client = phone_client or target.configuration.consumption_device
        username, password = (person.username, person.password) if person else ("", "")
        browsing = connect()
        if cookies is not None:
            browsing.cookies = cookies
        self.browser = PersonsBrowser(browsing, username=username, password=password)
        self.task_id = "new"
        """The task that this person has in hand."""

    def person(self, number: int = 0) -> Approver:
        if self.identity is None or number:
            raise PreconditionFailed("nobody is signed in here")
        return _AtTheirBrowser(self)

    def desktop(self) -> Device:
        return self._device(self._desktop_client)

    def phone(self) -> Device:
        return self._device(self._phone_client)

    def _device(self, client: Client | None) -> Device:
        if client is None:
            raise PreconditionFailed("there is no such client here")
        return self.device_of(client)

    def device_of(self, client: Client) -> Device:
        """A device that runs this client."""
        return TimedDevice(self.target, client, self.http, clock=self.clock)

    @property
    def person_name(self) -> str:
        return self.identity.username if self.identity else ""

    async def request(self) -> Asked:
        """Ask for a task as nobody, and where that is refused as oneself (RFC 10027 section 6.1.15).

        Raises `PreconditionFailed` if neither is let.
        """
        device = self.phone()
        answer = await self.ask_answer(device)
        if error_of(answer) == "invalid_request" and self.identity is not None:
            grant = await self.begin()
            here = await grant.refreshed(resource=self.target.issuer)
            device = grant.device.like(key=grant.device.key, client=self._phone_client)
            form = {"device_name": DEVICE_NAME, **device.client.parameters}
            answer = await device.form("device_authorization", form, token=here.access_token)
        code, user_code, uri = need(answer, "device_code", "user_code", "verification_uri")
        return Asked(device, code, user_code, uri, int(members_of(answer).get("interval", 5)))

    async def pause(self, asked: Asked) -> None:
        """Until the next poll is in time, whatever the interval has become."""
        self.clock.turn(asked.interval + 5)

    async def collect(self, asked: Asked) -> httpx2.Response:
        """A poll that is in time."""
        await self.pause(asked)
        answer = await self.poll(asked)
        while error_of(answer) == "slow_down":
            self.clock.turn(60)
            answer = await self.poll(asked)
        return answer


class _AtTheirBrowser:
    """How an actor approves for a device of their own."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    async def authorize(self, url: str, *, redirect_uri: str, decision: str = "approve") -> Mapping[str, str]:
        task_id = self._actor.task_id
        name = "Acme contract revision" if task_id == "new" else ""
        return await self._actor.browser.authorize(
            url, redirect_uri=redirect_uri, task=task_id, name=name, decision=decision
        )

    async def device(self, verification_uri: str, user_code: str, value: Value, *, decision: str = "approve") -> None:
        page = await self._actor.browser.enter_code(verification_uri, user_code=user_code)
        typed = await value()
        await self._actor.browser.approve(page, check_value=typed, task=self._actor.task_id, mode="share")
        del decision

    async def confirm(self, url: str, check_value: str, *, decision: str = "approve") -> None:
        await self._actor.browser.confirm(url, check_value=check_value, decision=decision)
