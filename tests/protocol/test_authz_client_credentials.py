"""Client credentials (RFC 6749 section 4.4): a server asks for a service as itself, and never gets a person's task."""

import json
from base64 import b64encode
from typing import Any

import httpx2
import jwt
import pytest
from authz_world import AGENT, DESKTOP, ISSUER, STORE, Device, World
from cryptography.hazmat.primitives.asymmetric import ec
from segue.authority import ACTIONS
from segue.device_key import DeviceKey
from segue.jose import parse
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import NotAcceptable, add_client
from segue_authz.stores.tables import clients
from segue_authz.tokens import signing_keys

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

SECRET, STORE_CLIENT, MERE = "s" * 43, "task-store", "mere-server"


@pytest.fixture
async def served(world: World) -> World:
    for client_id, services in ((STORE_CLIENT, frozenset({"introspection"})), (MERE, frozenset[str]())):
        client = Client(
            client_id,
            "A server",
            ACTIONS,
            method=Method.CLIENT_SECRET_BASIC,
            secret_digest=digest(SECRET),
            audience=STORE,
            services=services,
        )
        await add_client(world.database, client)
    return world


class Server(Device):
    async def ask(self, **form: str) -> httpx2.Response:  # type: ignore[override]
        credentials = b64encode(f"{self.client_id}:{SECRET}".encode()).decode()
        for _ in range(2):
            proof = self.key.proof("POST", f"{ISSUER}/token", now=self.world.now, nonce=self.nonce)
            headers = {"DPoP": proof, "Authorization": f"Basic {credentials}"}
            form = {"grant_type": "client_credentials", **form}
            answer = await self.http.post("/token", data=form, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    async def introspect(self, token: str, *, by: str | None = None) -> httpx2.Response:
        return await self.send("POST", "/introspect", {"token": token}, token=by or self.tokens["access_token"])


def server(world: World, client_id: str = STORE_CLIENT) -> Server:
    return Server(world, client_id, world.http())


@pytest.mark.requirement("RFC6749-4-4-2", "RFC6749-4-4-3", "RFC7662-2-1")
async def test_a_server_gets_a_short_token_for_a_service_and_uses_it(served: World) -> None:
    store, desktop = server(served), await served.desktop()
    answer = await store.ask(scope="introspection")
    told, claims = answer.json(), parse(answer.json()["access_token"]).claims()
    assert (told["token_type"], told["scope"], told["expires_in"]) == ("DPoP", "introspection", 300)
    assert "refresh_token" not in told
    assert "authorization_details" not in claims
    assert (claims["sub"], claims["aud"], claims["cnf"]) == (STORE_CLIENT, ISSUER, {"jkt": store.key.jkt})
    introspected = await store.introspect(desktop.tokens["access_token"])
    assert introspected.json()["active"] is True
    assert (await store.introspect(told["access_token"])).json() == {"active": False}, "it is no task token"


@pytest.mark.requirement("RFC6749-4-4-2", "XD-TOK-02")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "introspection everything"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"authorization_details": json.dumps([{"type": "task", "task_id": "tsk_a", "actions": ["task:read"]}])}, None),
        ({"resource": STORE}, "invalid_target"),
        ({"resource": AGENT}, "invalid_target"),
    ],
)
async def test_it_gets_nothing_else_and_never_a_task(served: World, form: dict[str, str], error: str | None) -> None:
    answer = await server(served).ask(**form)
    assert (answer.status_code, answer.json()["error"]) == (400, error or "invalid_authorization_details")


@pytest.mark.requirement("RFC6749-4-4")
async def test_public_clients_and_those_that_are_not_registered_for_a_service_get_none(served: World) -> None:
    assert (await server(served, MERE).ask()).json()["error"] == "unauthorized_client"
    assert (await served.device(DESKTOP).token("client_credentials")).json()["error"] == "unauthorized_client"
    assert (await served.device(STORE_CLIENT).token("client_credentials")).json()["error"] == "invalid_client"


@pytest.mark.requirement("XD-DPOP-14", "RFC9449-6-b")
async def test_a_stolen_service_token_is_worth_nothing(served: World) -> None:
    store, thief, desktop = server(served), server(served), await served.desktop()
    await store.ask()
    stolen, target = store.tokens["access_token"], desktop.tokens["access_token"]
    by_thief = await thief.introspect(target, by=stolen)
    assert (by_thief.status_code, by_thief.json()["error"]) == (401, "invalid_token")
    assert "DPoP" in by_thief.headers["WWW-Authenticate"]
    unproven = await thief.http.post("/introspect", data={"token": target}, headers={"Authorization": f"DPoP {stolen}"})
    assert unproven.json()["error"] == "invalid_dpop_proof"
    bearer = await thief.http.post("/introspect", data={"token": target}, headers={"Authorization": f"Bearer {stolen}"})
    assert bearer.json()["error"] == "invalid_client"


@pytest.mark.requirement("XD-TOK-08", "RFC6749-3-3-a", "RFC6749-3-3-b")
async def test_a_service_token_ends_with_its_time_and_with_its_client(served: World) -> None:
    store, desktop = server(served), await served.desktop()
    assert (await store.ask()).json()["scope"] == "introspection", "who asks for none gets all, and is told"
    served.now += 299
    assert (await store.introspect(desktop.tokens["access_token"])).status_code == 200
    served.now += 1
    assert (await store.introspect(desktop.tokens["access_token"])).json()["error"] == "invalid_token"
    await store.ask()
    await served.clients.disable(STORE_CLIENT, now=served.now)
    assert (await store.introspect(desktop.tokens["access_token"])).json()["error"] == "invalid_token"


@pytest.mark.requirement("XD-TOK-08")
async def test_a_service_that_is_taken_from_a_client_is_gone_at_once(served: World) -> None:
    store, desktop = server(served), await served.desktop()
    await store.ask()
    without = clients.update().where(clients.c.client_id == STORE_CLIENT).values(services="")
    await served.database.write(lambda connection: connection.execute(without).rowcount)
    refused = await store.introspect(desktop.tokens["access_token"])
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")


async def test_a_task_token_opens_no_service_and_a_service_token_no_task(served: World) -> None:
    store, desktop = server(served), await served.desktop()
    issuers = await desktop.issuer_token()
    refused = await desktop.send("POST", "/introspect", {"token": issuers}, token=issuers)
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    await store.ask()
    offered = await store.send("POST", "/transfer", {"mode": "move"}, token=store.tokens["access_token"])
    assert (offered.status_code, offered.json()["error"]) == (401, "invalid_token")
    assert (await store.introspect("x", by=desktop.tokens["access_token"])).json()["error"] == "invalid_token"


@pytest.mark.requirement("XD-JOSE-01", "RFC6749-10-3")
async def test_a_service_token_by_another_key_or_of_another_kind_is_refused(served: World) -> None:
    store = server(served)
    await store.ask()
    token = parse(store.tokens["access_token"])
    foreign, own = ec.generate_private_key(ec.SECP256R1()), store_key(served)
    for key, header, changes in (
        (foreign, {}, {}),
        (own, {"typ": "JWT"}, {}),
        (own, {}, {"iss": "https://other.example"}),
        (own, {}, {"aud": STORE}),
        (own, {}, {"exp": None}),
        (own, {}, {"cnf": {"jkt": DeviceKey.generate().jkt}}),
        (own, {}, {"client_id": "nobody"}),
    ):
        forged = jwt.encode(token.claims() | changes, key, algorithm="ES256", headers=dict(token.header) | header)
        assert (await store.introspect("x", by=forged)).json()["error"] == "invalid_token", (header, changes)


def store_key(world: World) -> Any:
    """The server's own signing key: even so, nothing but what it would sign is taken."""
    return signing_keys.read(world.settings.keys)[0].private_key


async def test_no_client_is_registered_for_a_service_that_it_could_not_ask_for(world: World) -> None:
    for client in (
        Client("x", "X", ACTIONS, ("http://localhost:1/",), services=frozenset({"introspection"})),
        Client(
            "x",
            "X",
            ACTIONS,
            ("http://localhost:1/",),
            method=Method.CLIENT_SECRET_BASIC,
            secret_digest="d",
            services=frozenset({"everything"}),
        ),
    ):
        with pytest.raises(NotAcceptable):
            await add_client(world.database, client)
