"""Token Status List (draft-ietf-oauth-status-list): whoever holds a token can see whether it was withdrawn."""

import zlib
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from authz_world import ISSUER, SECRET, Device, World
from segue import jose
from segue_authz.stores.tables import status_entries
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.status_list import LIFETIME, SIZE, TTL, Places
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import upgrade

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14", "A15")]


async def listed(world: World, uri: str) -> tuple[Any, bytes]:
    """The verified list token's claims, and its bits."""
    answer = await world.http().get(uri.removeprefix(ISSUER))
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    jws = jose.parse(answer.text)
    (jwk,) = (await world.http().get("/jwks")).json()["keys"]
    jose.verify(jws, jose.import_p256(jwk))
    assert jws.header["typ"] == "statuslist+jwt"
    claims = jws.claims()
    return claims, zlib.decompress(jose.b64url_decode(claims["status_list"]["lst"]))


async def status(world: World, device: Device) -> int:
    """What the list says of the device's token: 0 valid, 1 withdrawn."""
    world.restart()  # another process, which has looked at nothing yet
    place = jose.parse(device.tokens["access_token"]).claims()["status"]["status_list"]
    _, bits = await listed(world, place["uri"])
    return bits[place["idx"] // 8] >> place["idx"] % 8 & 1


async def test_a_token_names_its_place_and_the_list_says_when_it_was_withdrawn(world: World) -> None:
    kept, ended = await world.desktop(), await world.desktop()
    assert (await status(world, kept), await status(world, ended)) == (0, 0)
    await world.withdrawals.grant(world.subject, ended.grant_id, now=world.now)
    assert (await status(world, kept), await status(world, ended)) == (0, 1)
    await kept.refresh()
    assert await status(world, kept) == 0
    world.now += 100 * 86_400
    assert await status(world, ended) == 1, "what was withdrawn stays so"


async def test_the_list_is_signed_addressed_and_soon_out_of_date(world: World) -> None:
    desktop = await world.desktop()
    uri = jose.parse(desktop.tokens["access_token"]).claims()["status"]["status_list"]["uri"]
    claims, bits = await listed(world, uri)
    assert (claims["iss"], claims["sub"], claims["status_list"]["bits"]) == (ISSUER, uri, 1)
    assert (claims["iat"], claims["exp"], claims["ttl"]) == (world.now, world.now + LIFETIME, TTL)
    assert (len(bits), any(bits)) == (SIZE // 8, False)
    metadata = (await world.http().get("/.well-known/oauth-authorization-server")).json()
    endpoint = metadata["status_list_aggregation_endpoint"]
    assert (await world.http().get(endpoint.removeprefix(ISSUER))).json() == {"status_lists": [uri]}


@pytest.mark.parametrize("number", ["1", "999999999", "x", "-1", "0000000000001"])
async def test_a_list_that_is_not_there_is_not_found(world: World, number: str) -> None:
    assert (await world.http().get(f"/status/{number}")).status_code == 404


@pytest.mark.parametrize("what", ["account", "client", "device"])
async def test_whatever_withdraws_is_seen(world: World, what: str) -> None:
    desktop = await world.desktop()
    match what:
        case "account":
            await world.accounts.disable(world.subject, now=world.now)
        case "client":
            await world.clients.disable("desktop", now=world.now)
        case "device":
            await world.withdrawals.device(world.subject, desktop.device_id, now=world.now)
    assert await status(world, desktop) == 1


def test_every_place_is_somebodys_and_neighbours_are_apart() -> None:
    places = Places(issuer=ISSUER, derivation=Derivation(SECRET))
    taken = [places.place(0, index) for index in range(SIZE)]
    assert sorted(taken) == list(range(SIZE))
    assert sum(abs(one - other) == 1 for one, other in pairwise(taken)) < 50
    assert [places.place(1, index) for index in range(8)] != taken[:8]
    claim = places.claim(SIZE + 3)["status_list"]
    assert claim == {"idx": places.place(1, 3), "uri": f"{ISSUER}/status/1"}


async def test_grants_of_before_have_places_too(database_url: str) -> None:
    upgrade(database_url, "segue_authz", to="0005")
    engine = open_engine(parse_database_url(database_url))
    rows = {
        "accounts": {"subject": "usr_1", "username": "a", "name": "A", "password_hash": "x"},
        "clients": {
            "client_id": "c", "name": "C", "actions": "", "redirect_uris": "[]", "consumption_uris": "[]",
            "method": "none", "jwks": "[]",
        },
        "devices": {
            "device_id": "dev_1", "subject": "usr_1", "client_id": "c", "jkt": "k", "name": "D", "network": "n",
            "created_at": 1,
        },
        "task_epochs": {"task_id": "tsk_1", "epoch": 1},
    }  # fmt: skip
    grant = {
        "subject": "usr_1", "client_id": "c", "device_id": "dev_1", "jkt": "k", "task_id": "tsk_1", "actions": "",
        "epoch": 1, "auth_time": 1, "acr": "a", "token_lifetime": 300, "created_at": 1, "expires_at": 2,
        "generation": 0,
    }  # fmt: skip
    with engine.begin() as connection:
        for table, row in [*rows.items(), *(("grants", {"grant_id": each, **grant}) for each in ("grt_1", "grt_2"))]:
            columns = ", ".join(row)
            statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in row)})"
            connection.execute(sa.text(statement), row)
    upgrade(database_url, "segue_authz")
    with engine.connect() as connection:
        assert set(connection.execute(sa.select(status_entries.c.grant_id)).scalars()) == {"grt_1", "grt_2"}
    engine.dispose()
