"""A real browser for attacks on pages: Chromium, driven by Playwright, which `segue-threats[browser]` brings."""

import asyncio
import base64
import hashlib
import importlib.util
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from segue_threats.attack import PreconditionFailed
from segue_threats.target import Configuration

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = ("--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync")
PATIENCE = 20_000
"""Milliseconds in which something on a page has to happen."""
TELEPHONE = {"viewport": {"width": 360, "height": 740}}


@dataclass(frozen=True)
class NoBrowser:
    """`reason` stands in the report; `counts`: whoever runs the suite has not chosen so."""

    reason: str
    counts: bool


class Chromium:
    """Started by the first attack that wants it, and ended with the run."""

    def __init__(self, executable: Path, configuration: Configuration, closing: AsyncExitStack) -> None:
        self._executable = executable
        self._configuration = configuration
        self._closing = closing
        self._browser: Browser | None = None

    async def context(self, **device: Any) -> "BrowserContext":
        """A browser of its own, with no cookies yet. Raises `PreconditionFailed`."""
        browser = self._browser = self._browser or await self._started()
        context = await browser.new_context(locale="en-GB", **(device or TELEPHONE))
        context.set_default_timeout(PATIENCE)
        return context

    async def _started(self) -> "Browser":
        from playwright.async_api import Error, async_playwright  # an extra; the other attacks do without

        switches = [*SWITCHES, *await _trusting(self._configuration)]
        playwright = await self._closing.enter_async_context(async_playwright())
        try:
            browser = await playwright.chromium.launch(
                executable_path=self._executable,
                args=switches,
                chromium_sandbox=os.geteuid() != 0,  # Chromium has none for root
            )
        except Error as failure:
            first = str(failure).partition("\n")[0]
            raise PreconditionFailed(f"{self._executable} does not start: {first}") from failure
        self._closing.push_async_callback(browser.close)
        return browser


@asynccontextmanager
async def found(
    named: Path | None, configuration: Configuration, *, wanted: bool = True
) -> AsyncIterator[Chromium | NoBrowser]:
    """The browser that was named, or the one on PATH, or the reason why there is none."""
    executable = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not wanted:
        yield NoBrowser("it needs a browser, and --no-browser was given", counts=False)
    elif importlib.util.find_spec("playwright") is None:
        yield NoBrowser("it needs a browser, and Playwright is not installed: segue-threats[browser]", counts=True)
    elif executable is None:
        sought = f"there is no program {named}" if named else "there is no Chromium on PATH, and none was named"
        yield NoBrowser(f"it needs a browser, and {sought} (--browser FILE)", counts=True)
    else:
        async with AsyncExitStack() as closing:
            yield Chromium(Path(executable), configuration, closing)


async def _trusting(configuration: Configuration) -> list[str]:
    """The key of a server under roots of one's own is good, and no other that this machine does not know.

    It is taken from the server once, under those roots: Chromium reads no file of roots.
    """
    place = urlsplit(configuration.issuer)
    if not isinstance(configuration.trust, ssl.SSLContext) or place.scheme != "https":
        return []
    try:
        _, writer = await asyncio.open_connection(place.hostname, place.port or 443, ssl=configuration.trust)
    except OSError as failure:
        raise PreconditionFailed(f"{configuration.issuer} cannot be reached for the browser: {failure}") from failure
    certificate = load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    writer.transport.abort()
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}"]
