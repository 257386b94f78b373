"""Actions for which the person has to be here now (RFC 9470): told to the device in a way that it can act upon."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from resource_world import StoreWorld
from segue.middleware import TaskTokenMiddleware
from segue.requires import requires
from segue.step_up import SignIn
from segue.testing import TestDevice, TestIssuer
from segue.wsgi import TaskTokenMiddleware as WsgiMiddleware
from segue_resource.settings import from_environment
from segue_storage.setting import BadSetting
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U2")]

START, PASSWORD = 1_800_000_000, "urn:segue:acr:password"
SENSITIVE = {
    "tool_calls:approve": SignIn(max_age=300),
    "participants:manage": SignIn(acr_values=("urn:x:key", "urn:x")),
}
ACTIONS = ("task:read", "tool_calls:approve", "participants:manage")


@requires("task:read")
async def read(_: Request) -> PlainTextResponse:
    return PlainTextResponse("read")


@requires("task:read", "tool_calls:approve")
async def approve(_: Request) -> PlainTextResponse:
    return PlainTextResponse("approved")


@requires("participants:manage")
async def manage(_: Request) -> PlainTextResponse:
    return PlainTextResponse("managed")


class World:
    def __init__(self, sensitive: Mapping[str, SignIn] | None = None) -> None:
        self.now = START
        self.issuer, self.device = TestIssuer(clock=lambda: self.now), TestDevice(clock=lambda: self.now)
        routes = [Route(f"/{each.__name__}", each, methods=["POST"]) for each in (read, approve, manage)]
        self.app = TaskTokenMiddleware(
            Starlette(routes=routes),
            issuer=self.issuer.issuer,
            audience=self.issuer.audience,
            fetch=self.issuer.fetch,
            clock=lambda: self.now,
            sensitive=sensitive,
        )
        self.nonce: str | None = None

    async def post(self, path: str, **claims: Any) -> httpx2.Response:
        token = self.issuer.token(self.device, actions=ACTIONS, **claims)
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url=self.issuer.audience) as http:
            for _ in range(2):
                url = f"{self.issuer.audience}/{path}"
                headers = self.device.headers("POST", url, token, nonce=self.nonce)
                answer = await http.post(url, headers=headers)
                self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
                if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                    break
        return answer


@pytest.mark.requirement("XD-CONS-06", "RFC9470-3-a", "RFC9470-3-b")
async def test_a_sensitive_action_takes_a_sign_in_of_late_and_the_challenge_says_how_late() -> None:
    world = World(SENSITIVE)
    assert (await world.post("approve", auth_time=START - 300)).text == "approved"
    refused = await world.post("approve", auth_time=START - 301)
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith('DPoP error="insufficient_user_authentication"')
    assert 'max_age="300"' in challenge
    told = refused.json()
    assert (told["error"], told["max_age"]) == ("insufficient_user_authentication", "300")
    assert told["type"] == "urn:segue:problem:insufficient-user-authentication"
    assert (await world.post("read", auth_time=START - 301)).text == "read", "what is not sensitive goes on"


@pytest.mark.requirement("RFC9470-3-a")
async def test_a_token_that_tells_of_no_sign_in_is_not_enough() -> None:
    world = World(SENSITIVE)
    assert (await world.post("approve", auth_time=None)).status_code == 401
    assert (await world.post("manage", acr=None)).status_code == 401


@pytest.mark.requirement("RFC9470-3-a", "RFC9470-3-c")
async def test_the_way_of_signing_in_can_matter_too() -> None:
    world = World(SENSITIVE)
    assert (await world.post("manage", acr="urn:x")).text == "managed"
    refused = await world.post("manage", acr=PASSWORD)
    assert 'acr_values="urn:x:key urn:x"' in refused.headers["WWW-Authenticate"]
    assert "max_age" not in refused.headers["WWW-Authenticate"]


async def test_without_sensitive_actions_nothing_is_asked() -> None:
    assert (await World().post("approve", auth_time=1)).text == "approved"


@pytest.mark.requirement("RFC9470-3-a")
def test_a_wsgi_app_is_guarded_alike() -> None:
    issuer, device = TestIssuer(clock=lambda: START), TestDevice(clock=lambda: START)
    seen: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["segue.step_up"])
        start_response("200 OK", [])
        return [b""]

    guarded = WsgiMiddleware(
        app,
        issuer=issuer.issuer,
        audience=issuer.audience,
        fetch=issuer.fetch,
        clock=lambda: START,
        sensitive=SENSITIVE,
    )
    with httpx2.Client(transport=httpx2.WSGITransport(app=guarded), base_url=issuer.audience) as http:
        token = issuer.token(device, actions=ACTIONS, auth_time=START - 301, acr="urn:x")
        assert device.request(http, "GET", f"{issuer.audience}/", token).status_code == 200
    guarded.close()
    assert [list(step_up) for step_up in seen] == [["tool_calls:approve"]]


def test_a_misspelt_action_or_an_impossible_sign_in_is_no_guard() -> None:
    with pytest.raises(ValueError, match="unknown action"):
        World({"tool_calls:aprove": SignIn(max_age=300)})
    for impossible in ({"max_age": 0}, {"acr_values": ('a" b',)}):
        with pytest.raises(ValueError, match=r"."):
            SignIn(**impossible)  # type: ignore[arg-type]


def test_the_task_store_reads_which_actions_are_sensitive() -> None:
    settings = from_environment({"SEGUE_RESOURCE_SENSITIVE": "tool_calls:approve=300 participants:manage=600"})
    assert settings.sensitive == {"tool_calls:approve": 300, "participants:manage": 600, "task:erase": 300}
    shown = settings.shown()["SEGUE_RESOURCE_SENSITIVE"]
    assert shown == "participants:manage=600 task:erase=300 tool_calls:approve=300"
    assert from_environment({}).sensitive == {"task:erase": 300}
    for wrong in ("tool_calls:approve", "tool_calls:approve=59", "tool_calls:approve=soon", "everything=300"):
        with pytest.raises(BadSetting, match="SEGUE_RESOURCE_SENSITIVE"):
            from_environment({"SEGUE_RESOURCE_SENSITIVE": wrong})


@pytest.mark.requirement("RFC9470-3-a")
async def test_the_task_store_asks_for_the_person_where_its_operator_wants_them(store: StoreWorld) -> None:
    store.settings = replace(store.settings, sensitive={"tool_calls:approve": 300})
    await store.restart()
    device = store.device(auth_time=store.now - 301)
    call_id = await device.propose("irreversible")
    refused = await device.step(call_id, "approve")
    assert (refused.status_code, refused.json()["error"]) == (401, "insufficient_user_authentication")
    assert (await store.device(auth_time=store.now - 300).step(call_id, "approve")).status_code == 200
