"""Fixtures every test may use."""

import pytest

pytest_plugins = ["nothing_skipped", "servers"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
