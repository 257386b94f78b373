"""Whether requests may be sent to a process: each thing that may be missing is named."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from segue_storage.database import Database, open_database
from segue_storage.ephemeral import Ephemeral, MemoryUnavailable, open_ephemeral
from segue_storage.going_away import GoingAway, heard_at_signals
from segue_storage.migrations import Schema, upgrade
from segue_storage.readiness import Readiness
from throwaway_package import NAME, ThrowawayPackage

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E5")]
PEOPLE = "op.create_table('people', sa.Column('id', sa.Integer, primary_key=True))"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ThrowawayPackage:
    monkeypatch.syspath_prepend(tmp_path)
    package = ThrowawayPackage(tmp_path)
    package.add_revision("0001", PEOPLE)
    return package


@pytest.fixture
async def database(database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    database = open_database(database_url, threads=1)
    yield database
    await database.aclose()


@pytest.fixture
async def ephemeral(anyio_backend: str) -> AsyncIterator[Ephemeral]:
    ephemeral = open_ephemeral(None)
    yield ephemeral
    await ephemeral.aclose()


async def test_a_server_is_ready_on_tables_that_it_may_serve_on(
    database_url: str, database: Database, ephemeral: Ephemeral, package: ThrowawayPackage
) -> None:
    async def missing() -> list[str]:
        return await Readiness(database, ephemeral, Schema(NAME), GoingAway()).missing()

    assert await missing() == ["schema"]
    upgrade(database_url, NAME)
    assert await missing() == []
    package.add_revision("0002", "op.add_column('people', sa.Column('age', sa.Integer))", expands=True)
    upgrade(database_url, NAME)
    package.forget_revision("0002")
    assert await missing() == []
    package.add_revision("0002", "op.add_column('people', sa.Column('age', sa.Integer))", expands=True)
    package.add_revision("0003", "op.drop_table('people')")
    upgrade(database_url, NAME)
    package.forget_revision("0003")
    package.forget_revision("0002")
    assert await missing() == ["schema"]


async def test_what_cannot_be_reached_is_named(
    database_url: str,
    database: Database,
    ephemeral: Ephemeral,
    package: ThrowawayPackage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upgrade(database_url, NAME)
    readiness = Readiness(database, ephemeral, Schema(NAME), GoingAway())

    async def away() -> int:
        raise MemoryUnavailable("away")

    monkeypatch.setattr(ephemeral, "incarnation", away)
    assert await readiness.missing() == ["ephemeral"]
    await database.aclose()
    assert await readiness.missing() == ["database", "ephemeral"]


async def test_a_server_that_was_told_to_stop_is_not_ready_any_more(
    database_url: str, database: Database, ephemeral: Ephemeral, package: ThrowawayPackage
) -> None:
    upgrade(database_url, NAME)
    going_away = GoingAway()
    readiness = Readiness(database, ephemeral, Schema(NAME), going_away)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with heard_at_signals(going_away):
            assert await readiness.missing() == []
            said = asyncio.Event()
            with going_away.heard(said.set):
                signal.raise_signal(signal.SIGTERM)
                await asyncio.wait_for(said.wait(), 10)
            assert await readiness.missing() == ["stopping"]
    finally:
        signal.signal(signal.SIGTERM, before)
