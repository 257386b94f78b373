"""Signed request objects (RFC 9101): between the client and the server nobody changes what was asked for."""

import json
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
import pytest
from authz_world import AGENT, DESKTOP, DESKTOP_URI, ISSUER, STORE, Browser, Device, World
from cryptography.hazmat.primitives.asymmetric import ec
from segue.authority import ACTIONS
from segue.jose import parse, public_jwk
from segue_authz.client_auth.assertion import LEEWAY
from segue_authz.client_auth.request_object import LONGEST, TYPE
from segue_authz.domain.client import Client
from segue_authz.enrolment import NotAcceptable, add_client

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A4", "A14")]

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = public_jwk(KEY.public_key()) | {"kid": "k1", "alg": "ES256"}
SIGNS, HAS_TO = "signing-desktop", "always-signing-desktop"


@pytest.fixture
async def registered(world: World) -> World:
    for client_id in (SIGNS, HAS_TO):
        client = Client(
            client_id,
            "Signing desktop",
            ACTIONS,
            (DESKTOP_URI,),
            jwks=(JWK,),
            require_signed_request_object=client_id == HAS_TO,
        )
        await add_client(world.database, client)
    return world


def signed(
    device: Device, verifier: str, *, key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """A good object; `changes` replace its claims, and None leaves one out."""
    said = device.request(verifier) | {
        "iss": device.client_id,
        "aud": ISSUER,
        "exp": device.world.now + 300,
        "nbf": device.world.now,
    }
    said["authorization_details"] = json.loads(device.request(verifier)["authorization_details"])
    said |= changes
    said = {name: value for name, value in said.items() if value is not None}
    headers = {"kid": "k1", "typ": TYPE} | (header or {})
    return jwt.encode(said, key, algorithm="ES256", headers=headers)


async def signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def open_page(browser: Browser, client_id: str, **parameters: str) -> httpx2.Response:
    return await browser.http.get("/authorize?" + urlencode({"client_id": client_id, **parameters}))


async def decide(browser: Browser, page: httpx2.Response) -> dict[str, str]:
    fields = {"task": "new", "name": "Acme contract revision", "decision": "approve"}
    answer = await browser.submit("/authorize", page, **fields)
    return dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))


@pytest.mark.requirement("RFC9101-5-d", "RFC9101-6-3-a")
async def test_a_signed_request_brings_the_device_its_task_and_what_stands_beside_it_is_not_heard(
    registered: World,
) -> None:
    device, browser, verifier = registered.device(SIGNS), await signed_in(registered), secrets.token_urlsafe(32)
    beside = {"state": "evil", "redirect_uri": "https://evil.example/", "dpop_jkt": "x" * 43, "resource": AGENT}
    page = await open_page(browser, SIGNS, request=signed(device, verifier), **beside)
    assert page.status_code == 200
    told = await decide(browser, page)
    assert (told["state"], told["iss"]) == ("s1", ISSUER)
    form = {"code": told["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    answer = await device.token("authorization_code", **form)
    assert parse(answer.json()["access_token"]).claims()["aud"] == STORE


@pytest.mark.requirement(
    "RFC9101-10-8",
    "XD-JOSE-01",
    "XD-JOSE-02",
    "RFC9101-4-c",
    "RFC9101-5-b",
    "RFC9101-6-2-a",
    "RFC9101-6-2-b",
    "RFC9101-6-2-d",
    "RFC9101-6-3-b",
    "RFC9126-3-a",
    "RFC9126-3-b",
)
@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"header": {"kid": "k2"}},
        {"header": {"crit": ["exp"]}},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": None},
        {"iss": DESKTOP},
        {"iss": None},
        {"client_id": DESKTOP},
        {"client_id": None},
        {"sub": SIGNS},
        {"request": "x"},
        {"request_uri": "urn:x"},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 2_000_000_000},
        {"nbf": 2_000_000_000},
        {"nbf": 1.5},
        {"jti": ""},
        {"jti": 7},
        {"state": {"a": 1}},
        {"state": True},
        {"state": "a\0b"},
        {"resource": [STORE, AGENT]},
    ],
)
async def test_an_object_that_is_not_exact_is_refused_at_both_doors_and_leads_nowhere(
    registered: World, wrong: dict[str, Any]
) -> None:
    device, browser = registered.device(SIGNS), await signed_in(registered)
    text = signed(device, "v" * 43, **wrong)
    page = await open_page(browser, SIGNS, request=text)
    assert (page.status_code, "location" in page.headers) == (400, False)
    pushed = await device.http.post("/par", data={"client_id": SIGNS, "request": text})
    assert (pushed.status_code, pushed.json()["error"]) == (400, "invalid_request_object")


@pytest.mark.requirement(
    "XD-JOSE-01", "RFC9101-5-c", "RFC9101-6-2-a", "RFC9101-6-2-c", "RFC9101-10-2-a", "RFC9101-10-5-a"
)
async def test_an_object_by_nobody_or_by_the_public_key_is_refused(registered: World) -> None:
    device = registered.device(SIGNS)
    good = signed(device, "v" * 43)
    claims, header = parse(good).claims(), {"kid": "k1", "typ": TYPE}
    nobodys = jwt.encode(claims, "", algorithm="none", headers=header)
    by_public = jwt.encode(claims, JWK["x"], algorithm="HS256", headers=header)
    for text in (nobodys, by_public, good.rpartition(".")[0] + ".", "a.b.c"):
        pushed = await device.http.post("/par", data={"client_id": SIGNS, "request": text})
        assert (pushed.status_code, pushed.json()["error"]) == (400, "invalid_request_object"), text
    pushed = await device.http.post("/par", data={"client_id": DESKTOP, "request": good})
    assert pushed.json()["error"] == "invalid_request_object", "another client, which has no keys"


async def test_the_last_second_of_an_object_and_the_first_after_it(registered: World) -> None:
    device, browser = registered.device(SIGNS), await signed_in(registered)
    text = signed(device, "v" * 43, exp=registered.now + LONGEST + LEEWAY)
    too_long = signed(device, "v" * 43, exp=registered.now + LONGEST + LEEWAY + 1)
    assert (await open_page(browser, SIGNS, request=too_long)).status_code == 400
    registered.now += LONGEST + 2 * LEEWAY - 1
    page = await open_page(browser, SIGNS, request=text)
    assert page.status_code == 200
    registered.now += 1
    assert (await open_page(browser, SIGNS, request=text)).status_code == 400
    assert await decide(browser, page) == {}, "it lapsed under the person's eyes"


@pytest.mark.requirement("RFC9101-5-a", "RFC9101-5-b")
async def test_an_object_and_a_name_exclude_each_other_and_no_name_but_our_own_is_followed(registered: World) -> None:
    device, browser = registered.device(SIGNS), await signed_in(registered)
    text = signed(device, "v" * 43)
    for names in ({"request": text, "request_uri": "urn:x"}, {"request_uri": "https://evil.example/request.jwt"}):
        assert (await open_page(browser, SIGNS, **names)).status_code == 400
    assert (await browser.http.get("/authorize?" + urlencode({"request": text}))).status_code == 400


async def test_an_object_with_a_jti_is_answered_once_at_either_door(registered: World) -> None:
    device, browser = registered.device(SIGNS), await signed_in(registered)
    text = signed(device, "v" * 43, jti="once")
    page = await open_page(browser, SIGNS, request=text)
    again = await open_page(browser, SIGNS, request=text)
    assert page.status_code == again.status_code == 200, "to look is no answer"
    assert "code" in await decide(browser, page)
    assert (await decide(browser, again))["error"] == "invalid_request"
    pushed = await device.http.post("/par", data={"client_id": SIGNS, "request": text})
    assert pushed.json()["error"] == "invalid_request_object"
    registered.restart()
    pushed = await registered.http().post("/par", data={"client_id": SIGNS, "request": text})
    assert pushed.json()["error"] == "invalid_request_object", "nothing forgets it at a restart"


@pytest.mark.requirement("RFC9101-6-3-c")
async def test_a_good_object_with_a_request_that_cannot_be_is_answered_to_its_client(registered: World) -> None:
    device, browser = registered.device(SIGNS), await signed_in(registered)
    for change, error in (
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"resource": "https://nobody.example"}, "invalid_target"),
    ):
        answer = await open_page(browser, SIGNS, request=signed(device, "v" * 43, **change))
        told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert (told["error"], told["state"], told["iss"]) == (error, "s1", ISSUER)


@pytest.mark.requirement("RFC9126-3")
async def test_a_pushed_object_is_all_that_counts_and_its_key_is_the_one_of_the_proof(registered: World) -> None:
    device, browser, verifier = registered.device(SIGNS), await signed_in(registered), secrets.token_urlsafe(32)
    form = {"client_id": SIGNS, "request": signed(device, verifier, dpop_jkt=None), "state": "evil", "dpop_jkt": "x"}
    assert (await device.http.post("/par", data=form)).json()["error"] == "invalid_request", "no key"
    pushed = await device.send("POST", "/par", form)
    assert pushed.status_code == 201
    told = await decide(browser, await open_page(browser, SIGNS, request_uri=pushed.json()["request_uri"]))
    assert told["state"] == "s1"
    form = {"code": told["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await registered.device(SIGNS).token("authorization_code", **form)).json()["error"] == "invalid_grant"
    other = {"client_id": SIGNS, "request": signed(device, verifier)}
    assert (await registered.device(SIGNS).send("POST", "/par", other)).json()["error"] == "invalid_request"


@pytest.mark.requirement("RFC9101-10-5-a")
async def test_a_client_that_has_to_sign_gets_nothing_by_an_unsigned_request(registered: World) -> None:
    device, browser = registered.device(HAS_TO), await signed_in(registered)
    unsigned = device.request("v" * 43)
    assert (await open_page(browser, **unsigned)).status_code == 400
    assert (await device.http.post("/par", data=unsigned)).json()["error"] == "invalid_request"
    assert (await open_page(browser, HAS_TO, request=signed(device, "v" * 43))).status_code == 200
    pushed = await device.http.post("/par", data={"client_id": HAS_TO, "request": signed(device, "v" * 43)})
    assert pushed.status_code == 201
    assert (await open_page(browser, HAS_TO, request_uri=pushed.json()["request_uri"])).status_code == 200


@pytest.mark.requirement("RFC8707-2-1", "RFC8707-2-2", "XD-TOK-02")
async def test_what_was_asked_for_one_resource_server_is_for_no_other(world: World) -> None:
    device, browser, verifier = world.device(), await signed_in(world), secrets.token_urlsafe(32)
    page = await browser.http.get("/authorize?" + urlencode(device.request(verifier) | {"resource": AGENT}))
    told = await decide(browser, page)
    form = {"code": told["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await device.token("authorization_code", **form, resource=STORE)).json()["error"] == "invalid_target"
    answer = await device.token("authorization_code", **form)
    assert parse(answer.json()["access_token"]).claims()["aud"] == AGENT
    for _ in range(2):
        answer = await device.refresh()
        assert parse(answer.json()["access_token"]).claims()["aud"] == AGENT
    assert (await device.refresh(resource=ISSUER)).json()["error"] == "invalid_target"
    assert (await device.refresh(resource=AGENT)).status_code == 200, "a refused request uses nothing up"


@pytest.mark.requirement("RFC8707-2-1", "RFC9207-2")
async def test_a_resource_of_nobody_is_told_to_the_client_with_the_name_of_the_server(world: World) -> None:
    device, browser = world.device(), await signed_in(world)
    foreign = device.request("v" * 43) | {"resource": "https://evil.example"}
    answer = await browser.http.get("/authorize?" + urlencode(foreign))
    told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (told["error"], told["iss"], told["state"]) == ("invalid_target", ISSUER, "s1")
    assert (await device.http.post("/par", data=foreign)).json()["error"] == "invalid_target"
    twice = urlencode(device.request("v" * 43)) + "&" + urlencode([("resource", STORE), ("resource", AGENT)])
    assert (await browser.http.get("/authorize?" + twice)).status_code == 400


async def test_a_client_without_keys_cannot_be_held_to_sign(world: World) -> None:
    with pytest.raises(NotAcceptable):
        await add_client(world.database, Client("x", "X", ACTIONS, (DESKTOP_URI,), require_signed_request_object=True))
