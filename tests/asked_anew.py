"""Requests that want somebody to sign in anew, or in a certain way, and how a browser answers them."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from authz_world import Browser, Device, World


async def signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def ask(browser: Browser, device: Device, verifier: str = "v" * 43, **wanted: str) -> httpx2.Response:
    return await browser.http.get("/authorize?" + urlencode(device.request(verifier) | wanted))


async def decide(browser: Browser, page: httpx2.Response) -> httpx2.Response:
    fields = {"task": "new", "name": "Acme contract revision", "decision": "approve"}
    return await browser.submit("/authorize", page, **fields)


def told(answer: httpx2.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
