"""Fixtures around the task store; a test module asks for them by `pytest_plugins`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from resource_world import StoreWorld, open_store_world


@pytest.fixture(params=["embedded", pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])])
async def store(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    """The task store with one task of the owner: on SQLite and this process, then on PostgreSQL and Redis."""
    if request.param == "embedded":
        database_url, ephemeral_url = f"sqlite:///{tmp_path}/resource.db", None
    else:
        redis = request.getfixturevalue("redis_server")
        redis.ask("FLUSHALL")
        database_url, ephemeral_url = request.getfixturevalue("postgresql_database"), redis.url
    async with open_store_world(tmp_path, database_url=database_url, ephemeral_url=ephemeral_url) as world:
        await world.begin()
        yield world


@pytest.fixture
async def embedded_store(tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    """The same on SQLite alone, for what no database has a part in."""
    async with open_store_world(
        tmp_path, database_url=f"sqlite:///{tmp_path}/resource.db", ephemeral_url=None
    ) as world:
        await world.begin()
        yield world
