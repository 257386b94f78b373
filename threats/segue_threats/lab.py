"""What an attack works with: the honest paths, devices to misuse, and the three things it may demand."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from segue_threats.approver import Approver, Command, SeguePages
from segue_threats.attack import Broken, Need, PreconditionFailed
from segue_threats.device import Device, error_of, members_of, need
from segue_threats.evidence import Pace, Recording, Trail
from segue_threats.forge import Key, digest_of
from segue_threats.forging import Forge, Forging
from segue_threats.grant import Grant
from segue_threats.network import Transport
from segue_threats.target import Client, Person, Target

TASK_NAME = "Threat suite"
DEVICE_NAME = "Threat suite device"
OVERLOADED = (429, 503)
"""A refusal of the moment: it says nothing about what was asked."""
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
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


@dataclass(frozen=True)
class Asked:
    """A pull as the waiting device knows it."""

    device: Device
    device_code: str
    user_code: str
    verification_uri: str
    interval: int


@dataclass(frozen=True)
class Offer:
    """A push as the Authorization Device shows it. `handle` is the code in the picture."""

    transfer_id: str
    transfer_code: str
    transfer_uri: str
    confirmation_uri: str

    @property
    def handle(self) -> str:
        return parse_qs(urlsplit(self.transfer_uri).fragment).get("transfer_code", [""])[0]


@dataclass(frozen=True)
class Claim:
    """A push as the Consumption Device knows it."""

    device: Device
    device_code: str
    check_value: str


@dataclass(frozen=True)
class AuthorizationRequest:
    """A sent request and the secret that goes with it."""

    url: str
    verifier: str


class Lab:
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

    def step(self, text: str) -> None:
        """Say in the evidence what is done next."""
        self.trail.step(text)

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

    async def signed_in(self, forge: Forge) -> str:
        """Where the test person lands who signs in by a form that was changed on its way."""
        person = self._visitors[0].person
        http = self.connect(None, forge)
        page = await http.get(f"{self.target.issuer}/sign-in")
        fields = dict(re.findall(r'name="(csrf|return_to)" value="([^"]*)"', page.text))
        answer = await http.post(
            str(page.url), data={**fields, "username": person.username, "password": person.password}
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

    # The authorization code flow

    def authorization(self, device: Device, **parameters: str) -> AuthorizationRequest:
        """An authorization request; `parameters` replace its own, and an empty one is left out."""
        verifier = secrets.token_urlsafe(32)
        query = {
            "response_type": "code",
            "client_id": device.client.client_id,
            "redirect_uri": device.client.redirect_uri,
            "state": secrets.token_urlsafe(8),
            "code_challenge": digest_of(verifier),
            "code_challenge_method": "S256",
            "dpop_jkt": device.key.jkt,
            **device.client.parameters,
            **parameters,
        }
        sent = urlencode({name: value for name, value in query.items() if value})
        return AuthorizationRequest(f"{self.target.endpoint('authorization')}?{sent}", verifier)

    async def code(self, device: Device, request: AuthorizationRequest) -> str:
        """Have the person approve. Raises `PreconditionFailed`."""
        back = await self.person().authorize(request.url, redirect_uri=device.client.redirect_uri)
        if "code" not in back:
            raise PreconditionFailed(f"no authorization code came back: {back.get('error', 'nothing')}")
        self.trail.redactor.mark("code", back["code"])
        return back["code"]

    async def exchange(
        self, device: Device, request: AuthorizationRequest, code: str, **fields: str
    ) -> httpx2.Response:
        """The token request; `fields` replace its own, and an empty one is left out."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": device.client.redirect_uri,
            "code_verifier": request.verifier,
            **fields,
        }
        return await device.form("token", {name: value for name, value in form.items() if value})

    async def begin(self, device: Device | None = None) -> Grant:
        """A task at an Authorization Device. Raises `PreconditionFailed`."""
        device = device or self.desktop()
        request = self.authorization(device)
        return Grant.of(device, await self.exchange(device, request, await self.code(device, request)))

    async def grant(self) -> Grant:
        """Tokens by whichever flow there is. Raises `PreconditionFailed`."""
        if Need.CODE in self.target.offers():
            return await self.begin()
        return await self.pull()

    # Pull

    async def ask(self, device: Device | None = None, **parameters: str) -> Asked:
        """Start the pull flow. Raises `PreconditionFailed`."""
        device = device or self.phone()
        answer = await self.ask_answer(device, **parameters)
        code, user_code, uri = need(answer, "device_code", "user_code", "verification_uri")
        return Asked(device, code, user_code, uri, int(members_of(answer).get("interval", 5)))

    async def ask_answer(self, device: Device, **parameters: str) -> httpx2.Response:
        """As `ask`, whatever the answer."""
        own = {"device_name": DEVICE_NAME} if "transfer_endpoint" in self.target.metadata else {}
        return await device.form("device_authorization", {**own, **device.client.parameters, **parameters})

    async def poll(self, asked: Asked | Claim, *, by: Device | None = None, **fields: str) -> httpx2.Response:
        """One poll (RFC 8628 section 3.4)."""
        form = {"grant_type": DEVICE_CODE, "device_code": asked.device_code, **fields}
        return await (by or asked.device).form("token", form)

    async def value(self, asked: Asked) -> str:
        """The check value, which the device learns once the code was entered."""
        answer = await self.poll(asked)
        return str(members_of(answer).get("check_value", ""))

    async def approve(self, asked: Asked) -> None:
        """Have the person enter the code and approve."""

        async def value() -> str:
            return await self.value(asked)

        await self.person().device(asked.verification_uri, asked.user_code, value)

    async def tries(self, attempt: Awaitable[object]) -> None:
        """Something at a page that may turn out to have no place for it; what came of it is seen elsewhere."""
        try:
            await attempt
        except httpx2.ProtocolError as nowhere:
            self.step(f"the page has no place for it: {nowhere}")

    async def pause(self, asked: Asked) -> None:
        """Until the next poll is in time."""
        await asyncio.sleep(asked.interval)

    async def collect(self, asked: Asked) -> httpx2.Response:
        """A poll once it is decided; again after a pause if it came too early (RFC 8628 section 3.5)."""
        answer = await self.poll(asked)
        if error_of(answer) == "slow_down":
            await asyncio.sleep(asked.interval + 5)
            answer = await self.poll(asked)
        return answer

    async def pull(self, device: Device | None = None) -> Grant:
        """The whole flow. Raises `PreconditionFailed`."""
        asked = await self.ask(device)
        await self.approve(asked)
        return Grant.of(asked.device, await self.collect(asked))

    # Push

    async def offer(self, grant: Grant, **fields: str) -> Offer:
        """Offer the task of a grant. Raises `PreconditionFailed`."""
        answer = await self.offer_answer(grant, **fields)
        return Offer(*need(answer, "transfer_id", "transfer_code", "transfer_uri", "confirmation_uri"))

    async def offer_answer(self, grant: Grant, **fields: str) -> httpx2.Response:
        """As `offer`, whatever the answer."""
        return await self.at_transfer(grant, "POST", "", data={"mode": "move", **fields})

    async def at_transfer(self, grant: Grant, method: str, path: str, **how: Any) -> httpx2.Response:
        """A request to the transfer endpoint, under a token for it."""
        here = await grant.refreshed(resource=self.target.issuer)
        grant.refresh_token = here.refresh_token or grant.refresh_token
        return await grant.device.send(method, self.target.endpoint("transfer") + path, token=here.access_token, **how)

    async def state(self, grant: Grant, offer: Offer) -> Mapping[str, object]:
        """What the Authorization Device is told of its transfer."""
        return members_of(await self.at_transfer(grant, "GET", f"/{offer.transfer_id}"))

    async def claim_answer(self, device: Device, code: str, **fields: str) -> httpx2.Response:
        """Claim with a code, whatever the answer."""
        return await device.form("transfer_claim", {"transfer_code": code, "device_name": DEVICE_NAME, **fields})

    async def claim(self, offer: Offer, device: Device | None = None) -> Claim:
        """Claim by the code in the picture. Raises `PreconditionFailed`."""
        device = device or self.phone()
        device_code, check_value = need(await self.claim_answer(device, offer.handle), "device_code", "check_value")
        return Claim(device, device_code, check_value)

    async def confirm(self, offer: Offer, check_value: str, *, decision: str = "approve") -> None:
        """Have the person decide."""
        await self.person().confirm(offer.confirmation_uri, check_value, decision=decision)

    async def claimed(self, grant: Grant, **fields: str) -> tuple[Offer, Claim]:
        """A push up to where the person is asked."""
        offer = await self.offer(grant, **fields)
        return offer, await self.claim(offer)

    async def push(self, grant: Grant, **fields: str) -> Grant:
        """The whole flow: what the Consumption Device gets. Raises `PreconditionFailed`."""
        offer, claim = await self.claimed(grant, **fields)
        await self.confirm(offer, claim.check_value)
        return Grant.of(claim.device, await self.poll(claim))


def details(value: object) -> str:
    """`authorization_details` for a request."""
    return json.dumps(value)


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
