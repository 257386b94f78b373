"""What OAuth asks of a client (RFC 6749 sections 3 to 6), of the demo's device library."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from segue_client import authorization
from segue_client.device import Device, Refused

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A4", "U4")]

ISSUER, BACK = "https://id.example", "https://app.example/back"
TASK = {"type": "task", "task_id": "tsk_1", "epoch": 1, "actions": ["task:read"]}
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "code_challenge_methods_supported": ["S256"],
}
TOKENS = {"access_token": "a", "token_type": "DPoP", "expires_in": 300, "authorization_details": [TASK]}


def device(asked: list[httpx2.Request], **further: Any) -> Device:
    """Its server answers each token request with the next refresh token."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        if "/.well-known/" in request.url.path:
            return httpx2.Response(200, json=METADATA)
        asked.append(request)
        return httpx2.Response(200, json=TOKENS | {"refresh_token": f"r{len(asked)}"} | further)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
    return Device(issuer=ISSUER, client_id="client", http=http, clock=lambda: 1_800_000_000)


@pytest.mark.requirement(
    "RFC6749-3-1-2-3-b", "RFC6749-3-2-a", "RFC6749-3-2-1-a", "RFC6749-4-1-1", "RFC6749-4-1-3-a", "RFC9396-2-b"
)
async def test_a_client_says_who_it_is_and_where_it_is_answered_and_redeems_in_a_form(
    asked: list[httpx2.Request],
) -> None:
    request = await authorization.begin(device(asked), redirect_uri=BACK, actions=["task:read"])
    query = parse_qs(urlsplit(request.url).query)
    assert (query["response_type"], query["client_id"], query["redirect_uri"]) == (["code"], ["client"], [BACK])
    assert '"type": "task"' in query["authorization_details"][0]
    await authorization.finish(device(asked), request, {"code": "c", "state": request.state, "iss": ISSUER})
    assert (asked[0].method, asked[0].url.query) == ("POST", b"")
    form = {name: values[0] for name, values in parse_qs(asked[0].content.decode()).items()}
    assert form == {
        "grant_type": "authorization_code",
        "client_id": "client",
        "code": "c",
        "redirect_uri": BACK,
        "code_verifier": request.verifier,
    }


@pytest.mark.requirement("RFC6749-4-1-2-e", "RFC6749-5-1-a", "RFC6749-6-c")
async def test_a_client_passes_over_what_it_does_not_know_and_keeps_the_newest_refresh_token(
    asked: list[httpx2.Request],
) -> None:
    client = device(asked, unheard="of")
    request = await authorization.begin(client, redirect_uri=BACK, actions=["task:read"])
    answer = {"code": "c", "state": request.state, "iss": ISSUER, "unheard": "of"}
    grant = await authorization.finish(client, request, answer)
    await grant.refresh("https://tasks.example")
    await grant.refresh("https://tasks.example")
    assert [parse_qs(each.content.decode())["refresh_token"] for each in asked[1:]] == [["r1"], ["r2"]]
    assert grant.refresh_token == "r3"


@pytest.mark.requirement("RFC6749-10-12-a")
async def test_every_request_has_a_state_that_nobody_guesses_and_no_answer_without_it_is_heard(
    asked: list[httpx2.Request],
) -> None:
    client = device(asked)
    requests = [await authorization.begin(client, redirect_uri=BACK, actions=["task:read"]) for _ in range(2)]
    assert len({request.state for request in requests}) == 2
    assert all(len(request.state) >= 128 / 6 for request in requests)
    for wrong in ({}, {"state": ""}, {"state": requests[1].state}):
        with pytest.raises(Refused, match="wrong_answer"):
            await authorization.finish(client, requests[0], {"code": "c", "iss": ISSUER, **wrong})
    assert asked == []


@pytest.fixture
def asked() -> list[httpx2.Request]:
    return []
