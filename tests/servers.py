"""Fixtures with real PostgreSQL and Redis servers, and with each backend in turn for the contract suites."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgresql_server import PostgreSQLServer, running_postgresql
from redis_cluster import RedisCluster, running_redis_cluster
from redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """One cluster for the whole run. Tests that stop theirs want `own_postgresql`."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: PostgreSQLServer) -> str:
    """The cluster's URL, with the database `postgres`, which is nobody's."""
    return postgresql_server.url


@pytest.fixture(scope="module")
def postgresql_database(postgresql_server: PostgreSQLServer) -> Iterator[str]:
    """The URL of a database for one module, empty at its first test."""
    url = postgresql_server.create_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(scope="session")
def _database_for_every_test(postgresql_server: PostgreSQLServer) -> str:
    return postgresql_server.create_database()


@pytest.fixture(scope="session")
def _database_for_authz(postgresql_server: PostgreSQLServer) -> str:
    """Whose tables stay from one test to the next."""
    return postgresql_server.create_database()


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQLServer]:
    """A cluster for one test, which may stop and start it."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for the whole run. Tests that stop theirs want `own_redis`."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """The URL of that Redis, with whatever earlier tests left in it."""
    return redis_server.url


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis for one test, which may stop and start it."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """One cluster without replicas for the whole run."""
    with running_redis_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database for one test: once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/segue.sqlite3"
    server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
    url: str = request.getfixturevalue("_database_for_every_test")
    server.empty(url)
    return url


@pytest.fixture(params=["in-process", *(pytest.param(name, marks=pytest.mark.redis) for name in ("redis", "cluster"))])
def ephemeral_url(request: pytest.FixtureRequest) -> str | None:
    """What `open_ephemeral` opens, empty: the memory of the process (None), a Redis, and a Redis cluster."""
    if request.param == "in-process":
        return None
    if request.param == "cluster":
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        cluster.empty()
        return cluster.url
    server: RedisServer = request.getfixturevalue("redis_server")
    server.ask("FLUSHALL")
    return server.url
