"""deploy/docker-compose.yml natively: everything is reached through the proxy, and goes on while all of it is replaced.

The servers of this release are replaced by those of a newer one, under steady traffic, one after the other, on tables
that the newer one brought first. At the end a still newer one takes the tables away.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from installation import Installation, running_installation
from journey import CALL, LEASE, open_journey, said, texts
from newer_release import newer_release
from rounds import rounds
from segue_storage.migrations import BLOCKING
from segue_storage.schema_watch import EVERY
from segue_storage.server import DRAIN
from server_process import PATIENCE
from steady_traffic import Traffic, steady_traffic

pytestmark = [pytest.mark.postgresql, pytest.mark.redis]
ROUNDS = rounds(bounded=1, full=10)
"""How often all four are replaced."""
TABLES = {"segue_authz": "grants", "segue_resource": "task_heads"}
_LOCKS = """
SELECT virtualtransaction FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE mode = 'AccessExclusiveLock' AND relname = ANY(%s)
"""


@pytest.fixture(scope="module")
def installed(
    postgresql_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with running_installation(folder, database=postgresql_database, redis=redis_url) as installed:
        yield installed


@dataclass(frozen=True)
class Rolled:
    """What happened while the servers were replaced. `blocked` is for how many seconds each migration locked tables."""

    traffic: Traffic
    wrote_on_new_tables: int
    failed: list[str]
    migrated: str
    blocked: list[float]
    ready: list[bool]


@pytest.fixture(scope="module")
def rolled(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> Rolled:
    newer = newer_release(tmp_path_factory.mktemp("newer"), TABLES, column="note", expands=True)
    return asyncio.run(_roll(installed, newer))


async def _roll(installed: Installation, newer: Path) -> Rolled:
    async with open_journey(installed.site, installed.person, trust=installed.trust) as journey:
        async with steady_traffic(journey, tasks=3) as traffic:
            await asyncio.sleep(0.5)
            installed.release = newer
            with _locks_watched(installed.database) as blocked:
                migrated = await asyncio.to_thread(installed.run, "migrate")
            ready = [await asyncio.to_thread(installed.ready, name) for name in installed.names]
            before = sum(traffic.wrote.values())
            begun = await journey.begin()  # by this release, on the tables of the newer one
            await asyncio.sleep(0.5)
            wrote = sum(traffic.wrote.values()) - before
            for _ in range(ROUNDS):
                await installed.rolling_restart()
            await journey.begin()  # by the newer one
            await journey.task(begun).append([said("by the newer one, to a task of the older one")])
            await asyncio.sleep(0.5)
        failed = [*journey.networks[0].failed, *traffic.failed]
    slowest = max(ended.seconds for ended in installed.ended)
    print(
        f"{len(installed.ended)} processes replaced, the slowest ended in {slowest:.1f} s; {len(failed)} failed beside"
        f" {2 * sum(traffic.wrote.values()) + traffic.refreshed} requests, {traffic.refreshed} of them refreshes;"
        f" {sum(reader.told for reader in traffic.readers)} streams told to go elsewhere; tables locked for"
        f" {', '.join(f'{seconds * 1000:.0f}' for seconds in blocked)} ms"
    )
    return Rolled(traffic, wrote, failed, migrated.stdout + migrated.stderr, blocked, ready)


@pytest.mark.anyio
@pytest.mark.requirement("E5", "U1", "A2", "T8")
async def test_a_task_moves_through_the_proxy(installed: Installation) -> None:
    async with open_journey(installed.site, installed.person, trust=installed.trust) as journey:
        desktop = await journey.begin()
        await journey.task(desktop).append([said("before")])
        call = await journey.task(desktop).propose(CALL)
        phone = await journey.hand_over(desktop)
        task = journey.task(phone)
        assert texts(await task.events()) == ["before"]
        assert (await task.step(call["call_id"], "claim", lease=LEASE))["state"] == "claimed"
        late = await journey.at_store(
            desktop, "POST", f"/tasks/{desktop.task_id}/events", json={"events": [said("late")]}
        )
        assert late.status_code == 409


@pytest.mark.requirement("E5")
def test_the_proxy_speaks_http_2_over_tls_1_3_and_has_no_name_for_others(installed: Installation) -> None:
    for port in (installed.proxy_ports.issuer, installed.proxy_ports.store):
        assert _spoken(installed, port, ssl.TLSVersion.TLSv1_3) == ("TLSv1.3", "h2")
        with pytest.raises(ssl.SSLError):
            _spoken(installed, port, ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError):
        _spoken(installed, installed.proxy_ports.other, ssl.TLSVersion.TLSv1_3)


@pytest.mark.requirement("E5")
def test_who_is_ready_is_asked_behind_the_proxy(installed: Installation) -> None:
    for url in (installed.site.issuer, installed.site.store):
        assert httpx2.get(f"{url}/healthz", verify=installed.trust).status_code == 200
        assert httpx2.get(f"{url}/readyz", verify=installed.trust).status_code == 404
    assert all(installed.ready(name) for name in installed.names)


@pytest.mark.requirement("E5", "R48")
def test_no_request_fails_while_every_server_is_replaced(rolled: Rolled, installed: Installation) -> None:
    assert rolled.failed == []
    assert [ended.name for ended in installed.ended] == installed.names * ROUNDS
    assert sum(rolled.traffic.wrote.values()) > 100
    assert rolled.traffic.refreshed > 3
    for name in installed.names:
        assert "Traceback" not in installed.log(name)


@pytest.mark.requirement("T7", "T8", "R50", "R61")
def test_streams_are_told_and_go_on_where_they_were(rolled: Rolled) -> None:
    for grant, reader in zip(rolled.traffic.grants, rolled.traffic.readers, strict=True):
        assert reader.broken == 0
        assert ROUNDS <= reader.told <= 2 * ROUNDS  # by the one they were at, and by the one they went to
        assert reader.seen == list(range(1, len(reader.seen) + 1))
        assert len(reader.seen) >= rolled.traffic.wrote[grant.task_id]


@pytest.mark.requirement("E5")
def test_a_server_ends_within_its_drain_time(rolled: Rolled, installed: Installation) -> None:
    assert [ended.name for ended in installed.ended if ended.seconds > DRAIN + 2] == []
    assert {ended.status for ended in installed.ended} <= {0, -15}


@pytest.mark.requirement("E5", "R48")
def test_servers_go_on_with_tables_that_a_newer_release_has_added_to(rolled: Rolled, installed: Installation) -> None:
    assert "segue_authz: from" in rolled.migrated
    assert "segue_resource: from" in rolled.migrated
    assert rolled.ready == [True] * 4  # of this release
    assert rolled.wrote_on_new_tables > 10
    with psycopg.connect(installed.database) as connection:
        for table in TABLES.values():
            notes = {note for (note,) in connection.execute(f"SELECT note FROM {table}")}
            assert notes == {None, "newer"}  # of both releases


@pytest.mark.requirement("E5")
def test_a_migration_locks_tables_of_servers_for_a_moment_only(rolled: Rolled) -> None:
    assert len(rolled.blocked) <= 20
    assert max(rolled.blocked, default=0) < 5 * BLOCKING / 1000  # the rest is for a busy machine


@pytest.mark.requirement("E5")
def test_servers_stop_when_a_newer_release_takes_their_tables_away(
    rolled: Rolled, installed: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    served, later = installed.release, tmp_path_factory.mktemp("later")
    newer_release(later, TABLES, column="note", expands=True)
    installed.release = newer_release(later, TABLES, column="title", expands=False)
    refused = installed.run("migrate")
    assert refused.returncode == 1
    assert "stop them, then run `segue db upgrade`" in refused.stderr
    assert all(installed.ready(name) for name in installed.names)
    assert installed.run("migrate", "db", "upgrade").returncode == 0
    for name in installed.names:
        installed.processes[name].wait(EVERY + DRAIN + PATIENCE)
        assert "the server stops: the database has revision" in installed.log(name)
    installed.release = served
    again = installed.run("authz-1", "authz", "--port", "0")
    assert again.returncode == 1
    assert "install a newer one" in again.stderr


def _spoken(installed: Installation, port: int, version: ssl.TLSVersion) -> tuple[str | None, str | None]:
    context = ssl.create_default_context(cafile=str(installed.certificate.certificate))
    context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secured,
    ):
        return secured.version(), secured.selected_alpn_protocol()


@contextmanager
def _locks_watched(url: str) -> Iterator[list[float]]:
    """For how many seconds each transaction that changed a table had, or waited for, what keeps all others waiting."""
    seen: dict[str, list[float]] = defaultdict(list)
    blocked: list[float] = []
    over = threading.Event()

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                for (transaction,) in connection.execute(_LOCKS, [list(TABLES.values())]):
                    seen[transaction].append(time.monotonic())
                over.wait(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield blocked
    finally:
        over.set()
        thread.join()
        blocked += [times[-1] - times[0] for times in seen.values()]
