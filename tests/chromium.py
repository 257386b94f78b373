"""Debian's Chromium under Playwright: one for the pages alone, and profiles of their own, as separate devices have."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Playwright, expect, sync_playwright
from server_process import binary

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
]
PATIENCE = 30_000
"""Milliseconds in which something on a page has to happen; a loaded machine is slow."""
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


def executable(*, whole: bool = False) -> Path:
    """Debian's build for pages alone, which takes half the processor time, or the `whole` browser."""
    shell = shutil.which("chromium-headless-shell")
    return binary("chromium") if whole or shell is None else Path(shell)


@contextmanager
def started_playwright() -> Iterator[Playwright]:
    """One at a time in a thread, and no event loop of another kind beside it; skips the test without Chromium."""
    executable()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def profile(
    playwright: Playwright,
    folder: Path,
    device: Mapping[str, Any],
    *,
    switches: Sequence[str] = (),
    whole: bool = False,
) -> Iterator[BrowserContext]:
    """A Chromium with a user-data folder of its own: cookies, keys and databases are shared with no other."""
    context = playwright.chromium.launch_persistent_context(
        folder, executable_path=executable(whole=whole), args=[*SWITCHES, *switches], locale="en-GB", **device
    )
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()
