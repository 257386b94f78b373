"""One Playwright and one Chromium for each module; while it runs, its thread can have no other event loop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import SWITCHES, executable, started_playwright
from opened_devices import Devices, opened_devices
from playwright.sync_api import Browser, Playwright
from stage import Stage, embedded_stage, scaled_stage
from two_devices import Desktop, Phone

JOB_SECONDS = 20
"""Longer than a whole transfer takes here, so that the tool call still runs when the task arrives."""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with started_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """For tests that need pages and no profile."""
    browser = playwright.chromium.launch(executable_path=executable(), args=SWITCHES)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def whole_chromium(playwright: Playwright) -> Iterator[Browser]:
    """For what is beside the page, such as notifications."""
    browser = playwright.chromium.launch(executable_path=executable(whole=True), args=SWITCHES)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Embedded, unless a test asks for `scaled`. It signs nobody in more than ten times in five minutes."""
    folder = tmp_path_factory.mktemp("stage")
    if getattr(request, "param", "embedded") == "embedded":
        with embedded_stage(folder, job_seconds=JOB_SECONDS) as opened:
            yield opened
        return
    database, redis = request.getfixturevalue("postgresql_database"), request.getfixturevalue("redis_url")
    with scaled_stage(folder, database=database, redis=redis, job_seconds=JOB_SECONDS) as opened:
        yield opened


@pytest.fixture
def devices(playwright: Playwright, stage: Stage, tmp_path: Path) -> Iterator[Devices]:
    """As many as a test wants; at its end everything that they did must have been in order."""
    with opened_devices(playwright, stage, tmp_path) as opened:
        yield opened
        assert opened.amiss() == []


@pytest.fixture
def desktop(devices: Devices) -> Desktop:
    return devices.desktop()


@pytest.fixture
def phone(devices: Devices) -> Phone:
    return devices.phone()
