"""The honest paths: authorization code, pull and push, whole or step by step."""

import asyncio
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from segue_threats.approver import Approver
from segue_threats.attack import Need, PreconditionFailed
from segue_threats.device import Device, error_of, members_of, need
from segue_threats.evidence import Trail
from segue_threats.forge import digest_of
from segue_threats.grant import Grant
from segue_threats.target import Target

DEVICE_NAME = "Threat suite device"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class Asked:
    """A pull as the waiting device knows it. `link` has the code in it, if the server gives such a one."""

    device: Device
    device_code: str
    user_code: str
    verification_uri: str
    interval: int
    link: str = ""


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


class Flows(ABC):
    """What a test person and the suite's own devices do at a target."""

    target: Target
    trail: Trail

    @abstractmethod
    def person(self, number: int = 0) -> Approver:
        """A test person."""

    @abstractmethod
    def desktop(self) -> Device:
        """An Authorization Device."""

    @abstractmethod
    def phone(self) -> Device:
        """A Consumption Device."""

    def step(self, text: str) -> None:
        """Say in the evidence what is done next."""
        self.trail.step(text)

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
        told = members_of(answer)
        link = str(told.get("verification_uri_complete", uri))
        return Asked(device, code, user_code, uri, int(told.get("interval", 5)), link)

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
