"""Fixtures every test may use."""

import gc

import pytest

pytest_plugins = ["nothing_skipped", "servers"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    """What was imported to be tested stays: the collector of garbage need not look at it again after each test."""
    gc.collect()
    gc.freeze()
