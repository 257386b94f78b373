"""What the backchannel example sends, and what it makes of the answer, against a server made of a function."""

from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from segue_client.backchannel import Asked, Backend, Notifications, ask

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A3", "U4")]
ISSUER = "https://id.example"
METADATA = {"issuer": ISSUER, "backchannel_authentication_endpoint": f"{ISSUER}/backchannel_authentication"}
ACTIONS = ["task:read"]


def agent(acknowledged: dict[str, Any], asked: list[httpx2.Request]) -> Backend:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if "/.well-known/" in request.url.path:
            return httpx2.Response(200, json=METADATA)
        asked.append(request)
        return httpx2.Response(200, json=acknowledged)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return Backend(issuer=ISSUER, client_id="helper", client_secret="s", http=http)


@pytest.mark.requirement("CIBA-7-3-c")
@pytest.mark.parametrize(("named", "interval"), [({}, 5), ({"interval": 2}, 2)])
async def test_a_server_that_names_no_interval_means_five_seconds(named: dict[str, int], interval: int) -> None:
    backend = agent({"auth_req_id": "a", "expires_in": 60, **named}, [])
    assert await ask(backend, person="person", actions=ACTIONS) == Asked("a", 60, interval)


@pytest.mark.requirement("CIBA-7-1-a", "CIBA-7-1-e")
async def test_the_person_is_named_by_one_hint_and_the_client_authenticates() -> None:
    asked: list[httpx2.Request] = []
    backend = agent({"auth_req_id": "a", "expires_in": 60}, asked)
    for hints in ({}, {"person": "person", "id_token": "a.b.c"}):
        with pytest.raises(ValueError, match="exactly one"):
            await ask(backend, actions=ACTIONS, **hints)
    assert asked == []
    await ask(backend, id_token="a.b.c", actions=ACTIONS)
    form = parse_qs(asked[0].content.decode())
    assert (form["scope"], form["id_token_hint"], "login_hint" in form) == (["openid"], ["a.b.c"], False)
    assert asked[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.requirement("CIBA-7-1-g")
async def test_every_request_has_a_token_of_its_own_for_the_notice() -> None:
    tokens = {Notifications().token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(22 <= len(token) <= 1024 for token in tokens), "22 letters have 132 bits"
