"""`segue bench store-peers`: what it measures of the store, and the floor under it, is really kept."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from postgresql_server import PostgreSQLServer
from segue_bench import peers
from segue_bench.ground import servers
from segue_bench.measure import Missing, Of, Plan
from segue_bench.opened_store import Place
from segue_bench.subjects import store_peers
from segue_bench.subjects.store_peers import FLOOR, LIBRARY, TURNS
from segue_bench.subjects.store_peers.floor import RawPostgresql, RawSqlite
from segue_bench.subjects.store_peers.own import Http, Store
from segue_bench.subjects.store_peers.turns import turns

pytestmark = pytest.mark.requirement("E5", "T7")


@pytest.mark.postgresql
def test_on_both_databases_the_store_is_measured_beside_the_floor_and_peers_that_are_not_there_are_named(
    tmp_path: Path, postgresql_server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(9))
    files = Place("SQLite", lambda: f"sqlite:///{tmp_path}/{next(numbers)}.db")
    cluster = Place("PostgreSQL", postgresql_server.create_database)

    def none(*_: object, **__: object) -> Path:
        raise Missing("nothing can be installed")

    monkeypatch.setattr(peers, "python", none)
    monkeypatch.setattr(store_peers, "places", lambda *_: [files, cluster])
    monkeypatch.setattr(store_peers, "QUICK_DEPTHS", (1, 3))
    monkeypatch.setattr(store_peers, "FILLED", 10)
    result = store_peers.run(Plan(quick=True, rounds=1, peers=tmp_path), lambda _: None)
    groups = [f"{name}, {depth} turns deep" for name in ("SQLite", "PostgreSQL") for depth in (1, 3)]
    assert [(figure.group, figure.what) for figure in result.figures] == [
        (group, what) for group in groups for what in (FLOOR, LIBRARY)
    ]
    assert {figure.samples for figure in result.figures} == {TURNS}
    assert {figure.of for figure in result.figures} == {Of.FLOOR, Of.SEGUE}
    assert [target.what for target in result.targets] == [f"{group}: {LIBRARY}, against {FLOOR}" for group in groups]
    assert all("times: " in target.reason for target in result.targets)
    assert list(result.missing.values()) == ["nothing can be installed"]


def test_every_turn_is_two_events_of_the_task(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    store.begin("tsk_1", turns(0, 60))
    assert len(store.go_on("tsk_1", turns(60, 3))) == 3
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        assert connection.execute("SELECT head FROM task_heads WHERE task_id = 'tsk_1'").fetchone() == (1 + 2 * 63,)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1 + 2 * 63,)


def test_over_http_every_turn_is_two_events_of_a_task_that_a_person_began() -> None:
    with servers(None, None) as on:
        device = Http(on)
        device.begin(turns(0, 60))
        assert len(device.go_on(turns(60, 3))) == 3
        device.close()
        with sqlite3.connect(on.environment["SEGUE_RESOURCE_DATABASE"].removeprefix("sqlite:///")) as connection:
            assert connection.execute("SELECT head FROM task_heads").fetchall() == [(1 + 2 * 63,)]


def test_the_floor_on_sqlite_holds_the_same_bytes_and_flushes_each_commit(tmp_path: Path) -> None:
    said = turns(0, 4)
    raw = RawSqlite(f"sqlite:///{tmp_path}/raw.db")
    raw.begin(said[:2])
    assert len(raw.take(said[2:])) == 2
    assert [raw.pragma(name) for name in ("journal_mode", "synchronous")] == ["wal", 2]
    raw.close()
    with sqlite3.connect(tmp_path / "raw.db") as connection:
        kept = [body.decode() for (body,) in connection.execute("SELECT body FROM said ORDER BY number")]
    assert kept == [text for turn in said for text in turn]


@pytest.mark.postgresql
def test_the_floor_on_postgresql_holds_the_same_bytes(postgresql_database: str) -> None:
    said = turns(0, 4)
    raw = RawPostgresql(postgresql_database)
    raw.begin(said[:2])
    assert len(raw.take(said[2:])) == 2
    raw.close()
    with psycopg.connect(postgresql_database) as connection:
        kept = [bytes(body).decode() for (body,) in connection.execute("SELECT body FROM said ORDER BY number")]
    assert kept == [text for turn in said for text in turn]
