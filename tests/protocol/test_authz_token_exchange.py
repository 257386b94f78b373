"""Token exchange (RFC 8693): a backend to which a task token was sent gets a narrower one of its own, and no other."""

import asyncio
import json
import secrets
from base64 import b64encode
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from authz_world import AGENT, DESKTOP, ISSUER, PHONE, STORE, Device, World
from segue.authority import ACTIONS
from segue.device_key import DeviceKey
from segue.jose import parse
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.domain.grant import MAX_ACTORS
from segue_authz.enrolment import NotAcceptable, add_client
from segue_authz.grants.token_exchange import ACCESS_TOKEN, GRANT_TYPE
from segue_authz.stores.tables import grants

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

BACKEND, NARROW, WEAK, SECRET = "agent-backend", "narrow-backend", "mere-api", "s" * 43
GIVES = frozenset({"task:read", "events:read", "events:append", "tool_calls:claim"})


def backend(client_id: str = BACKEND, **changes: Any) -> Client:
    registered = Client(
        client_id,
        "Agent backend",
        ACTIONS,
        method=Method.CLIENT_SECRET_BASIC,
        secret_digest=digest(SECRET),
        audience=AGENT,
        exchange_actions=GIVES,
        exchange_audiences=(STORE, AGENT),
    )
    return replace(registered, **changes)


@pytest.fixture
async def served(world: World) -> World:
    await add_client(world.database, backend())
    await add_client(world.database, backend(NARROW, exchange_audiences=(STORE,)))
    await add_client(world.database, backend(WEAK, exchange_actions=frozenset(), exchange_audiences=()))
    return world


class Backend(Device):
    """A server with a key, which says who it is by its secret."""

    async def exchange(self, subject_token: str, /, **form: str | None) -> httpx2.Response:
        asked = {
            "grant_type": GRANT_TYPE,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
        } | form
        fields = {name: value for name, value in asked.items() if value is not None}
        credentials = b64encode(f"{self.client_id}:{SECRET}".encode()).decode()
        for _ in range(2):
            proof = self.key.proof("POST", f"{ISSUER}/token", now=self.world.now, nonce=self.nonce)
            headers = {"DPoP": proof, "Authorization": f"Basic {credentials}"}
            answer = await self.http.post("/token", data=fields, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    async def introspected(self, token: str) -> dict[str, Any]:
        credentials = b64encode(f"{self.client_id}:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        answer = await self.http.post("/introspect", data={"token": token}, headers=headers)
        return dict(answer.json())


def server(world: World, client_id: str = BACKEND) -> Backend:
    return Backend(world, client_id, world.http())


async def sent(device: Device) -> str:
    """The token that a device sends to the backend: one that is meant for it."""
    return str((await device.refresh(resource=AGENT)).json()["access_token"])


def details(**members: Any) -> str:
    return json.dumps([{"type": "task"} | members])


def claims_of(answer: httpx2.Response) -> dict[str, Any]:
    return parse(answer.json()["access_token"]).claims()


async def live(world: World, backend: Backend) -> frozenset[str]:
    """What a token of the backend for itself is worth now."""
    told = await backend.introspected(backend.tokens["access_token"])
    return frozenset(told["authorization_details"][0]["actions"]) if told["active"] else frozenset()


@pytest.mark.requirement("XD-AGT-06", "XD-TOK-12", "RFC8693-2-2-1-a", "RFC8693-4-1-a")
async def test_a_backend_gets_a_token_of_its_own_for_the_same_task_bound_to_its_key_and_naming_it(
    served: World,
) -> None:
    desktop, agent = await served.desktop(), server(served)
    subject_token = await sent(desktop)
    served.now += 100
    answer = await agent.exchange(subject_token)
    assert answer.status_code == 200, answer.text
    told, claims, theirs = answer.json(), claims_of(answer), parse(subject_token).claims()
    assert (told["issued_token_type"], told["token_type"], "refresh_token" in told) == (ACCESS_TOKEN, "DPoP", False)
    assert (claims["sub"], claims["aud"], claims["client_id"]) == (served.subject, STORE, BACKEND)
    assert claims["cnf"] == {"jkt": agent.key.jkt} != theirs["cnf"]
    assert claims["act"] == {"sub": BACKEND}
    assert claims["exp"] == theirs["exp"], "no longer than the token that was sent"
    assert told["expires_in"] == claims["exp"] - served.now
    (detail,), (before,) = claims["authorization_details"], theirs["authorization_details"]
    assert detail["task_id"] == before["task_id"]
    assert detail["epoch"] == before["epoch"]
    assert frozenset(detail["actions"]) == GIVES < frozenset(before["actions"])
    assert (claims["auth_time"], claims["acr"]) == (theirs["auth_time"], theirs["acr"])


@pytest.mark.requirement("XD-AGT-06", "XD-TOK-12", "RFC8693-5-b")
async def test_what_is_asked_for_may_be_less_and_never_more(served: World) -> None:
    desktop = await served.desktop(actions=["task:read", "events:read", "task:write"])
    agent, subject_token = server(served), await sent(desktop)
    less = await agent.exchange(subject_token, authorization_details=details(actions=["events:read"]))
    assert [detail["actions"] for detail in less.json()["authorization_details"]] == [["events:read"]]
    task_id = claims_of(less)["authorization_details"][0]["task_id"]
    same = await agent.exchange(subject_token, authorization_details=details(task_id=task_id, actions=["task:read"]))
    assert same.status_code == 200
    for wider in (
        details(actions=["events:append"]),  # the backend may, the desktop may not
        details(actions=["task:write"]),  # the desktop may, the backend may not
        details(actions=["events:read", "task:transfer"]),
        details(task_id="tsk_another", actions=["events:read"]),
        details(name="A new one", actions=["events:read"]),
        details(actions=[]),
        "[]",
        "nonsense",
    ):
        refused = await agent.exchange(subject_token, authorization_details=wider)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details"), wider


@pytest.mark.requirement(
    "RFC8693-2-1-a", "RFC8693-2-1-b", "RFC8693-2-1-c", "RFC8693-2-2-2-a", "RFC8693-2-2-2-b", "RFC9068-3-b"
)
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"resource": AGENT}, None),
        ({"audience": STORE}, None),
        ({"audience": STORE, "resource": STORE}, None),
        ({"audience": STORE, "resource": AGENT}, "invalid_target"),
        ({"resource": ISSUER}, "invalid_target"),
        ({"audience": "https://evil.example"}, "invalid_target"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"resource": f"{STORE}#x"}, "invalid_target"),
        ({"resource": "tasks"}, "invalid_target"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": "nonsense"}, "invalid_request"),
    ],
)
async def test_each_parameter_is_taken_as_the_rfc_has_it(
    served: World, changes: dict[str, str | None], error: str | None
) -> None:
    desktop = await served.desktop()
    answer = await server(served).exchange(await sent(desktop), **changes)
    assert answer.json().get("error") == error, answer.text


@pytest.mark.requirement("XD-TOK-02", "RFC8693-2-2-2-b")
async def test_a_backend_gets_tokens_for_those_that_it_is_registered_for_alone(served: World) -> None:
    subject_token = await sent(await served.desktop())
    assert claims_of(await server(served, NARROW).exchange(subject_token))["aud"] == STORE
    refused = await server(served, NARROW).exchange(subject_token, resource=AGENT)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


@pytest.mark.requirement("XD-AGT-06", "XD-TOK-02", "RFC8693-2-1-d", "RFC8693-2-2-2-a")
async def test_a_token_that_was_meant_for_somebody_else_is_worth_nothing_to_a_backend(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    for stolen in (desktop.tokens["access_token"], await desktop.issuer_token(), desktop.tokens["refresh_token"]):
        refused = await agent.exchange(stolen)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("XD-AGT-06", "XD-TOK-12", "RFC8693-5-a")
async def test_who_is_not_registered_for_it_exchanges_nothing(served: World) -> None:
    desktop = await served.desktop()
    subject_token = await sent(desktop)
    refused = await server(served, WEAK).exchange(subject_token)
    assert refused.json()["error"] == "unauthorized_client"
    form = {"subject_token": subject_token, "subject_token_type": ACCESS_TOKEN}
    for client_id in (DESKTOP, PHONE):
        device = served.device(client_id)
        assert (await device.token(GRANT_TYPE, **form)).json()["error"] == "unauthorized_client"
    thief = server(served)
    unproven = await thief.http.post("/token", data={"grant_type": GRANT_TYPE, "client_id": BACKEND, **form})
    assert unproven.json()["error"] == "invalid_client"


async def _lapses(world: World, desktop: Device) -> None:
    world.now += 300


async def _grant_ends(world: World, desktop: Device) -> None:
    await world.withdrawals.grant(world.subject, desktop.grant_id, now=world.now)


async def _device_ends(world: World, desktop: Device) -> None:
    await world.withdrawals.device(world.subject, desktop.device_id, now=world.now)


async def _everything_ends(world: World, desktop: Device) -> None:
    await world.withdrawals.everything(world.subject, now=world.now)


async def _revoked(world: World, desktop: Device) -> None:
    await desktop.send("POST", "/revoke", {"client_id": DESKTOP, "token": desktop.tokens["refresh_token"]})


async def _client_disabled(world: World, desktop: Device) -> None:
    await world.clients.disable(DESKTOP, now=world.now)


async def _account_disabled(world: World, desktop: Device) -> None:
    await world.accounts.disable(world.subject, now=world.now)


ENDS = [_lapses, _grant_ends, _device_ends, _everything_ends, _revoked, _client_disabled, _account_disabled]


@pytest.mark.requirement("A10", "XD-TOK-08", "XD-TOK-12", "RFC8693-2-1-d")
@pytest.mark.parametrize("end", ENDS)
async def test_what_ends_the_device_ends_what_was_exchanged_for_it(served: World, end: Any) -> None:
    desktop, agent, next_one = await served.desktop(), server(served), server(served)
    subject_token = await sent(desktop)
    await agent.exchange(subject_token, resource=AGENT)
    await next_one.exchange(agent.tokens["access_token"], resource=AGENT)
    assert await live(served, agent) == await live(served, next_one) == GIVES
    own, before = agent.grant_id, await served.withdrawals.since(0, now=served.now)
    await end(served, desktop)
    assert await live(served, agent) == await live(served, next_one) == frozenset()
    refused = await server(served).exchange(subject_token)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    told = await served.withdrawals.since(0, now=served.now)
    if end is not _lapses:
        assert {own, next_one.grant_id, desktop.grant_id} <= set(told) - set(before), "resource servers hear of all"


@pytest.mark.requirement("A10")
async def test_the_person_ends_the_backends_access_alone_and_the_device_goes_on(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    subject_token = await sent(desktop)
    await agent.exchange(subject_token, resource=AGENT)
    page = await desktop.browser.http.get("/devices")
    assert "Called in by a device of yours" in page.text
    await served.withdrawals.grant(served.subject, agent.grant_id, now=served.now)
    assert await live(served, agent) == frozenset()
    assert (await agent.exchange(subject_token)).json()["error"] == "invalid_request", "and it stays ended"
    assert (await desktop.refresh()).status_code == 200
    assert "Called in" not in (await desktop.browser.http.get("/devices")).text


@pytest.mark.requirement("A10")
async def test_the_devices_page_does_not_show_what_ended_with_its_parent(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    await agent.exchange(await sent(desktop))
    await served.withdrawals.grant(served.subject, desktop.grant_id, now=served.now)
    assert "Called in" not in (await desktop.browser.http.get("/devices")).text


@pytest.mark.requirement("A7", "XD-RACE-03")
async def test_when_the_task_moves_the_backend_of_the_old_device_only_reads(served: World) -> None:
    desktop, phone, agent = await served.desktop(), served.device(PHONE), server(served)
    subject_token = await sent(desktop)
    await agent.exchange(subject_token, resource=AGENT)
    offered = (await desktop.offer()).json()
    claimed = (await phone.claim(offered["transfer_code"])).json()
    await desktop.browser.confirm(offered["transfer_id"], claimed["check_value"])
    assert (await phone.redeem(claimed["device_code"])).status_code == 200
    reads = frozenset({"task:read", "events:read"})
    assert await live(served, agent) == reads
    answer = await agent.exchange(subject_token)
    assert frozenset(answer.json()["authorization_details"][0]["actions"]) == reads
    late = await server(served).exchange(subject_token)
    told = [each["authorization_details"][0] for each in (answer.json(), late.json(), phone.tokens)]
    assert told[0]["epoch"] == told[1]["epoch"] < told[2]["epoch"], "a resource server sees that they are behind"
    assert frozenset(told[1]["actions"]) == reads
    wanted = details(actions=["events:append"])
    assert (await agent.exchange(subject_token, authorization_details=wanted)).json()["error"] == "invalid_request"


@pytest.mark.requirement("XD-TOK-12", "RFC8693-4-1-a")
async def test_a_chain_names_who_acts_for_whom_and_has_an_end(served: World) -> None:
    subject_token = await sent(await served.desktop())
    chain: dict[str, Any] = {}
    for number in range(MAX_ACTORS):
        agent = server(served)
        wanted = details(actions=sorted(GIVES)[number:])
        answer = await agent.exchange(subject_token, resource=AGENT, authorization_details=wanted)
        chain = {"sub": BACKEND} | ({"act": chain} if chain else {})
        assert claims_of(answer)["act"] == chain
        subject_token = answer.json()["access_token"]
    wider = details(actions=sorted(GIVES))
    assert (await server(served).exchange(subject_token, authorization_details=wider)).status_code == 400
    assert (await server(served).exchange(subject_token)).json()["error"] == "invalid_request"


@pytest.mark.requirement("RFC8707-2-2")
async def test_what_a_device_asked_for_one_resource_server_is_exchanged_for_no_other(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    bound = grants.update().where(grants.c.grant_id == desktop.grant_id).values(resource=AGENT)
    await served.database.write(lambda connection: connection.execute(bound).rowcount)
    subject_token = await sent(desktop)
    assert (await agent.exchange(subject_token)).json()["error"] == "invalid_target"
    assert (await agent.exchange(subject_token, resource=AGENT)).status_code == 200


@pytest.mark.requirement("XD-DPOP-14", "RFC9449-5-b")
async def test_an_exchange_needs_a_proof_and_the_token_is_for_that_key(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    form = {"grant_type": GRANT_TYPE, "subject_token": await sent(desktop), "subject_token_type": ACCESS_TOKEN}
    headers = {"Authorization": "Basic " + b64encode(f"{BACKEND}:{SECRET}".encode()).decode()}
    answer = await agent.http.post("/token", data=form, headers=headers)
    assert answer.json()["error"] == "invalid_dpop_proof"
    await agent.exchange(form["subject_token"])
    first = agent.grant_id
    await agent.exchange(form["subject_token"])
    assert agent.grant_id == first, "one grant for one key, however often it is asked for"
    agent.key = DeviceKey.generate()
    await agent.exchange(form["subject_token"])
    assert agent.grant_id != first


@pytest.mark.requirement("XD-TOK-12")
async def test_of_many_exchanges_at_once_each_is_answered_and_one_grant_is_written(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    subject_token = await sent(desktop)
    await agent.exchange("nothing, for its nonce")
    parts = [[action] for action in sorted(GIVES)] * 3
    answers = await asyncio.gather(
        *(agent.exchange(subject_token, authorization_details=details(actions=part)) for part in parts)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({claims_of(answer)["grant_id"] for answer in answers}) == 1
    for part, answer in zip(parts, answers, strict=True):
        assert [detail["actions"] for detail in answer.json()["authorization_details"]] == [part]
    again = await agent.exchange(subject_token, resource=AGENT)
    assert again.status_code == 200
    assert await live(served, agent) == GIVES, "each token is accounted for by the one grant"


@pytest.mark.requirement("XD-AGT-06", "XD-TOK-12")
async def test_the_key_of_a_backend_is_no_device_that_the_person_has_used(served: World) -> None:
    desktop, agent = await served.desktop(), server(served)
    await agent.exchange(await sent(desktop))
    assert await served.grants.knows_device(served.subject, DESKTOP, desktop.key.jkt)
    assert not await served.grants.knows_device(served.subject, BACKEND, agent.key.jkt)


@pytest.mark.parametrize(
    "client",
    [
        backend(audience=None),
        backend(method=Method.NONE, secret_digest=None),
        backend(exchange_actions=GIVES | {"task:transfer"}),
        backend(exchange_actions=GIVES | {"everything"}),
        backend(exchange_actions=frozenset()),
        backend(exchange_audiences=()),
        backend(exchange_audiences=("http://api.example",)),
    ],
)
async def test_no_client_is_registered_for_an_exchange_that_leads_further(world: World, client: Client) -> None:
    with pytest.raises(NotAcceptable):
        await add_client(world.database, replace(client, client_id=secrets.token_hex(4)))
