"""A hostile site beside the server under test: a page of its own origin that frames, opens and follows the server's.

It is a real one, on the loopback address: browsers treat what a made-up address asks of this machine differently.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from segue_threats.window import Window

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

SCRIPT = "/x.js"
"""Where it serves a script that sets `owned`."""


class Decoy:
    """`window` stands at it after the first `show`."""

    def __init__(self, window: Window, *, issuer: str) -> None:
        self.origin = ""
        self.window = window
        self._issuer = issuer
        self._page = ""

    async def show(self, page: str) -> None:
        """Go to this page of the site."""
        self._page = f"<!doctype html><title>Decoy</title>{page}"
        await self.window.open(f"{self.origin}/")

    async def without(self, headers: tuple[str, ...], address: str) -> None:
        """From now on the browser does not get to see these headers of that page of the server."""

        async def answer(route: "Route") -> None:
            told = await route.fetch()
            kept = {name: value for name, value in told.headers.items() if name not in headers}
            await route.fulfill(response=told, headers=kept)

        await self.window.page.context.route(address, answer)

    async def framed(self, address: str) -> bool:
        """Whether a page of the server stands in a frame of the decoy."""
        await self.show(f'<iframe src="{address}" width="360" height="740"></iframe>')
        (frame,) = [frame for frame in self.window.page.frames if frame.parent_frame is not None]
        return frame.url.startswith(self._issuer) and await frame.locator("main").count() > 0

    async def holds(self, address: str) -> bool:
        """Whether the decoy keeps hold of a window that it opens with a page of the server."""
        decoy = self.window.page
        await self.show("<button onclick=\"window.victim = open(this.value, '', 'width=360')\">Play</button>")
        await decoy.eval_on_selector("button", "(button, address) => { button.value = address; }", address)
        async with decoy.context.expect_page() as opening:
            await decoy.click("button")
        opened: Page = await opening.value
        await opened.wait_for_load_state()
        known = bool(await opened.evaluate("window.opener !== null"))
        await opened.close()
        return known

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        line = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").partition("\r\n")[0]
        script = f" {SCRIPT} " in line
        kind, body = ("text/javascript", "owned = 1") if script else ("text/html", self._page)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\nConnection: close"
        writer.write(f"{head}\r\n\r\n{body}".encode())
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def decoy_beside(window: Window, *, issuer: str) -> AsyncIterator[Decoy]:
    """Up for as long as the context lasts."""
    decoy = Decoy(window, issuer=issuer)
    server = await asyncio.start_server(decoy.serve, "127.0.0.1", 0)
    decoy.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield decoy
