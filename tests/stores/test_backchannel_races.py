"""Limits and notices of the backchannel under races, on both databases: each is one compare-and-set."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from authz_world import World, open_world
from backchannel_world import NOTIFICATION_TOKEN, approved, backend, opened, pinged, signed_in, waiting
from segue_authz.domain.backchannel import ANNOUNCED_AT_ONCE
from segue_authz.stores.budgets import LONGEST_WINDOW, forget_lapsed, spend
from segue_authz.stores.tables import notices
from segue_storage.database import Database, open_database
from segue_storage.migrations import upgrade

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    upgrade(database_url, "segue_authz")
    opened_database = open_database(database_url)
    yield opened_database
    await opened_database.aclose()


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    opened_world = await open_world(tmp_path, database_url=database_url, ephemeral_url=None)
    yield opened_world
    await opened_world.aclose()


async def spent(database: Database, key: str, *, now: int, times: int = 1) -> int:
    """How many of so many at once got one of three in a minute."""

    def work(connection: sa.Connection) -> bool:
        return spend(connection, key, most=3, window=60, now=now)

    return sum(await asyncio.gather(*(database.write(work) for _ in range(times))))


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_of_many_who_spend_at_once_as_many_get_something_as_there_is(database: Database) -> None:
    key = secrets.token_hex(8)
    assert await spent(database, key, now=100, times=20) == 3
    assert await spent(database, key, now=159) == 0
    assert await spent(database, f"{key} of another", now=159) == 1
    assert await spent(database, key, now=160, times=20) == 3


@pytest.mark.requirement("A3")
async def test_counts_are_forgotten_when_they_say_nothing_any_more(database: Database) -> None:
    key, now = secrets.token_hex(8), 10 * LONGEST_WINDOW
    await spent(database, key, now=now)
    await forget_lapsed(database, now=now + 2 * LONGEST_WINDOW - 1)
    assert await spent(database, key, now=now + 1, times=5) == 2
    await forget_lapsed(database, now=now + 2 * LONGEST_WINDOW)
    assert await spent(database, key, now=now + 1, times=5) == 3


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_of_many_clients_at_once_a_few_reach_the_person(world: World) -> None:
    clients = [await backend(world, f"client{number}") for number in range(8)]
    answers = await asyncio.gather(*(client.ask_person() for client in clients))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await waiting(await signed_in(world))) == ANNOUNCED_AT_ONCE


@pytest.mark.requirement("A3", "XD-RACE-05")
async def test_whatever_happens_at_once_a_request_ends_in_one_way_and_is_told_once(world: World) -> None:
    for number in range(4):
        client = await pinged(world, f"client{number}")
        browser = await signed_in(world)
        await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
        path = await opened(browser)
        value, page, devices = (
            await client.check_value(),
            await browser.http.get(path),
            await browser.http.get("/devices"),
        )
        yes = {"decision": "approve", "task": "new", "name": "x", "mode": "move", "check_value": value}
        await asyncio.gather(
            browser.submit(path, page, **yes),
            browser.submit(path, page, decision="deny"),
            browser.submit(path, page, decision="report"),
            browser.submit("/devices", devices, revoke_all="yes", sure="yes"),
            client.poll(),
            client.twin().poll(),
        )
        ended = await client.poll()
        assert ended.status_code == 200 or ended.json()["error"] in ("access_denied", "invalid_grant")
        count = sa.select(sa.func.count()).select_from(notices)
        told = await world.database.read(lambda connection: connection.execute(count).scalar_one())  # noqa: B023
        assert told == number + 1
        world.now += 700


@pytest.mark.requirement("A3", "XD-RACE-01")
async def test_of_many_redemptions_at_once_all_get_the_same_grant(world: World) -> None:
    client, browser = await backend(world), await signed_in(world)
    await client.ask_person()
    await approved(client, browser)
    await client.http.get("/jwks")
    answers = await asyncio.gather(*(client.poll(after=0) for _ in range(5)))
    refresh_tokens = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
    assert len(refresh_tokens) == 1
