"""What is secret is neither stored readable nor logged, and nothing but the fragment carries a code in an address."""

import logging
from typing import Any

import pytest
import sqlalchemy as sa
from authz_world import PASSWORD, PHONE, World, handle_of
from segue_authz.stores.tables import metadata

pytestmark = pytest.mark.anyio


async def secrets_of_a_transfer(world: World) -> dict[str, str]:
    """Every secret that a whole transfer brings forth."""
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, verifier = await desktop.ask(browser)
    code = redirect.headers["location"].partition("code=")[2].partition("&")[0]
    await desktop.token("authorization_code", code=code, redirect_uri="http://localhost:8403/", code_verifier=verifier)
    offer = (await desktop.offer()).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    await browser.confirm(offer["transfer_id"], claim["check_value"])
    tokens: dict[str, Any] = (await phone.redeem(claim["device_code"])).json()
    asked = (await phone.ask_for_task()).json()
    return {
        "password": PASSWORD,
        "cookie": browser.http.cookies["segue"],
        "authorization code": code,
        "handle": handle_of(offer["transfer_uri"]),
        "transfer code": offer["transfer_code"].replace("-", ""),
        "device code": claim["device_code"],
        "user code": asked["user_code"].replace("-", ""),
        "access token": tokens["access_token"],
        "refresh token": tokens["refresh_token"],
        "desktop's refresh token": desktop.tokens["refresh_token"],
    }


@pytest.mark.requirement("XD-KEY-04", "PROFILE-stored-hashed", "RFC6749-10-3-a", "MCP-THEFT-a")
async def test_the_database_holds_no_secret_that_could_be_used(world: World) -> None:
    secrets = await secrets_of_a_transfer(world)

    def dump(connection: sa.Connection) -> str:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(sa.select(table)).all()]
        return "\n".join(str(tuple(row)) for row in rows)

    stored = await world.database.read(dump)
    assert {name for name, secret in secrets.items() if secret in stored} == set()


@pytest.mark.requirement("XD-TOK-11", "PROFILE-not-logged", "RFC6749-10-3-a", "MCP-THEFT-a")
async def test_no_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("segue", "segue_authz"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    secrets = await secrets_of_a_transfer(world)
    await world.device().redeem(secrets["device code"])
    await world.device().token("refresh_token", refresh_token=secrets["refresh token"])
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("segue"))
    assert ours
    assert {name for name, secret in secrets.items() if secret in ours} == set()
