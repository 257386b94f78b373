"""What the acceptance tests act upon: a running `segue demo`, and both servers as an operator runs them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from deployment import Deployment, running_deployment
from journey import Journey, open_journey
from running_demo import RunningDemo, running_demo
from segue_demo.enrolled import Person


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """One for all tests that leave it running."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def stranger(demo: RunningDemo) -> Person:
    """Somebody else who may sign in there."""
    return demo.enrol("stranger")


@pytest.fixture
async def journey(demo: RunningDemo, anyio_backend: str) -> AsyncIterator[Journey]:
    async with open_journey(demo.site, demo.person) as opened:
        yield opened


@pytest.fixture
def own_demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """For one test, which may kill it and start it again."""
    with running_demo(tmp_path) as running:
        yield running


@pytest.fixture(params=["embedded", pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """For one test: on SQLite and memory; then two processes of each server on PostgreSQL and Redis."""
    if request.param == "embedded":
        with running_deployment(tmp_path) as running:
            yield running
        return
    database = request.getfixturevalue("postgresql_server").create_database()
    redis = request.getfixturevalue("redis_server")
    redis.ask("FLUSHALL")
    with running_deployment(tmp_path, database=database, redis=redis.url, workers=2) as running:
        yield running
