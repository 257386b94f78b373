"""A person with a desktop, a phone and a browser, overheard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx2
from segue_client import authorization
from segue_client.authorization import AuthorizationRequest
from segue_client.device import Device
from segue_client.grant import Grant

from segue_demo.bound_session import BoundSession
from segue_demo.browser import Browser
from segue_demo.enrolled import Person
from segue_demo.site import DESKTOP_ACTIONS, Site

TASK_NAME = "What the thief is after"


@dataclass
class Wire:
    """`heard` is every request of the devices as it went out. While it is `cut` none arrives."""

    heard: list[httpx2.Request] = field(default_factory=list)
    cut: bool = False

    async def listen(self, request: httpx2.Request) -> None:
        self.heard.append(request)
        if self.cut:
            raise httpx2.ConnectError("the line is cut", request=request)


@dataclass(frozen=True)
class Victim:
    """Signed in at the desktop, with a task."""

    site: Site
    browser: Browser
    cookies: httpx2.Cookies
    phone: Device
    grant: Grant
    wire: Wire
    person: Person

    @asynccontextmanager
    async def bound_browser(self) -> AsyncIterator[tuple[httpx2.AsyncClient, BoundSession]]:
        """A second browser of the person, signed in, that has bound its session to its device."""
        async with httpx2.AsyncClient(timeout=20) as pages:
            session = BoundSession(pages)
            pages.event_hooks = {"response": [session.hear]}
            browser = Browser(pages, username=self.person.username, password=self.person.password)
            await browser.visit(f"{self.site.issuer}/devices")
            if not session.bound:
                raise httpx2.ProtocolError("the server does not offer to bind browser sessions")
            yield pages, session
            await session.refresh()
            await browser.sign_out(self.site.issuer)

    @property
    def resume(self) -> str:
        """The address at which all of the task is read."""
        return f"{self.site.store}/tasks/{self.grant.task_id}/resume"

    async def refresh(self) -> None:
        """As the desktop does once its access token is about to end."""
        await self.grant.refresh(self.site.store)

    async def ask_in_vain(self) -> None:
        """Send a good request that nobody gets, so that its proof is still unused."""
        self.wire.cut = True
        with suppress(httpx2.ConnectError):
            await self.grant.request("GET", self.resume, audience=self.site.store)
        self.wire.cut = False

    async def begin(self, device: Device) -> tuple[AuthorizationRequest, dict[str, str]]:
        """Sign in for another task at this device; the request, and the answer that comes back."""
        return await _begin(self.browser, device, self.site)


@asynccontextmanager
async def overheard(site: Site, person: Person) -> AsyncIterator[Victim]:
    wire = Wire()
    async with (
        httpx2.AsyncClient(timeout=20, event_hooks={"request": [wire.listen]}) as http,
        httpx2.AsyncClient(timeout=20) as pages,
    ):
        browser = Browser(pages, username=person.username, password=person.password)
        desktop = Device(issuer=site.issuer, client_id=site.desktop_client_id, http=http)
        grant = await authorization.finish(desktop, *await _begin(browser, desktop, site))
        phone = Device(issuer=site.issuer, client_id=site.phone_client_id, http=http)
        yield Victim(site, browser, pages.cookies, phone, grant, wire, person)


async def _begin(browser: Browser, device: Device, site: Site) -> tuple[AuthorizationRequest, dict[str, str]]:
    uri = site.desktop_redirect_uri
    request = await authorization.begin(device, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=TASK_NAME)
    return request, dict(await browser.authorize(request.url, redirect_uri=uri, name=TASK_NAME))
