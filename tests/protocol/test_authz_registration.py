"""Clients that register themselves (RFC 7591): who may, what is believed of them, and how little that makes them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authz_world import DEVICE_CODE, ISSUER, World, open_world
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from registering import REDIRECT, described, invite, let_in, register, registered
from segue_authz.client_auth.authenticator import digest
from segue_authz.client_metadata import SELF_SERVICE_ACTIONS
from segue_authz.domain.client import Client, Origin
from segue_authz.settings import Registering
from segue_authz.stores import registrations

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(ECAlgorithm.to_jwk(KEY.public_key())) | {"kid": "k1"}


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    yield opened
    await opened.aclose()


async def known(world: World, client_id: str) -> Client:
    client = await world.clients.enabled(client_id)
    assert client is not None
    return client


async def metadata(world: World) -> dict[str, Any]:
    content: dict[str, Any] = (await world.http().get("/.well-known/oauth-authorization-server")).json()
    return content


@pytest.mark.requirement("RFC7591-3-2-1", "RFC7592-3")
async def test_an_invited_client_registers_and_is_told_all_that_holds(world: World) -> None:
    answer = await register(world)
    told = answer.json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    token = told.pop("registration_access_token")
    client_id = told.pop("client_id")
    assert told == {
        "client_id_issued_at": world.now,
        "registration_client_uri": f"{ISSUER}/register/{client_id}",
        "client_name": "Some App",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "authorization_details_types": ["task"],
        "dpop_bound_access_tokens": True,
        "require_signed_request_object": False,
    }
    client = await known(world, client_id)
    assert (client.origin, client.verified, client.actions) == (Origin.REGISTRATION, False, SELF_SERVICE_ACTIONS)
    assert "task:transfer" not in client.actions
    assert len(token) == 43
    assert (await metadata(world))["registration_endpoint"] == f"{ISSUER}/register"


@pytest.mark.requirement("RFC7591-2", "RFC7591-3-2-1-a", "RFC7591-5-a", "RFC6749-10-1")
async def test_a_client_that_does_not_say_how_it_authenticates_gets_a_secret(world: World) -> None:
    told = await registered(world, token_endpoint_auth_method=None, client_name=None)
    assert (told["token_endpoint_auth_method"], told["client_secret_expires_at"]) == ("client_secret_basic", 0)
    assert told["client_name"] == "app.example"
    other = await registered(world, token_endpoint_auth_method=None)
    assert len({other["client_id"], told["client_id"], other["client_secret"], told["client_secret"]}) == 4
    client = await known(world, told["client_id"])
    assert client.secret_digest == digest(told["client_secret"])
    asked = {"token": "x"}
    for secret, status in ((told["client_secret"], 200), ("another", 401)):
        answer = await world.http().post("/revoke", data=asked, auth=(told["client_id"], secret))
        assert answer.status_code == status


async def test_a_client_that_signs_brings_its_keys_with_it(world: World) -> None:
    told = await registered(world, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [JWK]})
    assert told["jwks"] == {"keys": [JWK]}
    assert (await known(world, told["client_id"])).jwks == (JWK,)


@pytest.mark.requirement("XD-META-04")
async def test_without_an_invitation_nobody_registers(world: World) -> None:
    for token in ("", "nonsense", "a" * 43):
        answer = await register(world, token=token)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    good = await invite(world)
    http = world.http()
    doubled = [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]
    for headers in ({"Authorization": f"Basic {good}"}, doubled):
        assert (await http.post("/register", json=described(), headers=headers)).status_code == 401
    assert (await register(world, token=good)).status_code == 201


async def test_a_registration_that_is_refused_uses_no_invitation(world: World) -> None:
    token = await invite(world)
    assert (await register(world, described(redirect_uris=["http://app.example/"]), token=token)).status_code == 400
    assert (await register(world, token=token)).status_code == 201


async def test_an_invitation_can_be_taken_back(world: World) -> None:
    token = await invite(world, uses=5)
    store = registrations.Registrations(world.database)
    (invitation,) = await store.invitations()
    assert (invitation.uses_left, invitation.digest) == (5, digest(token))
    assert await store.uninvite(invitation.invitation_id)
    assert not await store.uninvite(invitation.invitation_id)
    assert (await register(world, token=token)).status_code == 401


async def test_where_registration_is_off_there_is_nothing(world: World) -> None:
    client = await registered(world)
    let_in(world, Registering.OFF)
    assert (await register(world)).status_code == 404
    token = {"Authorization": f"Bearer {client['registration_access_token']}"}
    for method in ("GET", "DELETE", "PUT"):
        answer = await world.http().request(method, f"/register/{client['client_id']}", headers=token)
        assert answer.status_code == 404
    assert "registration_endpoint" not in await metadata(world)


BAD = [
    ({"redirect_uris": None}, "invalid_redirect_uri"),
    ({"redirect_uris": []}, "invalid_redirect_uri"),
    ({"redirect_uris": "https://app.example/"}, "invalid_redirect_uri"),
    ({"redirect_uris": [1]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["http://app.example/"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://app.example/#x"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://a@app.example/"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["com.example:/callback"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://app.example/" + "a" * 2000]}, "invalid_redirect_uri"),
    ({"redirect_uris": [f"https://app.example/{number}" for number in range(11)]}, "invalid_redirect_uri"),
    ({"redirect_uris": [REDIRECT, "https://*.example/"]}, None),  # a star is a letter like others: compared exactly
    ({"redirect_uris": ["http://localhost:4711/callback", "http://127.0.0.1/", "http://[::1]:1/"]}, None),
    ({"grant_types": ["authorization_code"]}, None),
    ({"grant_types": ["refresh_token"]}, "invalid_client_metadata"),
    ({"grant_types": ["authorization_code", DEVICE_CODE]}, "invalid_client_metadata"),
    ({"grant_types": ["authorization_code", "client_credentials"]}, "invalid_client_metadata"),
    ({"grant_types": ["authorization_code", "urn:openid:params:grant-type:ciba"]}, "invalid_client_metadata"),
    ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
    ({"grant_types": [["authorization_code"]]}, "invalid_client_metadata"),
    ({"response_types": ["code", "token"]}, "invalid_client_metadata"),
    ({"response_types": []}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "client_secret_post"}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": ["none"]}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ({"require_signed_request_object": True}, "invalid_client_metadata"),
    ({"require_signed_request_object": "true"}, "invalid_client_metadata"),
    ({"jwks_uri": "https://app.example/keys"}, "invalid_client_metadata"),
    ({"jwks_uri": "https://app.example/keys", "jwks": {"keys": [JWK]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": []}}, "invalid_client_metadata"),
    ({"jwks": [JWK]}, "invalid_client_metadata"),
    ({"jwks": {"keys": [1]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{**JWK, "d": "AAAA"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{**JWK, "x": 1}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{**JWK, "kty": ["EC"]}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "EC", "crv": {}, "x": None}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [JWK]}}, None),
    ({"client_name": ""}, "invalid_client_metadata"),
    ({"client_name": 1}, "invalid_client_metadata"),
    ({"client_name": "a" * 65}, "invalid_client_metadata"),
    ({"client_name": "Some\u202eApp"}, "invalid_client_metadata"),
    ({"client_name": "Some\nApp"}, "invalid_client_metadata"),
    ({"client_name": "S\u043eme App"}, "invalid_client_metadata"),
    ({"client_name": "\u0410\u0441\u0440\u0435"}, "invalid_client_metadata"),
    ({"client_name": "Übersetzer"}, None),
    ({"authorization_details_types": ["payment"]}, "invalid_client_metadata"),
    ({"authorization_details_types": ["task"]}, None),
    ({"dpop_bound_access_tokens": False}, "invalid_client_metadata"),
    ({"tls_client_certificate_bound_access_tokens": True}, "invalid_client_metadata"),
    ({"require_pushed_authorization_requests": True}, "invalid_client_metadata"),
    ({"backchannel_token_delivery_mode": "poll"}, "invalid_client_metadata"),
    ({"software_statement": "eyJ"}, "unapproved_software_statement"),
    ({"logo_uri": "http://169.254.169.254/", "scope": "openid", "contacts": ["a@b.example"], "x": {"y": 1}}, None),
]


@pytest.mark.requirement(
    "RFC7591-3-2-2",
    "RFC7591-2",
    "RFC7591-2-a",
    "RFC7591-2-b",
    "RFC7591-2-1",
    "RFC7591-5-b",
    "RFC6749-3-1-2-a",
    "RFC6749-3-1-2-2",
    "MCP-TLS-b",
)
async def test_what_would_not_hold_is_refused_and_what_means_nothing_is_passed_over(world: World) -> None:
    token = await invite(world, uses=1_000)
    for number, (changes, error) in enumerate(BAD):
        answer = await register(world, described(**changes), token=token, network=f"198.51.100.{number}")
        if error is None:
            assert answer.status_code == 201, (changes, answer.text)
            assert "logo_uri" not in answer.json()
        else:
            assert (answer.status_code, answer.json().get("error")) == (400, error), changes


async def test_a_short_rsa_key_is_no_key(world: World) -> None:
    token = await invite(world, uses=2)
    for bits, status in ((1024, 400), (2048, 201)):
        key = rsa.generate_private_key(65537, bits).public_key()
        jwk = json.loads(RSAAlgorithm.to_jwk(key)) | {"alg": "PS256"}
        answer = await register(world, described(jwks={"keys": [jwk]}), token=token)
        assert answer.status_code == status


@pytest.mark.requirement("RFC7591-3")
async def test_what_is_no_json_object_is_refused(world: World) -> None:
    token, http = {"Authorization": f"Bearer {await invite(world)}"}, world.http()
    json_type = {**token, "Content-Type": "application/json"}
    for content in (b"", b"[]", b'"x"', b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100):
        answer = await http.post("/register", content=content, headers=json_type)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata"), content
    answer = await http.post("/register", content=b"{" + b" " * 70_000 + b"}", headers=json_type)
    assert answer.status_code == 413
    assert (await http.post("/register", data={"a": "b"}, headers=token)).status_code == 400


async def test_a_client_that_registered_itself_goes_the_whole_way_in_the_browser(world: World) -> None:
    client = await registered(world)
    device, browser = world.device(client["client_id"]), world.browser()
    await browser.sign_in()
    request = {"redirect_uri": REDIRECT}
    asked = device.request
    device.request = lambda verifier, **details: asked(verifier, **details) | request  # type: ignore[method-assign]
    answer, verifier = await device.ask(browser, actions=sorted(SELF_SERVICE_ACTIONS))
    location = answer.headers["location"]
    assert location.startswith(f"{REDIRECT}?code=")
    code = dict(parse_qsl(urlsplit(location).query))["code"]
    granted = await device.token("authorization_code", code=code, redirect_uri=REDIRECT, code_verifier=verifier)
    assert granted.status_code == 200
    assert (await device.refresh()).status_code == 200
    offered = await device.offer()
    assert (offered.status_code, offered.json()["error"]) == (400, "invalid_grant"), "it may not pass the task on"


@pytest.mark.requirement("XD-META-04")
async def test_a_client_that_registered_itself_takes_no_part_in_flows_across_devices(world: World) -> None:
    client = await registered(world)
    device, desktop = world.device(client["client_id"]), await world.desktop()
    task = {"actions": ["task:read"]}
    offer = (await desktop.offer()).json()
    refused = [
        await device.ask_for_task(**task),
        await device.claim(offer["transfer_code"]),
        await device.redeem("trf_x.y"),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert await world.clients.review(client["client_id"], actions=None, now=world.now)
    assert (await device.ask_for_task(**task)).status_code == 200


async def test_a_client_asks_for_no_action_that_it_was_not_reviewed_for(world: World) -> None:
    client = await registered(world)
    device = world.device(client["client_id"])
    await world.clients.review(client["client_id"], actions=frozenset({"task:read"}), now=world.now)
    assert (await device.ask_for_task(actions=["task:read"])).status_code == 200
    answer = await device.ask_for_task(actions=["task:read", "task:write"])
    assert answer.json()["error"] == "invalid_authorization_details"
