"""The authorization code flow of the demo client: PKCE (RFC 7636) and the issuer of answers (RFC 9207)."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from segue_client.authorization import begin, finish
from segue_client.device import Device, Refused

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U4")]

ISSUER = "https://id.example"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "authorization_response_iss_parameter_supported": True,
    "code_challenge_methods_supported": ["S256"],
}
REQUEST_URI = "urn:ietf:params:oauth:request_uri:r"
TOKENS = {
    "access_token": "a",
    "token_type": "DPoP",
    "refresh_token": "r",
    "expires_in": 300,
    "authorization_details": [{"type": "task", "task_id": "tsk_1", "actions": ["task:read"]}],
}


class Server:
    def __init__(self, **metadata: Any) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.metadata = METADATA | metadata

    def device(self) -> Device:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._handle))
        return Device(issuer=ISSUER, client_id="client", http=http, clock=lambda: 1_800_000_000)

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        if "/.well-known/" in request.url.path:
            return httpx2.Response(200, json=self.metadata)
        self.asked.append(parse_qs(request.content.decode()))
        if request.url.path == "/par":
            return httpx2.Response(201, json={"request_uri": REQUEST_URI, "expires_in": 600})
        return httpx2.Response(200, json=TOKENS)


@pytest.mark.requirement("RFC7636-4-1", "RFC7636-4-2", "RFC7636-4-5", "MCP-CODE-a")
async def test_every_request_has_a_verifier_of_its_own_and_shows_its_hash_first() -> None:
    server = Server()
    device = server.device()
    requests = [await begin(device, redirect_uri="https://app.example/", actions=["task:read"]) for _ in range(2)]
    assert len({request.verifier for request in requests}) == 2
    for request in requests:
        query = parse_qs(urlsplit(request.url).query)
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", request.verifier)
        challenge = urlsafe_b64encode(sha256(request.verifier.encode()).digest()).rstrip(b"=").decode()
        assert (query["code_challenge"], query["code_challenge_method"]) == ([challenge], ["S256"])
        assert request.verifier not in request.url
    await finish(device, requests[1], {"state": requests[1].state, "iss": ISSUER, "code": "c"})
    assert server.asked[0]["code_verifier"] == [requests[1].verifier]


@pytest.mark.requirement("RFC9207-2-4-a", "RFC9207-2-4-b", "XD-META-01")
@pytest.mark.parametrize("iss", [None, "https://evil.example", f"{ISSUER}/", ISSUER.upper()])
async def test_an_answer_of_another_issuer_or_of_none_is_refused_and_its_code_is_not_used(iss: str | None) -> None:
    server = Server()
    device = server.device()
    request = await begin(device, redirect_uri="https://app.example/", actions=["task:read"])
    answer = {"state": request.state, "code": "c"} | ({"iss": iss} if iss else {})
    with pytest.raises(Refused, match="wrong_answer"):
        await finish(device, request, answer)
    assert server.asked == []


@pytest.mark.requirement("MCP-CODE-b", "MCP-CODE-c")
@pytest.mark.parametrize("methods", [[], ["plain"], None])
async def test_at_a_server_that_does_not_name_s256_nobody_is_sent_to_sign_in(methods: list[str] | None) -> None:
    told = {} if methods is None else {"code_challenge_methods_supported": methods}
    server = Server(**told)
    if methods is None:
        del server.metadata["code_challenge_methods_supported"]
    with pytest.raises(Refused, match="no_pkce"):
        await begin(server.device(), redirect_uri="https://app.example/", actions=["task:read"])


@pytest.mark.requirement("MCP-RESOURCE-a", "MCP-RESOURCE-b")
async def test_the_resource_server_that_is_wanted_is_named_in_both_requests() -> None:
    server, resource = Server(), "https://tasks.example/mcp"
    device = server.device()
    request = await begin(device, redirect_uri="https://app.example/", actions=["task:read"], resource=resource)
    assert parse_qs(urlsplit(request.url).query)["resource"] == [resource]
    grant = await finish(device, request, {"state": request.state, "iss": ISSUER, "code": "c"})
    await grant.refresh(resource)
    assert [form["resource"] for form in server.asked] == [[resource], [resource]]


@pytest.mark.requirement("R8")
async def test_what_a_session_is_about_is_pushed_and_stands_in_no_address() -> None:
    server = Server(pushed_authorization_request_endpoint=f"{ISSUER}/par")
    asked = {"redirect_uri": "https://app.example/", "actions": ["task:read"], "name": "Lease"}
    request = await begin(server.device(), **asked, about="where were we with the lease?")
    assert parse_qs(urlsplit(request.url).query) == {"client_id": ["client"], "request_uri": [REQUEST_URI]}
    (pushed,) = server.asked
    assert "where were we" in pushed["authorization_details"][0]
    assert (pushed["state"], pushed["redirect_uri"]) == ([request.state], ["https://app.example/"])
    plain = await begin(server.device(), **asked)
    assert (len(server.asked), "authorization_details" in plain.url) == (1, True)
