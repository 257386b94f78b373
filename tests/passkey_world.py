"""People with authenticators in software, at the pages of the authorization server."""

import re
from typing import Any

import httpx2
from authz_world import ISSUER, Browser
from segue_threats.authenticator import AS_IT_IS, Authenticator, Credential, Said

HERE = "/account/security"


def authenticator(**how: Any) -> Authenticator:
    """One at the server's own origin."""
    return Authenticator(ISSUER, **how)


async def creation_options(browser: Browser) -> Any:
    return (await browser.http.get("/account/passkeys/options")).json()


async def request_options(browser: Browser, *, anew: bool = False) -> Any:
    return (await browser.http.get("/sign-in/passkey" + ("?anew=yes" if anew else ""))).json()


async def register(browser: Browser, credential: str, name: str = "Laptop", **fields: str) -> httpx2.Response:
    """Send what an authenticator said."""
    form = {"csrf": csrf(browser), "credential": credential, "name": name, **fields}
    return await browser.http.post("/account/passkeys/add", data=form)


async def add_passkey(
    browser: Browser, keys: Authenticator, name: str = "Laptop", said: Said = AS_IT_IS
) -> httpx2.Response:
    return await register(browser, keys.create(await creation_options(browser), said), name)


async def present(browser: Browser, credential: str, *, anew: bool = False, return_to: str = "/") -> httpx2.Response:
    form = {"csrf": csrf(browser), "credential": credential, "return_to": return_to}
    return await browser.http.post("/sign-in/passkey", data=form | ({"anew": "yes"} if anew else {}))


async def sign_in(
    browser: Browser,
    keys: Authenticator,
    said: Said = AS_IT_IS,
    *,
    credential: Credential | None = None,
    anew: bool = False,
    return_to: str = "/",
) -> httpx2.Response:
    options = await request_options(browser, anew=anew)
    return await present(browser, keys.get(options, said, credential), anew=anew, return_to=return_to)


def csrf(browser: Browser) -> str:
    """What a page of this browser's has in its forms."""
    return browser.world.derivation.csrf(browser.http.cookies["segue"])


async def change(browser: Browser, path: str, **fields: str) -> httpx2.Response:
    """One of the forms of the page about how one signs in."""
    return await browser.http.post(path, data={"csrf": csrf(browser), **fields})


async def make_codes(browser: Browser) -> list[str]:
    answer = await change(browser, "/account/recovery-codes")
    return re.findall(r"<code[^>]*>([A-Z-]+)</code>", answer.text)


async def recover(browser: Browser, username: str, code: str) -> httpx2.Response:
    await browser.http.get("/sign-in/recovery")
    form = {"csrf": csrf(browser), "username": username, "code": code}
    return await browser.http.post("/sign-in/recovery", data=form)


def passkey_ids(page: str) -> list[str]:
    return re.findall(r'data-fact="passkey" data-value="(psk_[^"]+)"', page)


def events(page: str) -> list[str]:
    """The newest first."""
    return re.findall(r'data-fact="event" data-value="([^"]+)"', page)


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.http.get(HERE)).status_code == 200
