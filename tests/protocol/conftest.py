"""The servers, in process, on either storage set."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from authz_world import World, open_world


@dataclass(frozen=True)
class StorageSet:
    """Where a server keeps what lasts, and what may be lost (None: in process)."""

    database_url: str
    ephemeral_url: str | None


@pytest.fixture(params=["embedded", pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])])
def storage_set(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSet:
    """SQLite and this process; then PostgreSQL and Redis."""
    if request.param == "embedded":
        return StorageSet(f"sqlite:///{tmp_path}/authz.db", None)
    redis = request.getfixturevalue("redis_server")
    redis.ask("FLUSHALL")
    url: str = request.getfixturevalue("_database_for_authz")
    request.getfixturevalue("postgresql_server").clear(url)
    return StorageSet(url, redis.url)


@pytest.fixture
async def world(tmp_path: Path, storage_set: StorageSet) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=storage_set.database_url, ephemeral_url=storage_set.ephemeral_url)
    yield opened
    await opened.aclose()
