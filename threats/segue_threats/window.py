"""A window of a person's real browser: opens pages signed in, hears what goes wrong there, takes pictures."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from segue_threats.chromium import Chromium
from segue_threats.evidence import Pace, Trail

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response, Route, WebError

LARGEST = 120_000
"""Bytes of a picture; a larger one is left out, so that the report stays one that can be sent."""
_TYPED = "input:not([type=hidden]):not([type=radio]):not([type=checkbox]), .typed-code"
"""Where a page shows a code or a check value: hidden in pictures."""
_TOLD = {"document", "fetch", "xhr"}


class Window:
    """`page` is Playwright's, for whatever an attack wants to do.

    `wrong` are script errors and violations of a policy, `addresses` all that was asked for or told as where one came
    from, `posted` where forms were sent.
    """

    def __init__(self, page: "Page", trail: Trail) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.addresses: list[str] = []
        self.posted: list[str] = []
        self._trail = trail
        page.on("console", self._hear)
        page.on("request", self._note)
        page.on("response", self._note_answer)
        page.context.on("weberror", self._see)

    async def open(self, url: str) -> None:
        """Go there; once more if the page was just going elsewhere by itself."""
        from playwright.async_api import Error  # is there once there is a window

        try:
            await self.page.goto(url)
        except Error as failure:
            if not any(each in str(failure) for each in ("interrupted by another navigation", "ERR_ABORTED")):
                raise
            await self.page.wait_for_load_state()
            await self.page.goto(url)

    async def press(self, control: str) -> None:
        """Press a control that leads to another page."""
        await self.rested()
        async with self.page.expect_navigation():
            await self.page.click(control)

    async def rested(self) -> None:
        """Wait until the buttons of a page that has just come do something."""
        await self.page.locator("main button[aria-disabled=true]").first.wait_for(state="detached")

    async def tab(self) -> "Window":
        """Another window of the same browser."""
        return Window(await self.page.context.new_page(), self._trail)

    async def picture(self, caption: str) -> None:
        """What can be seen now, as evidence, with everything typed left out."""
        typed = [self.page.locator(_TYPED)]
        image = await self.page.screenshot(mask=typed, mask_color="#6e7781", animations="disabled")
        if len(image) <= LARGEST:
            self._trail.picture(caption, base64.b64encode(image).decode())
        else:
            self._trail.step(f"{caption}: the picture is left out, it has {len(image)} bytes")

    async def pictures(self, caption: str) -> None:
        """Of every window of this browser, as far as they can still be seen."""
        from playwright.async_api import Error

        for page in self.page.context.pages:
            try:
                await Window(page, self._trail).picture(caption)
            except Error as gone:
                self._trail.step(f"{caption}: no picture, {str(gone).partition(chr(10))[0]}")

    async def text(self, selector: str) -> list[str]:
        """The visible words of each such element."""
        return [await each.inner_text() for each in await self.page.locator(selector).all() if await each.is_visible()]

    def _hear(self, said: "ConsoleMessage") -> None:
        if "Content Security Policy" in said.text or "requires 'Trusted" in said.text:
            self.wrong.append(said.text)

    def _see(self, failure: "WebError") -> None:
        if failure.page == self.page:
            self.wrong.append(str(failure.error))

    def _note(self, request: "Request") -> None:
        self.addresses += [urldefrag(request.url).url, request.headers.get("referer", "")]
        self.posted += [request.url] if request.method == "POST" else []
        if request.resource_type in _TOLD:
            self._trail.visit(request.method, request.url, request.post_data if request.method == "POST" else None)

    def _note_answer(self, answer: "Response") -> None:
        if answer.request.resource_type in _TOLD:
            self._trail.visited(answer.status, answer.headers)


async def open_window(
    chromium: Chromium,
    trail: Trail,
    pace: Pace,
    *,
    issuer: str,
    cookies: Mapping[str, str],
) -> Window:
    """The first window of a browser. Its context is the caller's to close."""
    context = await chromium.context()
    secure = issuer.startswith("https:")
    for name, value in cookies.items():
        await context.add_cookies(
            [{"name": name, "value": value, "url": f"{issuer}/", "httpOnly": True, "secure": secure}]
        )
    await _pace(context, pace)
    return Window(await context.new_page(), trail)


async def _pace(context: "BrowserContext", pace: Pace) -> None:
    """The browser waits its turn as every other request does."""
    if not pace.holds_up:
        return

    async def in_turn(route: "Route") -> None:
        await pace.turn()
        await route.continue_()

    await context.route("**/*", in_turn)
