"""Chat pages of an SDK at the desktop's and the phone's address, a person who uses them, and an agent that answers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app_thread import served
from chromium import PATIENCE, SWITCHES, executable
from journey import Journey
from playwright.async_api import Browser, Page, Route, async_playwright, expect
from segue_demo.site import DESKTOP_ACTIONS, Site
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route as At

PAGES = Path(__file__).parent / "web_pages"


class Effects:
    """A system that the pages' tool reaches: each key has its effect once, and ends when the test says."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.finished = False

    async def put(self, request: Request) -> Response:
        key = request.path_params["key"]
        if key not in self.executed:
            self.executed.append(key)
        return JSONResponse({"finished": self.finished, "summary": "31 of 40"})


@contextmanager
def served_pages(site: Site, effects: Effects) -> Iterator[None]:
    """At both addresses. Their program is the test's to choose."""
    desktop = _pages(site, site.desktop_client_id, effects)
    phone = _pages(site, site.phone_client_id, effects)
    with served(desktop, port=_port(site.desktop)), served(phone, port=_port(site.phone)):
        yield


def _pages(site: Site, client_id: str, effects: Effects) -> Starlette:
    uri = site.desktop_redirect_uri
    told = {"issuer": site.issuer, "store": site.store, "client_id": client_id, "redirect_uri": uri}

    async def page(_: Request) -> Response:
        return FileResponse(PAGES / "page.html")

    async def config(_: Request) -> Response:
        return JSONResponse(told | {"actions": sorted(DESKTOP_ACTIONS)})

    effect = At("/effects/{key:path}", effects.put, methods=["PUT"])
    return Starlette(routes=[At("/", page), At("/config.json", config), effect])


def _port(origin: str) -> int:
    return int(origin.rpartition(":")[2])


class ChatPage:
    """A device: a Chromium context of its own with the page of an SDK."""

    def __init__(self, page: Page, journey: Journey, *, sdk: str) -> None:
        self.page = page
        self.sdk = sdk
        self._journey = journey
        self.status = page.locator("#status")
        self.error = page.locator("#error")

    async def open(self, address: str) -> None:
        await self.page.goto(address)
        await self.opened()

    async def opened(self) -> None:
        await expect(self.page.locator("body")).to_have_attribute("data-opened", "true")

    async def sign_in(self) -> None:
        """Through the authorization server's pages, with a new task."""
        site = self._journey.site
        await self.open(f"{site.desktop}/")
        async with self.page.expect_request(f"{site.issuer}/authorize?*") as asked:
            await self.page.route(f"{site.issuer}/authorize?*", _aborted)
            await self.device("signIn")
        redirect_uri = site.desktop_redirect_uri
        answer = await self._journey.browser.authorize((await asked.value).url, redirect_uri=redirect_uri, name="Chat")
        await self.open(f"{redirect_uri}?{urlencode(answer)}")

    async def hand_over(self, phone: "ChatPage") -> None:
        """The whole push transfer."""
        offer = await self.device("offer")
        await phone.open(offer["transfer_uri"])
        claim = await phone.device("claim")
        confirmed = await self._journey.browser.confirm(offer["confirmation_uri"], check_value=claim["check_value"])
        assert confirmed.status_code == 200
        await phone.device("redeem", claim)
        await phone.reload()

    async def reload(self) -> None:
        await self.page.reload()
        await self.opened()

    async def device(self, verb: str, given: Any = None) -> Any:
        return await self.page.evaluate(f"(given) => device.{verb}(given)", given)

    async def chat(self, verb: str, *given: Any) -> Any:
        return await self.page.evaluate(f"(given) => chat.{verb}(...given)", list(given))

    async def deltas(self) -> list[str]:
        """The pieces of text that the SDK was given since the page was opened."""
        return [delta for _, delta in await self.page.evaluate("deltas")]

    async def expect_said(self, *said: str) -> None:
        """The texts that are on the page, in its order."""
        await expect(self.page.locator("#messages .words")).to_have_text(list(said))

    async def expect_status(self, status: str) -> None:
        await expect(self.status).to_have_text(status)

    async def expect_call(self, state: str, *, times: int = 1) -> None:
        await expect(self.page.locator("#messages code")).to_have_count(times)
        await expect(self.page.locator(f"#messages code[data-state={state}]")).to_have_count(times)


async def _aborted(route: Route) -> None:
    await route.abort()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=SWITCHES)
        yield browser
        await browser.close()


@asynccontextmanager
async def chat_page(browser: Browser, journey: Journey, program: Path) -> AsyncIterator[ChatPage]:
    """Without an address yet."""

    async def answer(route: Route) -> None:
        await route.fulfill(path=program, content_type="text/javascript")

    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    await context.route("**/page.js", answer)
    page = await context.new_page()
    yield ChatPage(page, journey, sdk=program.stem)
    await context.close()
