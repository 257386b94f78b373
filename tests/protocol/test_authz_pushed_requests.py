"""Pushed authorization requests (RFC 9126): nothing of what a client asks for passes through the browser."""

import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authz_world import DESKTOP, DESKTOP_URI, ISSUER, PHONE, Browser, Device, World
from segue_authz.domain.profile import SEGUE
from segue_authz.endpoints import pushed_request
from segue_authz.endpoints.authorization_request import REQUEST_URI

LIFETIME = SEGUE.request_lifetime
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]


async def push(device: Device, verifier: str, *, proof: bool = False, **changes: Any) -> httpx2.Response:
    form = {name: value for name, value in (device.request(verifier) | changes).items() if value is not None}
    if proof:
        return await device.send("POST", "/par", form)
    return await device.http.post("/par", data=form)


async def open_page(browser: Browser, request_uri: str, client_id: str = DESKTOP) -> httpx2.Response:
    return await browser.http.get("/authorize?" + urlencode({"client_id": client_id, "request_uri": request_uri}))


async def signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def decide(browser: Browser, page: httpx2.Response, decision: str = "approve") -> dict[str, str]:
    """What the client is told."""
    fields = {"task": "new", "name": "Acme contract revision", "decision": decision}
    answer = await browser.submit("/authorize", page, **fields)
    return dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))


@pytest.mark.requirement("RFC9126-2-2", "RFC9126-4", "RFC9101-5-2-b", "RFC9101-5-2-1", "RFC9126-2-2-a")
async def test_a_pushed_request_brings_the_device_its_task(world: World) -> None:
    device, verifier = world.device(), secrets.token_urlsafe(32)
    pushed = await push(device, verifier)
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, LIFETIME)
    assert pushed.headers["Cache-Control"] == "no-store"
    request_uri = pushed.json()["request_uri"]
    assert request_uri.startswith(REQUEST_URI)
    assert len(request_uri) > len(REQUEST_URI) + 40
    browser = await signed_in(world)
    for _ in range(2):  # a reload is no answer
        page = await open_page(browser, request_uri)
        assert page.status_code == 200
    told = await decide(browser, page)
    assert (told["state"], told["iss"]) == ("s1", ISSUER)
    answer = await device.token(
        "authorization_code", code=told["code"], redirect_uri=DESKTOP_URI, code_verifier=verifier
    )
    assert answer.status_code == 200
    again = await browser.http.get("/.well-known/oauth-authorization-server")
    assert again.json()["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"


@pytest.mark.requirement("RFC9126-7-3")
@pytest.mark.parametrize("decision", ["approve", "decline"])
async def test_a_pushed_request_is_answered_once(world: World, decision: str) -> None:
    device, browser = world.device(), await signed_in(world)
    request_uri = (await push(device, "v" * 43)).json()["request_uri"]
    page = await open_page(browser, request_uri)
    first = await decide(browser, page, decision)
    assert ("code" in first) == (decision == "approve")
    assert "code" not in await decide(browser, page)
    assert (await open_page(browser, request_uri)).status_code == 400


async def test_of_two_answers_at_once_one_counts(world: World) -> None:
    device = world.device()
    request_uri = (await push(device, "v" * 43)).json()["request_uri"]
    digest = world.derivation.digest("request_uri", request_uri.removeprefix(REQUEST_URI))
    won = [await world.pushed_requests.answer(digest, now=world.now) for _ in range(3)]
    assert won == [True, False, False]


@pytest.mark.requirement("RFC9126-2-2", "RFC9101-10-2-b", "RFC9126-4-b")
async def test_a_pushed_request_lapses_and_is_one_clients(world: World) -> None:
    device, browser = world.device(), await signed_in(world)
    request_uri = (await push(device, "v" * 43)).json()["request_uri"]
    assert (await open_page(browser, request_uri, PHONE)).status_code == 400
    assert (await open_page(browser, REQUEST_URI + "guessed")).status_code == 400
    assert (await open_page(browser, "https://evil.example/request.jwt")).status_code == 400
    world.now += LIFETIME - 1
    assert (await open_page(browser, request_uri)).status_code == 200
    world.now += 1
    assert (await open_page(browser, request_uri)).status_code == 400


@pytest.mark.requirement("RFC9126-4")
async def test_what_the_browser_adds_to_a_pushed_request_is_not_heard(world: World) -> None:
    device, browser = world.device(), await signed_in(world)
    request_uri = (await push(device, "v" * 43)).json()["request_uri"]
    added = {"client_id": DESKTOP, "request_uri": request_uri, "state": "evil", "redirect_uri": "https://evil.example"}
    page = await browser.http.get("/authorize?" + urlencode(added))
    assert page.status_code == 200
    assert (await decide(browser, page))["state"] == "s1"


@pytest.mark.requirement("RFC9126-2-1", "RFC9126-2-3")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"dpop_jkt": None}, "invalid_request"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
    ],
)
async def test_a_request_that_would_be_refused_is_refused_when_it_is_pushed(
    world: World, changes: dict[str, Any], error: str
) -> None:
    answer = await push(world.device(), "v" * 43, **changes)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


@pytest.mark.requirement("RFC9449-10-1-a", "RFC9449-10-1-c", "RFC9449-10-1-d")
@pytest.mark.parametrize("how", [{"proof": True, "dpop_jkt": None}, {}])
async def test_a_proof_binds_the_code_to_its_key_as_dpop_jkt_does(world: World, how: dict[str, Any]) -> None:
    device, browser, verifier = world.device(), await signed_in(world), secrets.token_urlsafe(32)
    pushed = await push(device, verifier, **how)
    assert pushed.status_code == 201
    told = await decide(browser, await open_page(browser, pushed.json()["request_uri"]))
    form = {"code": told["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await world.device().token("authorization_code", **form)).json()["error"] == "invalid_grant"


@pytest.mark.requirement("RFC9449-10-1-b", "RFC9449-10-1-e")
async def test_a_proof_that_is_pushed_along_is_checked_and_has_to_be_by_the_key_that_is_named(world: World) -> None:
    device = world.device()
    other = await push(device, "v" * 43, proof=True, dpop_jkt=world.device().key.jkt)
    assert (other.status_code, other.json()["error"]) == (400, "invalid_request")
    elsewhere = device.key.proof("POST", f"{ISSUER}/token", now=world.now, nonce=device.nonce)
    answer = await device.http.post("/par", data=device.request("v" * 43), headers={"DPoP": elsewhere})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.requirement("RFC9126-2")
async def test_only_so_many_requests_are_kept_for_one_network(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed_request, "PER_NETWORK", 3)
    device = world.device()
    answers = [(await push(device, "v" * 43)).status_code for _ in range(4)]
    assert answers == [201, 201, 201, 429]
