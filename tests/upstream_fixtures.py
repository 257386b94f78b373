"""Fixtures of tests that sign in at another provider; a test module asks for them by `pytest_plugins`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from authz_world import World
from segue_authz.upstream.provider import Admits
from small_internet import Internet, small_internet
from upstream_world import HOST, Upstream, upstream


@pytest.fixture
async def internet(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Internet]:
    async with small_internet(tmp_path, host=HOST) as opened:
        yield opened


@pytest.fixture
def works(world: World, internet: Internet) -> Upstream:
    """A provider that everybody may come in by."""
    return upstream(world, internet, admits=Admits.ANYBODY)
