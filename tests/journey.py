"""What a person does with their devices at a running site, through the demo's device library and over HTTP alone."""

import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from segue.device_key import DeviceKey
from segue_client import authorization, push_transfer
from segue_client.device import Device
from segue_client.grant import Grant
from segue_client.task_client import TaskClient
from segue_demo.browser import Browser
from segue_demo.enrolled import Person
from segue_demo.site import DESKTOP_ACTIONS, TASK_NAME, Site

CALL = {
    "tool": "compare_precedents",
    "title": "Compare the cap on liability with our precedents",
    "arguments": {"clause": "7.2", "precedents": 40},
    "effect": "idempotent",
}
LEASE = 30
_networks = itertools.count(1)


class Network(httpx2.AsyncHTTPTransport):
    """The way to the servers from an address of this machine. It can lose an answer. `trust` is for https."""

    def __init__(self, address: str, *, trust: ssl.SSLContext | None = None) -> None:
        super().__init__(local_address=address, verify=trust or True)
        self.loses_next = False
        """The next answer to something sent, other than a refusal, is lost after the server has given it."""
        self.failed: list[str] = []
        """What was not answered, or with an error that is the server's."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = await super().handle_async_request(request)
        except httpx2.TransportError as broken:
            self.failed.append(f"{request.method} {request.url}: {broken!r}")
            raise
        if answer.status_code >= 500:
            self.failed.append(f"{request.method} {request.url}: {answer.status_code}")
        if self.loses_next and request.method != "GET" and answer.status_code < 400:
            self.loses_next = False
            await answer.aread()
            raise httpx2.ReadError("the answer is lost", request=request)
        return answer


class Journey:
    """One person: `browser` is theirs (`pages` its network stack, cookies and all), `http` that of their devices."""

    def __init__(
        self,
        site: Site,
        person: Person,
        *,
        http: httpx2.AsyncClient,
        pages: httpx2.AsyncClient,
        networks: tuple[Network, ...],
    ) -> None:
        self.site = site
        self.networks = networks
        self.http = http
        self.pages = pages
        self.browser = Browser(pages, username=person.username, password=person.password)

    def device(self, client_id: str, *, key: DeviceKey | None = None) -> Device:
        return Device(issuer=self.site.issuer, client_id=client_id, http=self.http, key=key)

    def desktop(self, *, key: DeviceKey | None = None) -> Device:
        return self.device(self.site.desktop_client_id, key=key)

    def phone(self, *, key: DeviceKey | None = None) -> Device:
        return self.device(self.site.phone_client_id, key=key)

    async def begin(
        self, name: str = TASK_NAME, *, task: str = "new", propose: str | None = None, device: Device | None = None
    ) -> Grant:
        """A desktop, a new one if none is named, with a task: a new one of that name, or one chosen by its id."""
        device, uri = device or self.desktop(), self.site.desktop_redirect_uri
        request = await authorization.begin(
            device, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=propose or name
        )
        answer = await self.browser.authorize(request.url, redirect_uri=uri, task=task, name=name)
        return await authorization.finish(device, request, answer)

    async def hand_over(self, grant: Grant, *, mode: str = "move", device: Device | None = None) -> Grant:
        """The whole push transfer: offered, scanned, claimed, the number typed, redeemed. What the phone holds then."""
        phone = device or self.phone()
        offer = await push_transfer.start(grant, mode=mode)
        code = push_transfer.scanned_code(offer.transfer_uri, issuer=self.site.issuer)
        claim = await push_transfer.claim(phone, transfer_code=code, device_name="Phone")
        await self.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
        return await push_transfer.redeem(phone, claim)

    async def run_call(self, grant: Grant, *, lease: int = LEASE) -> dict[str, Any]:
        """Propose the slow tool call, claim it, start it and its job; the call as its holder sees it."""
        task = self.task(grant)
        proposed = await task.propose(CALL)
        call = await task.step(proposed["call_id"], "claim", lease=lease)
        started = await task.step(call["call_id"], "start", fence=call["fence"], lease=lease)
        await self.run_job(grant, call["downstream_key"])
        return dict(started)

    async def take_over(self, grant: Grant, call_id: str) -> dict[str, Any]:
        """Claim a call that another device ran, start it and go on with its job; the call as its holder sees it."""
        task = self.task(grant)
        call = await task.step(call_id, "claim", lease=LEASE)
        started = await task.step(call_id, "start", fence=call["fence"], lease=LEASE)
        await self.run_job(grant, call["downstream_key"])
        return dict(started)

    async def run_job(self, grant: Grant, key: str) -> None:
        """Have the agent backend execute the call, once for one key."""
        body = {"tool": CALL["tool"], "arguments": CALL["arguments"]}
        answer = await self.at_agent(grant, "PUT", f"/jobs/{key}", json=body)
        assert answer.status_code == 200, answer.text

    def task(self, grant: Grant) -> TaskClient:
        return TaskClient(grant, store=self.site.store)

    async def at_store(self, grant: Grant, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request to the store with the token of the grant; the answer may be an error."""
        return await grant.request(method, f"{self.site.store}{path}", audience=self.site.store, **request)

    async def at_agent(self, grant: Grant, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request to the agent backend with the token of the grant; the answer may be an error."""
        return await grant.request(method, f"{self.site.agent}{path}", audience=self.site.agent, **request)


@asynccontextmanager
async def open_journey(site: Site, person: Person, *, trust: ssl.SSLContext | None = None) -> AsyncIterator[Journey]:
    """From an address of its own on this machine: servers count tries per network. `trust` is for https."""
    network = next(_networks)
    addresses = [f"127.{which}.{network >> 8}.{network & 255}" for which in (1, 2)]
    devices, pages = (Network(address, trust=trust) for address in addresses)
    async with (
        httpx2.AsyncClient(transport=devices, timeout=20) as http,
        httpx2.AsyncClient(transport=pages, timeout=20) as browser,
    ):
        yield Journey(site, person, http=http, pages=browser, networks=(devices, pages))


def said(text: str, *, role: str = "agent") -> dict[str, Any]:
    """One message, as an event to append."""
    return {"kind": "message", "role": role, "body": {"text": text}}


def item(kind: str, title: str, *, body: str = "", status: str = "open") -> dict[str, Any]:
    """One item of the working set."""
    return {"type": kind, "title": title, "body": body, "status": status}


def texts(events: Any) -> list[str]:
    """What the messages among the events say."""
    return [event["body"]["text"] for event in events if event["kind"] == "message"]
