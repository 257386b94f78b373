"""One deployment for all rehearsals of a module, with a PostgreSQL and a Redis that they may stop."""

from collections.abc import Iterator

import pytest
from operated import Operated, operated
from postgresql_server import PostgreSQLServer, running_postgresql
from redis_server import RedisServer, running_redis


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQLServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQLServer, redis: RedisServer
) -> Iterator[Operated]:
    folder = tmp_path_factory.mktemp("site")
    with operated(folder, database=postgresql.create_database(), redis=redis.url) as running:
        yield running
