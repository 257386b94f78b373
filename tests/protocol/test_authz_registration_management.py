"""Clients that manage their registration (RFC 7592), and those who would like to manage another's (XD-META-06)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from authz_world import ISSUER, World, open_world
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from registering import REDIRECT, described, invite, manage, register, registered
from segue.authority import ACTIONS
from segue_authz.client_metadata import SELF_SERVICE_ACTIONS
from segue_authz.stores.tables import clients

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14", "XD-META-06")]

JWK = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    yield opened
    await opened.aclose()


@pytest.mark.requirement("RFC7592-2-1")
async def test_a_client_reads_what_it_is_registered_as(world: World) -> None:
    client = await registered(world)
    answer = await manage(world, "GET", client)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json() == {name: value for name, value in client.items() if name != "registration_access_token"}


@pytest.mark.requirement("RFC7592-2-2")
async def test_a_client_replaces_its_metadata_whole_and_goes_on_with_another_token(world: World) -> None:
    client = await registered(world)
    wanted = described(client_name="Other App", redirect_uris=["https://app.example/two"])
    answer = await manage(world, "PUT", client, wanted | {"client_id": client["client_id"]})
    changed = answer.json()
    assert (answer.status_code, changed["client_name"]) == (200, "Other App")
    assert changed["redirect_uris"] == ["https://app.example/two"]
    assert changed["registration_access_token"] != client["registration_access_token"]
    for method, metadata in (("GET", None), ("PUT", wanted | {"client_id": client["client_id"]}), ("DELETE", None)):
        spent = await manage(world, method, client, metadata)
        assert (spent.status_code, spent.json()["error"]) == (401, "invalid_token")
        assert spent.headers["WWW-Authenticate"].startswith("Bearer ")
    bare = {"client_id": client["client_id"], "redirect_uris": ["https://app.example/two"]}
    left_out = (await manage(world, "PUT", changed, bare | {"token_endpoint_auth_method": "none"})).json()
    assert left_out["client_name"] == "app.example", "what is left out is gone"
    assert (await manage(world, "GET", left_out)).status_code == 200
    device = world.device(client["client_id"])
    request = device.request("v" * 43, actions=["task:read"]) | {"redirect_uri": REDIRECT}
    assert (await device.http.post("/par", data=request)).status_code == 400
    request["redirect_uri"] = "https://app.example/two"
    assert (await device.http.post("/par", data=request)).status_code == 201


@pytest.mark.requirement("RFC7592-2-2-a", "RFC7592-2-2-b")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"client_secret": "chosen"},
        {"client_secret": None, "client_id_issued_at": 1},
        {"registration_access_token": "x"},
        {"registration_client_uri": "https://evil.example/"},
        {"client_secret_expires_at": 0},
        {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]},
        {"redirect_uris": ["http://evil.example/"]},
        {"software_statement": "x"},
    ],
)
async def test_a_change_raises_no_rights_and_chooses_no_credentials(world: World, changes: dict[str, object]) -> None:
    client = await registered(world)
    wanted = described() | {"client_id": client["client_id"]} | changes
    answer = await manage(world, "PUT", client, wanted)
    assert answer.status_code == 400
    assert (await manage(world, "GET", client)).status_code == 200, "a refused change costs no token"


async def test_a_client_keeps_its_secret_until_it_authenticates_in_another_way(world: World) -> None:
    client = await registered(world, token_endpoint_auth_method="client_secret_basic")
    own = {"client_id": client["client_id"], "token_endpoint_auth_method": "client_secret_basic"}
    kept = (await manage(world, "PUT", client, described(**own, client_secret=client["client_secret"]))).json()
    assert "client_secret" not in kept
    secret = (client["client_id"], client["client_secret"])
    assert (await world.http().post("/revoke", data={"token": "x"}, auth=secret)).status_code == 200
    public = (await manage(world, "PUT", kept, described(**own | {"token_endpoint_auth_method": "none"}))).json()
    assert (await world.http().post("/revoke", data={"token": "x"}, auth=secret)).status_code == 401
    again = (await manage(world, "PUT", public, described(**own))).json()
    assert again["client_secret"] != client["client_secret"]


@pytest.mark.requirement("RFC7592-2", "RFC7592-2-1")
async def test_another_clients_registration_does_not_exist(world: World) -> None:
    client, attacker = await registered(world), await registered(world)
    wanted = described(redirect_uris=["https://evil.example/"]) | {"client_id": client["client_id"]}
    for method, metadata in (("GET", None), ("PUT", wanted), ("DELETE", None)):
        for token in (attacker["registration_access_token"], "", "x", await invite(world)):
            answer = await manage(world, method, client, metadata, token=token)
            missing = await manage(world, method, {"client_id": "cli_unknown"}, metadata, token=token)
            assert (answer.status_code, answer.json()) == (401, missing.json())
    assert (await manage(world, "GET", client)).json()["redirect_uris"] == [REDIRECT]
    for strange in ("%00", "é", "%0d%0a", "a" * 5000):
        answer = await manage(world, "GET", {"client_id": strange}, token="x")
        assert answer.status_code == 401, strange


async def test_a_client_that_the_operator_added_has_no_registration_to_manage(world: World) -> None:
    for token in ("", "None", "x"):
        assert (await manage(world, "GET", {"client_id": "desktop"}, token=token)).status_code == 401


@pytest.mark.parametrize(
    ("changes", "reviewed"),
    [
        ({}, True),
        ({"client_name": "Segue"}, False),
        ({"redirect_uris": ["https://evil.example/"]}, False),
        ({"redirect_uris": [REDIRECT, "https://evil.example/"]}, False),
        ({"jwks": {"keys": [JWK]}}, False),
        ({"token_endpoint_auth_method": "client_secret_basic"}, False),
        ({"jwks": {"keys": [JWK]}, "require_signed_request_object": True}, False),
    ],
)
async def test_a_review_holds_for_what_was_reviewed(
    world: World, changes: dict[str, object], reviewed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    client = await registered(world)
    await world.clients.review(client["client_id"], actions=ACTIONS, now=world.now)
    answer = await manage(world, "PUT", client, described(**changes) | {"client_id": client["client_id"]})
    assert answer.status_code == 200
    after = await world.clients.enabled(client["client_id"])
    assert after is not None
    assert after.verified is reviewed
    assert after.actions == (ACTIONS if reviewed else SELF_SERVICE_ACTIONS)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert bool(told) is not reviewed
    assert answer.json()["registration_access_token"] not in caplog.text


async def test_a_disabled_client_manages_nothing(world: World) -> None:
    client = await registered(world)
    await world.clients.disable(client["client_id"], now=world.now)
    for method in ("GET", "DELETE"):
        assert (await manage(world, method, client)).status_code == 401


@pytest.mark.requirement("PROFILE-not-logged")
async def test_of_tokens_and_secrets_digests_alone_are_kept(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = await invite(world)
    client = (await register(world, described(token_endpoint_auth_method=None), token=token)).json()
    row = await world.database.read(
        lambda connection: connection.execute(clients.select().where(clients.c.client_id == client["client_id"])).one()
    )
    for secret in (token, client["client_secret"], client["registration_access_token"]):
        assert secret not in str(row)
        assert secret not in caplog.text


async def test_the_address_of_the_registration_knows_all_of_its_methods(world: World) -> None:
    client = await registered(world)
    answer = await world.http().patch(f"/register/{client['client_id']}", headers={"Origin": ISSUER})
    assert answer.status_code == 405
    assert {"GET", "PUT", "DELETE"} <= set(answer.headers["Allow"].split(", "))
