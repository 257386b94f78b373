"""The demo's device library: nonces, tokens, the transfer and the forms, against servers made of a function."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from segue import jose
from segue_client import authorization, pull_transfer, push_transfer
from segue_client.device import Device, Refused
from segue_client.grant import Grant
from segue_demo.browser import Browser

ISSUER = "https://id.example"
STORE = "https://tasks.example"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "device_authorization_endpoint": f"{ISSUER}/device_authorization",
    "transfer_endpoint": f"{ISSUER}/transfer",
    "transfer_claim_endpoint": f"{ISSUER}/transfer/claim",
    "code_challenge_methods_supported": ["S256"],
}
TASK = {"type": "task", "task_id": "tsk_1", "epoch": 1, "actions": ["task:read"]}
Answering = Callable[[httpx2.Request], httpx2.Response]


class Server:
    """Keeps what it was asked; `answer` says what to answer, the metadata come by themselves."""

    def __init__(self, answer: Answering, *, metadata: dict[str, Any] = METADATA) -> None:
        self.asked: list[httpx2.Request] = []
        self._answer = answer
        self._metadata = metadata
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._handle))

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)  # as on a network, others get their turn meanwhile
        if "/.well-known/" in request.url.path:
            return httpx2.Response(200, json=self._metadata)
        self.asked.append(request)
        return self._answer(request)

    def device(self) -> Device:
        return Device(issuer=ISSUER, client_id="client", http=self.http, clock=lambda: 1_800_000_000)

    def proof(self, number: int) -> dict[str, Any]:
        claims = jose.decode_json(jose.parse(self.asked[number].headers["DPoP"]).payload_bytes)
        assert isinstance(claims, dict)
        return claims


def at_the_authorization_server(nonce: str) -> httpx2.Response:
    return httpx2.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": nonce})


def at_a_resource_server(nonce: str) -> httpx2.Response:
    challenge = 'DPoP later="unknown", error="use_dpop_nonce", algs="ES256"'
    return httpx2.Response(401, json={}, headers={"DPoP-Nonce": nonce, "WWW-Authenticate": challenge})


@pytest.mark.anyio
@pytest.mark.requirement("A6", "RFC9449-4-2-g", "RFC9449-7-1-b", "RFC9449-7", "MCP-TOKENS-c")
@pytest.mark.parametrize("demand", [at_the_authorization_server, at_a_resource_server])
async def test_a_demand_for_a_nonce_is_answered_once_with_that_nonce(demand: Callable[[str], httpx2.Response]) -> None:
    server = Server(lambda request: demand("n1") if len(server.asked) == 1 else httpx2.Response(200, json={}))
    answer = await server.device().send("GET", f"{STORE}/tasks?x=1", access_token="t")
    assert answer.status_code == 200
    assert [server.proof(number).get("nonce") for number in range(2)] == [None, "n1"]
    assert server.proof(0)["jti"] != server.proof(1)["jti"]
    assert server.proof(1)["htu"] == f"{STORE}/tasks"
    assert server.proof(1)["ath"] == jose.b64url_encode(hashlib.sha256(b"t").digest())
    assert {request.headers["Authorization"] for request in server.asked} == {"DPoP t"}


@pytest.mark.anyio
@pytest.mark.requirement("A6")
async def test_a_server_that_demands_a_nonce_for_ever_is_asked_twice() -> None:
    server = Server(lambda _: at_a_resource_server("n"))
    assert (await server.device().send("GET", f"{STORE}/tasks", access_token="t")).status_code == 401
    assert len(server.asked) == 2


@pytest.mark.anyio
@pytest.mark.requirement("A6", "RFC9449-8-2-a")
async def test_nonces_of_two_servers_are_kept_apart() -> None:
    server = Server(lambda request: httpx2.Response(200, headers={"DPoP-Nonce": f"of {request.url.host}"}))
    device = server.device()
    for url in (ISSUER, STORE, ISSUER, STORE):
        await device.send("GET", f"{url}/x")
    assert [server.proof(n).get("nonce") for n in range(4)] == [None, None, "of id.example", "of tasks.example"]


@pytest.mark.anyio
@pytest.mark.requirement("XD-PUSH-12")
async def test_metadata_of_another_issuer_are_refused_before_anything_is_sent() -> None:
    server = Server(lambda _: httpx2.Response(200, json={}), metadata=METADATA | {"issuer": ISSUER + "/"})
    with pytest.raises(Refused, match="wrong_issuer"):
        await push_transfer.claim(server.device(), transfer_code="WDJB-MJHT", device_name="Phone")
    assert server.asked == []


@pytest.mark.requirement("XD-PUSH-12")
@pytest.mark.parametrize(
    "fragment",
    [
        "iss=https%3A%2F%2Fid.example.evil&transfer_code=h",
        "iss=https%3A%2F%2Fid.example%2F&transfer_code=h",
        "iss=https%3A%2F%2Fid.example&iss=https%3A%2F%2Fevil.example&transfer_code=h",
        "transfer_code=h",
        "iss=https%3A%2F%2Fid.example",
        "",
    ],
)
def test_a_scanned_code_of_another_issuer_is_refused(fragment: str) -> None:
    with pytest.raises(ValueError, match=r"authorization server|bad query field"):
        push_transfer.scanned_code(f"https://phone.example/#{fragment}", issuer=ISSUER)


@pytest.mark.requirement("A2")
def test_a_scanned_code_of_our_issuer_gives_its_handle() -> None:
    uri = "https://phone.example/#iss=https%3A%2F%2Fid.example&transfer_code=h_-1"
    assert push_transfer.scanned_code(uri, issuer=ISSUER) == "h_-1"


def minted(number: int) -> httpx2.Response:
    tokens = {"access_token": f"a{number}", "token_type": "DPoP", "refresh_token": f"r{number}", "expires_in": 300}
    return httpx2.Response(200, json=tokens | {"authorization_details": [TASK | {"epoch": number}]})


@pytest.mark.anyio
@pytest.mark.requirement("A7", "RFC9068-6")
async def test_many_requests_at_once_use_each_refresh_token_once() -> None:
    server = Server(lambda _: minted(len(server.asked)))
    grant = Grant(server.device(), refresh_token="r0", details=TASK | {"name": "Acme"})
    tokens = await asyncio.gather(*(grant.token(audience) for audience in (STORE, ISSUER) for _ in range(5)))
    spent = [parse_qs(request.content.decode()) for request in server.asked]
    assert [form["refresh_token"] for form in spent] == [["r0"], ["r1"]]
    assert [form["resource"] for form in spent] == [[STORE], [ISSUER]]
    assert sorted(set(tokens)) == ["a1", "a2"]
    assert (grant.refresh_token, grant.epoch, grant.details["name"]) == ("r2", 2, "Acme")


@pytest.mark.anyio
@pytest.mark.requirement("RFC9449-5-a", "RFC9449-5-f")
async def test_every_refresh_is_proved_by_the_key_that_the_grant_came_to() -> None:
    server = Server(lambda _: minted(len(server.asked)))
    device = server.device()
    grant = Grant.from_tokens(device, minted(0).json())
    for audience in (STORE, ISSUER):
        await grant.refresh(audience)
    for request in server.asked:
        proof = jose.parse(request.headers["DPoP"])
        assert (proof.header["jwk"], proof.claims()["htu"]) == (device.key.jwk, f"{ISSUER}/token")


@pytest.mark.anyio
@pytest.mark.requirement("RFC9449-5-g", "RFC6749-7-1")
@pytest.mark.parametrize("kind", [{"token_type": "Bearer"}, {"token_type": None}, {}])
async def test_a_token_that_is_not_bound_to_the_key_is_not_kept(kind: dict[str, Any]) -> None:
    unbound = {name: value for name, value in minted(1).json().items() if name != "token_type"} | kind
    server = Server(lambda _: httpx2.Response(200, json=unbound))
    with pytest.raises(Refused, match="unbound_token"):
        Grant.from_tokens(server.device(), unbound)
    grant = Grant.from_tokens(server.device(), minted(0).json())
    with pytest.raises(Refused, match="unbound_token") as refused:
        await grant.token(STORE)
    assert (grant.refresh_token, "a1" in str(refused.value.body)) == ("r0", False)


@pytest.mark.anyio
@pytest.mark.requirement("A2", "CIBA-10-1-c", "CIBA-11-b")
async def test_waiting_ends_with_the_grant_or_with_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    answers = [{"error": "authorization_pending"}, {"error": "slow_down"}]
    server = Server(lambda _: httpx2.Response(400, json=answers.pop(0)) if answers else minted(7))
    claimed = push_transfer.Claim("code", "4711", interval=2)
    assert (await push_transfer.wait(server.device(), claimed)).epoch == 7
    assert waits == [2, 7]
    answers = [{"error": "access_denied"}]
    with pytest.raises(Refused, match="access_denied"):
        await push_transfer.wait(server.device(), claimed)


ASKED = {
    "device_code": "trf_1.code",
    "user_code": "WDJB-MJHT",
    "verification_uri": f"{ISSUER}/device",
    "verification_uri_complete": f"{ISSUER}/device#WDJB-MJHT",
    "expires_in": 540,
    "user_code_expires_in": 240,
    "interval": 2,
}


@pytest.mark.anyio
@pytest.mark.requirement("A1")
async def test_asking_names_one_task_and_its_actions_and_leaves_out_what_is_open() -> None:
    server = Server(lambda _: httpx2.Response(200, json=ASKED | {"further": "member"}))
    asked = await pull_transfer.ask(server.device(), actions=["task:read"], device_name="Tablet", name="Acme")
    assert vars(asked) == ASKED
    form = parse_qs(server.asked[0].content.decode())
    assert (form["client_id"], form["device_name"]) == (["client"], ["Tablet"])
    assert json.loads(form["authorization_details"][0]) == [{"type": "task", "name": "Acme", "actions": ["task:read"]}]


@pytest.mark.anyio
@pytest.mark.requirement("A1", "RFC8628-3-5-a", "RFC8628-3-5-c", "CIBA-10-1-c", "CIBA-11-b")
async def test_the_check_value_comes_with_a_pending_answer_and_every_slow_down_counts_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            waits.append(seconds)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if not answers:
            return minted(7)
        if answers[0] is None:
            answers.pop(0)
            raise httpx2.ReadTimeout("no answer", request=request)
        return httpx2.Response(400, json=answers.pop(0))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    pending: dict[str, str] = {"error": "authorization_pending"}
    slow_down = {"error": "slow_down"}
    opened = pending | {"check_value": "4711"}
    answers: list[dict[str, str] | None] = [pending, slow_down, opened, slow_down, None, pending]
    wait = pull_transfer.waiting(Server(answer).device(), pull_transfer.Asked(**ASKED))  # type: ignore[arg-type]
    assert await wait.check_value() == "4711"
    assert (await wait.grant()).epoch == 7
    assert waits == [2, 7, 7, 12, 24, 24]


@pytest.mark.anyio
@pytest.mark.requirement("A1", "RFC8628-3-2-a")
async def test_a_server_that_names_no_interval_is_asked_every_five_seconds() -> None:
    answer = {name: value for name, value in ASKED.items() if name != "interval"}
    server = Server(lambda _: httpx2.Response(200, json=answer))
    asked = await pull_transfer.ask(server.device(), actions=["task:read"], device_name="Tablet")
    assert pull_transfer.waiting(server.device(), asked).interval == 5


@pytest.mark.anyio
@pytest.mark.requirement("A1", "RFC8628-3-5-b")
@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant"])
async def test_waiting_for_the_check_value_ends_with_the_refusal(error: str) -> None:
    server = Server(lambda _: httpx2.Response(400, json={"error": error}))
    with pytest.raises(Refused, match=error):
        await pull_transfer.waiting(server.device(), pull_transfer.Asked(**ASKED)).check_value()  # type: ignore[arg-type]


@pytest.mark.anyio
@pytest.mark.requirement("A4")
@pytest.mark.parametrize("wrong", [{"state": "other"}, {"iss": "https://evil.example"}])
async def test_an_answer_to_another_request_or_of_another_issuer_is_not_redeemed(wrong: dict[str, str]) -> None:
    server = Server(lambda _: minted(1))
    device = server.device()
    request = await authorization.begin(device, redirect_uri="https://app.example/", actions=["task:read"])
    with pytest.raises(Refused, match="wrong_answer"):
        await authorization.finish(device, request, {"code": "c", "state": request.state, "iss": ISSUER} | wrong)
    assert server.asked == []


@pytest.mark.anyio
@pytest.mark.requirement("A4")
async def test_an_authorization_request_names_the_key_the_challenge_and_one_task() -> None:
    server = Server(lambda _: minted(1))
    device = server.device()
    request = await authorization.begin(device, redirect_uri="https://app.example/", actions=["task:read"], name="Acme")
    query = {name: values[0] for name, values in parse_qs(request.url.partition("?")[2]).items()}
    assert json.loads(query["authorization_details"]) == [{"type": "task", "name": "Acme", "actions": ["task:read"]}]
    assert (query["dpop_jkt"], query["code_challenge_method"]) == (device.key.jkt, "S256")
    await authorization.finish(device, request, {"code": "c", "state": request.state, "iss": ISSUER})
    assert parse_qs(server.asked[0].content.decode())["code_verifier"] == [request.verifier]


PAGE = """<form method="get" action="/search"><input name="check_value"></form>
<form method="post" action="/other"><input name="csrf" value="wrong"></form>
<form method="post" action="/confirm/trf_1" id="decline"><input name="csrf" value="c"><input name="check_value"></form>
<form method="POST" action="/confirm/trf_1"><input type="hidden" name="csrf" value="a&amp;b">
<input name="check_value"><input type="checkbox" name="news" value="1">
<button name="decision" value="deny" form="decline">Decline</button>
<button name="decision" value="approve">Approve</button></form>"""


@pytest.mark.anyio
@pytest.mark.requirement("A2")
async def test_the_browser_sends_the_form_it_fills_in_with_its_hidden_fields() -> None:
    server = Server(lambda request: httpx2.Response(200, text=PAGE, headers={"Content-Type": "text/html"}))
    browser = Browser(server.http, username="demo", password="secret")
    await browser.confirm(f"{ISSUER}/confirm/trf_1", check_value="4711")
    sent = server.asked[-1]
    assert (sent.method, str(sent.url), sent.headers["Origin"]) == ("POST", f"{ISSUER}/confirm/trf_1", ISSUER)
    form = parse_qs(sent.content.decode(), keep_blank_values=True)
    assert form == {"csrf": ["a&b"], "check_value": ["4711"], "news": [""], "decision": ["approve"]}
    await browser.confirm(f"{ISSUER}/confirm/trf_1", check_value="", decision="deny")
    form = parse_qs(server.asked[-1].content.decode(), keep_blank_values=True)
    assert form == {"csrf": ["c"], "check_value": [""], "decision": ["deny"]}


@pytest.mark.anyio
@pytest.mark.requirement("RFC9470-4-a")
async def test_a_sign_in_that_the_store_wants_is_asked_for_in_its_own_words() -> None:
    device = Server(lambda _: httpx2.Response(500)).device()
    wanted = {"error": "insufficient_user_authentication", "max_age": "300", "acr_values": "urn:x", "detail": "no"}
    begun = await authorization.begin(device, redirect_uri="http://localhost:1/", actions=["task:read"], sign_in=wanted)
    asked = parse_qs(begun.url.partition("?")[2])
    assert (asked["max_age"], asked["acr_values"]) == (["300"], ["urn:x"])
    assert not {"error", "detail"} & asked.keys()


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "asked"), [("GET", 2), ("POST", 1)])
async def test_what_changes_nothing_is_sent_again_when_the_connection_was_closed(method: str, asked: int) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if len(server.asked) == 1:
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx2.Response(200, json={})

    server = Server(answer)
    with suppress(httpx2.RemoteProtocolError):
        assert (await server.device().send(method, f"{ISSUER}/x")).status_code == 200
    assert len(server.asked) == asked
    assert len({server.proof(number)["jti"] for number in range(asked)}) == asked
