"""Browsers that are open for one test, each with a profile of its own, and what must hold for all that they did."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from chromium import DESKTOP, PHONE, profile
from page_witness import leaked
from playwright.sync_api import Playwright
from stage import Stage
from two_devices import Desktop, Device, Phone

D = TypeVar("D", bound=Device)


class Devices:
    """Opens one when asked for it; who made this closes them."""

    def __init__(self, playwright: Playwright, stage: Stage, folder: Path, closing: ExitStack) -> None:
        self._playwright = playwright
        self._stage = stage
        self._folder = folder
        self._closing = closing
        self._opened: list[Device] = []

    def desktop(self) -> Desktop:
        return self._open(Desktop, DESKTOP)

    def phone(self, *, switches: Sequence[str] = (), **options: Any) -> Phone:
        return self._open(Phone, PHONE | options, switches)

    def amiss(self) -> list[str]:
        """Script errors, violated policies, failures of servers, and secrets in an address or a log."""
        witnesses = [device.witness for device in self._opened]
        secrets = {secret for witness in witnesses for secret in witness.secrets()}
        urls = {url for witness in witnesses for url in witness.urls()}
        logged = self._stage.logged()
        return [
            *(complaint for witness in witnesses for complaint in witness.complaints),
            *(f"a secret in an address: {leak}" for leak in leaked(secrets, urls)),
            *(f"a secret in a log: {leak}" for leak in leaked(secrets, logged)),
            *(f"a server failed: {line}" for line in logged if "Traceback" in line),
        ]

    def _open(self, kind: type[D], device: Mapping[str, Any], switches: Sequence[str] = ()) -> D:
        folder = self._folder / f"profile-{len(self._opened)}"
        context = self._closing.enter_context(profile(self._playwright, folder, device, switches=switches))
        opened = kind(context, self._stage)
        self._opened.append(opened)
        return opened


@contextmanager
def opened_devices(playwright: Playwright, stage: Stage, folder: Path) -> Iterator[Devices]:
    with ExitStack() as closing:
        yield Devices(playwright, stage, folder, closing)
