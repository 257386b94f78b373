"""What has outlived its use is dropped, and nothing that still decides something is (XD-DOS-06)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from authz_world import DESKTOP_URI, PHONE, World, open_world
from segue_authz.stores import leftovers
from segue_authz.stores.leftovers import LATE, SOON, drop_leftovers
from segue_authz.stores.tables import (
    arrivals,
    authorization_codes,
    backchannel_requests,
    bound_sessions,
    browser_sessions,
    grants,
    pushed_requests,
    spent_challenges,
    transfers,
)
from segue_demo.bound_session import BoundSession

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-DOS-06")]

TABLES = (
    arrivals,
    bound_sessions,
    spent_challenges,
    pushed_requests,
    authorization_codes,
    browser_sessions,
    transfers,
    backchannel_requests,
    grants,
)


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=database_url, ephemeral_url=None)
    yield opened
    await opened.aclose()


async def counts(world: World) -> dict[str, int]:
    def work(connection: sa.Connection) -> dict[str, int]:
        counted = {table.name: sa.select(sa.func.count()).select_from(table) for table in TABLES}
        return {name: connection.execute(statement).scalar_one() for name, statement in counted.items()}

    return await world.database.read(work)


async def used(world: World) -> tuple[Any, Any, str]:
    """A desktop and a phone with grants, a pull that nobody answered, a pushed request, and an unspent code."""
    desktop, phone = await world.desktop(), world.device(PHONE)
    offer = (await desktop.offer("share")).json()
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    await phone.redeem(claim["device_code"])
    assert (await world.device(PHONE).ask_for_task()).status_code == 200
    assert (await desktop.send("POST", "/par", desktop.request("v" * 43))).status_code == 201
    answer, verifier = await world.device().ask(desktop.browser)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    return desktop, phone, f"{code} {verifier}"


async def test_what_is_in_use_stays(world: World) -> None:
    desktop, phone, code = await used(world)
    before = await counts(world)
    world.now += 30
    assert await drop_leftovers(world.database, now=world.now) == 0
    assert await counts(world) == before
    assert (await desktop.refresh()).status_code == 200
    assert (await phone.refresh()).status_code == 200
    value, verifier = code.split()
    form = {"code": value, "code_verifier": verifier, "redirect_uri": DESKTOP_URI}
    other = await world.device().token("authorization_code", **form)
    assert other.json()["error"] == "invalid_grant", "another key, and the code is found"


@pytest.mark.requirement("A13")
async def test_the_key_of_a_session_goes_with_it_and_a_spent_challenge_once_nobody_accepts_it(world: World) -> None:
    browser = world.browser()
    session = BoundSession(browser.http)
    await session.register(await browser.sign_in())
    assert (await session.refresh()).status_code == 200
    world.now += 30
    assert await drop_leftovers(world.database, now=world.now) == 0
    before = await counts(world)
    assert (before["bound_sessions"], before["spent_challenges"]) == (1, 1)
    world.now += 2 * SOON
    await drop_leftovers(world.database, now=world.now)
    after = await counts(world)
    assert (after["browser_sessions"], after["bound_sessions"], after["spent_challenges"]) == (0, 0, 0)


async def test_what_is_over_goes_and_what_came_of_it_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "AT_ONCE", 1)
    await used(world)
    before = await counts(world)
    world.now += 2 * SOON
    await drop_leftovers(world.database, now=world.now)
    soon = await counts(world)
    assert (soon["pushed_requests"], soon["browser_sessions"]) == (0, 0)
    assert soon["transfers"] == before["transfers"]
    world.now += LATE
    assert await drop_leftovers(world.database, now=world.now) == 4
    late = await counts(world)
    assert (before["arrivals"], late["arrivals"]) == (2, 0)
    assert (late["authorization_codes"], late["transfers"]) == (1, 1), "those of which grants came"
    assert late["grants"] == before["grants"] == 2
    assert await drop_leftovers(world.database, now=world.now) == 0
