"""Each incident of specs/runbook.md, brought about: it shows as the runbook says, its commands run, and it ends."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from journey import CALL, Journey, open_journey, said
from operated import Operated, number_in, run, until
from postgresql_server import PostgreSQLServer
from redis_server import RedisServer
from resource_process import Process, serving_issuer
from runbook import Section, section, sections
from segue_client.device import Refused
from segue_client.grant import Grant
from server_process import free_port
from small_disk import Disk, mounted

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E5"), pytest.mark.postgresql, pytest.mark.redis]


@dataclass(frozen=True)
class SmallStore:
    """A task store on SQLite, on a disk of few megabytes."""

    process: Process
    disk: Disk
    metrics: str

    def failures(self, cause: str) -> float:
        text = httpx2.get(f"http://{self.metrics}/metrics", timeout=10).text
        return number_in(text, "segue_database_failures_total", cause=cause)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallStore]:
    state = tmp_path / "state"
    state.mkdir()
    metrics = f"127.0.0.1:{free_port()}"
    with mounted(state) as disk, serving_issuer() as issuer:
        process = Process(tmp_path, issuer, SEGUE_STATE=str(state), SEGUE_RESOURCE_METRICS=metrics)
        process.start()
        try:
            yield SmallStore(process, disk, metrics)
        finally:
            process.close()


@pytest.fixture
def book(request: pytest.FixtureRequest) -> Section:
    """The section that the test rehearses."""
    return section(request.node.name.removeprefix("test_"))


def test_each_section_is_rehearsed_and_each_rehearsal_has_its_section(request: pytest.FixtureRequest) -> None:
    here = {name.removeprefix("test_") for name, found in globals().items() if name.startswith("test_")}
    rehearsals = here - {"each_section_is_rehearsed_and_each_rehearsal_has_its_section"}
    assert rehearsals == {found.name for found in sections()}
    assert len(rehearsals) == 10


async def test_redis_is_gone_or_empty(site: Operated, book: Section, redis: RedisServer) -> None:
    book.tells("segue_redis_outages_total", "cannot verify", "use-dpop-nonce", "/readyz")
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        assert await read(journey, grant) == 200
        redis.stop()
        assert await read(journey, grant) == 503
        with pytest.raises(Refused, match="temporarily_unavailable"):
            await grant.refresh(journey.site.store)
        for server in ("authz", "resource"):
            assert site.number(server, "segue_redis_outages_total") > 0, server
            assert await ready(site, server) == 503
        assert logged(site, "resource", "cannot verify")
        redis.start()
        await until(lambda: reads(journey, grant))
        await grant.refresh(journey.site.store)
        nonces = site.number("resource", "segue_problems_total", problem="use-dpop-nonce")
        redis.ask("FLUSHALL")
        assert await read(journey, grant) == 200
        assert site.number("resource", "segue_problems_total", problem="use-dpop-nonce") == nonces + 1
        await grant.refresh(journey.site.store)


async def test_postgresql_is_gone_or_fails_over(site: Operated, book: Section, postgresql: PostgreSQLServer) -> None:
    book.tells("segue_database_failures_total", 'cause="unreachable"', "the database is unavailable")
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        assert await read(journey, grant) == 200
        postgresql.stop()
        assert await read(journey, grant) == 503
        assert site.number("resource", "segue_database_failures_total", cause="unreachable") > 0
        assert await ready(site, "authz") == 503
        assert site.number("authz", "segue_database_failures_total", cause="unreachable") > 0
        assert logged(site, "resource", "the database is unavailable")
        postgresql.start()
        await until(lambda: reads(journey, grant))
        await journey.task(grant).append([said("goes on")])
        query = book.command('psql "$SEGUE_RESOURCE_DATABASE" -c "SELECT pg_is_in_recovery()"').split('"')[-2]
        with psycopg.connect(site.resource_database) as connection:
            assert connection.execute(query).fetchone() == (False,)


async def test_connections_are_exhausted(site: Operated, book: Section) -> None:
    book.tells("segue_database_failures_total", 'cause="connections"', "segue_database_wait_seconds")
    who = book.command(
        "SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC"
    )
    cure = book.command(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'NAME'", NAME="segue_hog"
    )
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        assert await read(journey, grant) == 200
        with ExitStack() as held, psycopg.connect(site.resource_database, autocommit=True) as operator:
            operator.execute("DROP ROLE IF EXISTS segue_hog")
            operator.execute("CREATE ROLE segue_hog SUPERUSER LOGIN")
            take_all(held, operator, site.resource_database.replace("//postgres@", "//segue_hog@"))
            assert await read(journey, grant) == 503
            assert site.number("resource", "segue_database_failures_total", cause="connections") > 0
            assert operator.execute(who).fetchall()[0][0] == "segue_hog"
            operator.execute(cure)
            await until(lambda: reads(journey, grant))
            operator.execute("DROP ROLE segue_hog")


async def test_the_disk_is_full(small: SmallStore, book: Section) -> None:
    book.tells("segue_database_failures_total", 'cause="disk-full"', "the database is unavailable")
    small.process.begin("tsk_full")
    device = small.process.device("tsk_full")
    assert (device.say("before").status_code, device.request("GET", "").status_code) == (201, 200)
    small.disk.fill()
    long = {"events": [said("x" * 8000)]}
    assert 503 in [device.request("POST", "/events", json=long).status_code for _ in range(20)]
    assert device.request("GET", "").status_code == 200
    assert small.failures("disk-full") > 0
    assert "the database is unavailable" in (small.process.folder / "log").read_text()
    small.disk.free()
    assert device.say("after").status_code == 201
    stands = small.failures("disk-full")
    for command in ("segue tasks retain --dry-run", "segue tasks retain", "segue tasks verify"):
        run(book.command(command), small.process.environment)
    assert small.failures("disk-full") == stands


async def test_a_clock_is_wrong(site: Operated, book: Section) -> None:
    book.tells("segue_proof_refusals_total", 'reason="UntimelyProof"')
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        assert await read(journey, grant) == 200
        before = site.number("resource", "segue_proof_refusals_total", reason="UntimelyProof")
        site.clock.set(wall=120)
        assert await read(journey, grant) == 401
        assert site.number("resource", "segue_proof_refusals_total", reason="UntimelyProof") > before
        site.clock.set(wall=0)
        assert await read(journey, grant) == 401, "time does not go back in a process that lives"
        assert logged(site, "resource", "the clock was set back")
        site.restart("resource")
        assert await read(journey, grant) == 200
        assert site.number("resource", "segue_proof_refusals_total", reason="UntimelyProof") == 0


async def test_a_signing_key_is_compromised(site: Operated, book: Section) -> None:
    book.tells("segue_signing_key_age_seconds", "segue_proof_refusals_total", 'reason="InvalidToken"')
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        old = await grant.token(journey.site.store)
        assert site.number("authz", "segue_signing_key_age_seconds") > 86_400
        site.run(book.command("segue keys rotate --compromised"))
        assert len(site.run(book.command("segue keys show")).splitlines()) == 1
        await until(lambda: site.number("authz", "segue_signing_key_age_seconds") < 600)
        site.restart("resource")
        answer = await grant.device.send("GET", f"{site.site.store}/tasks/{grant.task_id}", access_token=old)
        assert answer.status_code == 401
        assert site.number("resource", "segue_proof_refusals_total", reason="InvalidToken") > 0
        await grant.refresh(journey.site.store)
        assert await read(journey, grant) == 200
        site.run(book.command("segue audit verify"))


async def test_refresh_tokens_are_reused(site: Operated, book: Section) -> None:
    book.tells("segue_refresh_token_reuses_total", "a spent one, by another client or key")
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        stolen = grant.refresh_token
        await grant.refresh(journey.site.store)
        before = site.number("authz", "segue_refresh_token_reuses_total")
        thief = Grant(journey.desktop(), refresh_token=stolen, details=grant.details)
        with pytest.raises(Refused, match="invalid_grant"):
            await thief.refresh(journey.site.store)
        assert site.number("authz", "segue_refresh_token_reuses_total") == before + 1
        assert logged(site, "authz", "a spent one, by another client or key")
        with pytest.raises(Refused):
            await grant.refresh(journey.site.store)
        client_id = site.site.desktop_client_id
        site.run(book.command("segue client disable CLIENT_ID", CLIENT_ID=client_id))
        with pytest.raises((Refused, KeyError, AssertionError, ValueError, httpx2.HTTPError)):
            await journey.begin()
        site.run(book.command("segue client enable CLIENT_ID", CLIENT_ID=client_id))
        assert await read(journey, await journey.begin()) == 200
        assert site.number("authz", "segue_refresh_token_reuses_total") == before + 1


async def test_codes_are_guessed(site: Operated, book: Section) -> None:
    book.tells("segue_rate_limits_total", 'what="user-code"', "limit reached")
    name = "mallory"
    site.run(f"segue user add {name}", typed="correct horse battery staple\n")
    async with open_journey(site.site, site.person) as journey:
        journey.browser = type(journey.browser)(journey.pages, username=name, password="correct horse battery staple")
        for number in range(12):
            await journey.browser.enter_code(f"{site.site.issuer}/device", user_code=f"BCDF-GH{number:02}")
        assert site.number("authz", "segue_rate_limits_total", what="user-code") >= 1
        assert logged(site, "authz", "limit reached")
        site.run(book.command("segue user disable USERNAME", USERNAME=name))
        page = await journey.pages.get(f"{site.site.issuer}/device")
        assert page.status_code == 303, "signed out"
        stands = site.number("authz", "segue_rate_limits_total", what="user-code")
        site.run(book.command("segue policy show"))
        site.run(book.command("segue client list"))
        site.run(book.command("segue user enable USERNAME", USERNAME=name))
        assert site.number("authz", "segue_rate_limits_total", what="user-code") == stands


async def test_tool_calls_are_unknown(site: Operated, book: Section) -> None:
    book.tells("segue_tool_call_steps_total", 'step="unknown"', 'step="settled"')
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        task = journey.task(grant)
        call = await task.propose({**CALL, "effect": "irreversible"})
        call_id = call["call_id"]
        await task.step(call_id, "approve")
        call = await task.step(call_id, "claim", lease=1)
        await task.step(call_id, "start", fence=call["fence"], lease=1)
        await until(lambda: is_unknown(journey, grant, call_id))
        assert site.number("resource", "segue_tool_call_steps_total", step="unknown") == 1
        path = f"/tasks/{grant.task_id}/tool-calls/{call_id}/settle"
        found = {"outcome": "happened", "attempt": 1, "result": {}}
        settled = await journey.at_store(grant, "POST", path, json=found)
        assert settled.status_code == 200, settled.text
        assert site.number("resource", "segue_tool_call_steps_total", step="settled") == 1
        site.run(book.command("segue audit verify"))


async def test_withdrawals_are_stale(site: Operated, book: Section) -> None:
    book.tells("segue_withdrawals_heard_seconds", "withdrawals cannot be heard", "segue authz")
    async with open_journey(site.site, site.person) as journey:
        grant = await journey.begin()
        assert await read(journey, grant) == 200
        site.kill("authz")
        await until(lambda: bool(logged(site, "resource", "withdrawals cannot be heard")))
        assert await read(journey, grant) == 200, "a short while is nothing"
        site.clock.set(monotonic=40)
        assert site.number("resource", "segue_withdrawals_heard_seconds") > 30
        assert await read(journey, grant) == 503
        site.start("authz")
        await until(lambda: reads(journey, grant))
        assert site.number("resource", "segue_withdrawals_heard_seconds") < 3
        site.run(book.command("segue stream list"))


async def read(journey: Journey, grant: Grant) -> int:
    """The status of a request for the task."""
    return (await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}")).status_code


async def reads(journey: Journey, grant: Grant) -> bool:
    return await read(journey, grant) == 200


async def is_unknown(journey: Journey, grant: Grant, call_id: str) -> bool:
    path = f"/tasks/{grant.task_id}/tool-calls/{call_id}/claim"
    answer = await journey.at_store(grant, "POST", path, json={"lease": 1})
    return bool(answer.json().get("type") == "urn:segue:problem:outcome-unknown")


async def ready(site: Operated, server: str) -> int:
    address = {"authz": site.site.issuer, "resource": site.site.store}[server]
    async with httpx2.AsyncClient(timeout=20) as http:
        return (await http.get(f"{address}/readyz")).status_code


def logged(site: Operated, server: str, text: str) -> list[dict[str, Any]]:
    return [line for line in site.log(server) if text in line["message"] or text in line["event"]]


def take_all(held: ExitStack, operator: psycopg.Connection[Any], url: str) -> None:
    """Every connection that PostgreSQL has, those of the servers too."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> %s"
    for _ in range(3):
        try:
            while True:
                held.enter_context(psycopg.connect(url))
        except psycopg.OperationalError:
            operator.execute(others, [operator.info.backend_pid])
