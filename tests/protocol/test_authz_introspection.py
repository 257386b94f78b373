"""What a token is worth at this moment, told to the resource server it is meant for (RFC 7662, RFC 9701)."""

from typing import Any

import httpx2
import jwt
import pytest
from authz_world import ACTIONS, AGENT, DESKTOP, ISSUER, PHONE, STORE, Device, World
from segue.jose import parse
from segue.task_token import InvalidToken, TaskTokenVerifier
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.endpoints.introspection import SIGNED
from segue_authz.enrolment import add_client
from segue_authz.tokens.signing_keys import SigningKeys

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]
AUTH = {STORE: httpx2.BasicAuth("store", "s" * 43), AGENT: httpx2.BasicAuth("agent", "t" * 43)}
INACTIVE = {"active": False}


@pytest.fixture
async def desktop(world: World) -> Device:
    """A device with a task, at a server where the store and the agent backend may introspect."""
    for (audience, _), client_id, secret in zip(AUTH.items(), ("store", "agent"), ("s" * 43, "t" * 43), strict=True):
        method = Method.CLIENT_SECRET_BASIC
        server = Client(client_id, "API", ACTIONS, method=method, secret_digest=digest(secret), audience=audience)
        await add_client(world.database, server)
    return await world.desktop()


async def ask(world: World, token: str, *, audience: str = STORE, accept: str = "application/json") -> httpx2.Response:
    async with world.http() as http:
        return await http.post("/introspect", data={"token": token}, auth=AUTH[audience], headers={"Accept": accept})


async def worth(world: World, token: str, **how: Any) -> Any:
    answer = await ask(world, token, **how)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return answer.json()


@pytest.mark.requirement("RFC7662-2-2", "RFC7662-4-b", "RFC9449-6-2", "RFC9470-6-2", "RFC9396-9-2")
async def test_a_living_token_is_told_whole(world: World, desktop: Device) -> None:
    token = desktop.tokens["access_token"]
    assert await worth(world, token) == {"active": True, "token_type": "DPoP", **parse(token).claims()}
    assert (await worth(world, token))["cnf"] == {"jkt": desktop.key.jkt}


@pytest.mark.requirement("RFC7662-2-2", "RFC7662-4")
async def test_what_is_not_for_the_asking_server_or_not_a_token_is_inactive(world: World, desktop: Device) -> None:
    token = desktop.tokens["access_token"]
    assert await worth(world, token, audience=AGENT) == INACTIVE
    for other in (desktop.tokens["refresh_token"], token + "A", token[:-6] + "AAAAAA", "nonsense", "a.b.c"):
        assert await worth(world, other) == INACTIVE
    world.now += 300
    assert await worth(world, token) == INACTIVE


@pytest.mark.requirement("A10", "RFC7662-4")
async def test_what_was_withdrawn_is_inactive_at_once(world: World, desktop: Device) -> None:
    token = desktop.tokens["access_token"]
    await world.grants.revoke(desktop.grant_id, now=world.now)
    assert await worth(world, token) == INACTIVE


@pytest.mark.requirement("A9")
async def test_after_a_move_a_token_is_worth_what_is_left_to_it(world: World, desktop: Device) -> None:
    token = desktop.tokens["access_token"]
    offer = (await desktop.offer()).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    browser = world.browser()
    await browser.sign_in()
    await browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    (detail,) = (await worth(world, token))["authorization_details"]
    assert detail["actions"]
    assert all(action.endswith(":read") for action in detail["actions"])


@pytest.mark.requirement("XD-KEY-02", "RFC7662-4")
@pytest.mark.parametrize("changed", ["sub", "client_id", "device_id", "cnf", "grant_id", "task_id", "actions"])
async def test_a_forged_token_by_the_right_key_is_inactive(world: World, desktop: Device, changed: str) -> None:
    key = SigningKeys(world.settings.keys).current
    claims = parse(desktop.tokens["access_token"]).claims()
    (detail,) = claims["authorization_details"]
    match changed:
        case "cnf":
            claims["cnf"] = {"jkt": world.device().key.jkt}
        case "task_id":
            detail["task_id"] = "tsk_foreign"
        case "actions":
            narrow = await world.desktop(actions=["task:read"])
            claims = parse(narrow.tokens["access_token"]).claims()
            claims["authorization_details"][0]["actions"] = sorted(ACTIONS)
        case _:
            claims[changed] = "another"
    forged = jwt.encode(claims, key.private_key, algorithm="ES256", headers={"kid": key.kid, "typ": "at+jwt"})
    assert await worth(world, forged) == INACTIVE


@pytest.mark.requirement("RFC7662-2-1", "RFC7662-2-1-b", "RFC7662-2-3")
async def test_only_an_authenticated_resource_server_may_ask(world: World, desktop: Device) -> None:
    token = desktop.tokens["access_token"]
    async with world.http() as http:
        public = await http.post("/introspect", data={"token": token, "client_id": DESKTOP})
        nobody = await http.post("/introspect", data={"token": token})
        wrong = await http.post("/introspect", data={"token": token}, auth=("store", "guess"))
        empty = await http.post("/introspect", data={}, auth=AUTH[STORE])
        address = await http.get("/introspect", params={"token": token}, auth=AUTH[STORE])
    assert (public.status_code, public.json()["error"]) == (400, "unauthorized_client")
    assert [(each.status_code, each.json()["error"]) for each in (nobody, wrong)] == [(401, "invalid_client")] * 2
    assert (empty.status_code, empty.json()["error"]) == (400, "invalid_request")
    assert address.status_code == 405


@pytest.mark.requirement("RFC9701-4", "RFC9701-5", "RFC9701-5-b", "RFC9701-5-c", "RFC9701-5-d")
async def test_the_answer_can_be_had_signed_for_the_server_that_asks(world: World, desktop: Device) -> None:
    token = desktop.tokens["access_token"]
    answer = await ask(world, token, accept=SIGNED)
    assert answer.headers["Content-Type"] == SIGNED
    assert jwt.get_unverified_header(answer.text)["typ"] == "token-introspection+jwt"
    key = SigningKeys(world.settings.keys).current.private_key.public_key()
    options: Any = {"verify_iat": False, "require": ["iss", "aud", "iat", "token_introspection"]}
    claims = jwt.decode(answer.text, key, algorithms=["ES256"], audience=STORE, issuer=ISSUER, options=options)
    assert claims["iat"] == world.now
    assert claims["token_introspection"] == await worth(world, token)
    assert not {"sub", "exp"} & claims.keys()
    unknown = (await ask(world, "nonsense", accept=SIGNED)).text
    assert parse(unknown).claims()["token_introspection"] == INACTIVE


@pytest.mark.requirement("XD-JOSE-08", "XD-JOSE-10")
async def test_another_spelling_or_kind_of_a_living_token_is_worth_nothing_and_withdraws_nothing(
    world: World, desktop: Device
) -> None:
    token = desktop.tokens["access_token"]
    key, claims = SigningKeys(world.settings.keys).current, parse(token).claims()
    typeless = jwt.encode(claims, key.private_key, algorithm="ES256", headers={"kid": key.kid})
    spare_bits = token[:-1] + chr(ord(token[-1]) + 1)
    for other in (token + "==", spare_bits, token + "\n", f"{token}.", typeless):
        assert await worth(world, other) == INACTIVE
        async with world.http() as http:
            assert (await http.post("/revoke", data={"client_id": DESKTOP, "token": other})).status_code == 200
    assert (await worth(world, token))["active"]


@pytest.mark.requirement("RFC7662-2-1-c")
@pytest.mark.parametrize("hint", ["refresh_token", "nothing that anybody knows", ""])
async def test_a_hint_that_is_wrong_hides_nothing(world: World, desktop: Device, hint: str) -> None:
    form = {"token": desktop.tokens["access_token"], "token_type_hint": hint}
    async with world.http() as http:
        answer = await http.post("/introspect", data=form, auth=AUTH[STORE])
    assert answer.json()["active"] is True


@pytest.mark.requirement("RFC9701-8-1")
async def test_a_signed_answer_is_no_access_token(world: World, desktop: Device) -> None:
    signed = (await ask(world, desktop.tokens["access_token"], accept=SIGNED)).text
    assert await worth(world, signed) == INACTIVE
    keys = SigningKeys(world.settings.keys)
    verifier = TaskTokenVerifier(issuer=ISSUER, audience=STORE, keys=keys, clock=lambda: world.now)
    with pytest.raises(InvalidToken):
        await verifier.verify(signed)
