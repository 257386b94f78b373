"""The FAPI 2.0 Security Profile as a setting: what specs/fapi2.toml says is held, clause by clause."""

import ast
import json
import secrets
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
import pytest
from authz_world import (
    DESKTOP,
    DESKTOP_URI,
    ISSUER,
    Browser,
    Device,
    World,
    restart,
)
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from segue.authority import ACTIONS
from segue.device_key import DeviceKey
from segue.dpop import InvalidDPoPProof, ProofChecker, UseDPoPNonce
from segue.jose import parse, public_jwk
from segue.nonce import Nonces
from segue.replay import InProcessReplayMemory
from segue_authz.client_auth.authenticator import digest
from segue_authz.client_auth.shown import ASSERTION_TYPE
from segue_authz.domain.client import Client, Method, acceptable_uri
from segue_authz.domain.profile import FAPI2, SEGUE
from segue_authz.endpoints.authorize import CODE_LIFETIME
from segue_authz.enrolment import NotAcceptable, add_client
from segue_authz.settings import from_environment
from segue_storage.setting import BadSetting

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = public_jwk(KEY.public_key()) | {"kid": "k1", "alg": "ES256"}
BANK, SHARES, SECRET = "bank-app", "sharing-app", "s" * 43
SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.fixture
async def fapi(world: World) -> World:
    """The server under the profile; two confidential clients and the public ones there are."""
    world.settings = replace(world.settings, profile=FAPI2)
    restart(world)
    uris = (DESKTOP_URI,)
    await add_client(world.database, Client(BANK, "Bank", ACTIONS, uris, method=Method.PRIVATE_KEY_JWT, jwks=(JWK,)))
    shares = Client(SHARES, "Shares", ACTIONS, uris, method=Method.CLIENT_SECRET_BASIC, secret_digest=digest(SECRET))
    await add_client(world.database, shares)
    return world


def assertion(world: World, **claims: Any) -> dict[str, str]:
    said = {
        "iss": BANK,
        "sub": BANK,
        "aud": ISSUER,
        "iat": world.now,
        "exp": world.now + 60,
        "jti": secrets.token_hex(8),
    }
    said = {name: value for name, value in (said | claims).items() if value is not None}
    signed = jwt.encode(said, KEY, algorithm="ES256", headers={"kid": "k1"})
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


class Bank(Device):
    """A confidential client with a key for its tokens and another one for itself."""

    async def authenticated(self, path: str, form: dict[str, str]) -> httpx2.Response:
        for _ in range(2):  # a request that is sent again says anew who it is from
            proof = self.key.proof("POST", ISSUER + path, now=self.world.now, nonce=self.nonce)
            answer = await self.http.post(path, data=form | assertion(self.world), headers={"DPoP": proof})
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        if "access_token" in answer.text:
            self.tokens = answer.json()
        return answer

    async def pushed(self, verifier: str = "v" * 43, **changes: str | None) -> httpx2.Response:
        form = {name: value for name, value in (self.request(verifier) | changes).items() if value is not None}
        return await self.authenticated("/par", form)

    async def approved(self, browser: Browser, verifier: str) -> dict[str, str]:
        request_uri = (await self.pushed(verifier)).json()["request_uri"]
        page = await open_page(browser, client_id=BANK, request_uri=request_uri)
        fields = {"task": "new", "name": "Acme contract revision", "decision": "approve"}
        answer = await browser.submit("/authorize", page, **fields)
        assert answer.status_code == 303
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def redeemed(self, code: str, verifier: str) -> httpx2.Response:
        form = {"code": code, "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
        return await self.authenticated("/token", {"grant_type": "authorization_code"} | form)

    async def refreshed(self) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
        return await self.authenticated("/token", form)


def bank(world: World) -> Bank:
    return Bank(world, BANK, world.http())


async def open_page(browser: Browser, **parameters: str) -> httpx2.Response:
    return await browser.http.get("/authorize?" + urlencode(parameters))


async def signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def with_tokens(world: World) -> Bank:
    device, browser, verifier = bank(world), await signed_in(world), secrets.token_urlsafe(32)
    told = await device.approved(browser, verifier)
    assert (await device.redeemed(told["code"], verifier)).status_code == 200
    return device


def test_every_clause_is_tested_or_has_a_reason_and_no_test_is_without_a_clause() -> None:
    clauses: list[dict[str, Any]] = tomllib.loads((SPECS / "fapi2.toml").read_text("utf-8"))["clause"]
    named = [name for clause in clauses for name in clause.get("tests", [])]
    tree = ast.parse(Path(__file__).read_text("utf-8"))
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    tests = {name for name in there if name.startswith("test_") and "clause" not in name}
    assert set(named) - tests == set(), "tests that are not there"
    assert tests - set(named) == set(), "tests of no clause"
    assert [clause for clause in clauses if bool(clause.get("tests")) == bool(clause.get("reason"))] == []
    assert all(clause["demands"].strip() for clause in clauses)
    places = [(clause["section"], clause["item"]) for clause in clauses]
    assert len(set(places)) == len(places)
    expected = {"5.2.2": 3, "5.3.2.1": 14, "5.3.2.2": 14, "5.3.4": 5, "5.4.1": 4, "5.4.2": 3, "5.4.3": 1}
    assert {section: max(item for at, item in places if at == section) for section in expected} == expected
    assert len(places) == sum(expected.values()), "a clause is missing"


@pytest.mark.requirement("RFC9126-5")
async def test_the_metadata_says_so(fapi: World) -> None:
    told = (await fapi.http().get("/.well-known/oauth-authorization-server")).json()
    assert told["issuer"] == ISSUER
    assert told["require_pushed_authorization_requests"] is True
    for endpoint in ("token", "revocation", "introspection"):
        assert told[f"{endpoint}_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        algorithms = told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert set(algorithms) <= {"PS256", "ES256", "EdDSA"}
    assert told["dpop_signing_alg_values_supported"] == ["ES256"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert "password" not in told["grant_types_supported"]


def test_it_is_a_setting_and_a_misspelt_one_stops_the_server() -> None:
    assert from_environment({}).profile is SEGUE
    settings = from_environment({"SEGUE_AUTHZ_PROFILE": "fapi2"})
    assert (settings.profile, settings.shown()["SEGUE_AUTHZ_PROFILE"]) == (FAPI2, "fapi2")
    with pytest.raises(BadSetting, match="segue, fapi2"):
        from_environment({"SEGUE_AUTHZ_PROFILE": "fapi"})


async def test_a_password_is_no_grant(fapi: World) -> None:
    form = {"grant_type": "password", "username": "person", "password": "correct horse battery"}
    assert (await bank(fapi).authenticated("/token", form)).json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    "path", ["/par", "/token", "/revoke", "/device_authorization", "/transfer/claim", "/introspect"]
)
async def test_public_clients_and_those_with_a_secret_are_taken_nowhere(fapi: World, path: str) -> None:
    public = fapi.device(DESKTOP)
    form = public.request("v" * 43) | {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    form |= {"device_name": "A phone", "transfer_code": "BCDFGHJK"}
    assert (await public.send("POST", path, form)).json()["error"] == "invalid_client"
    shared = httpx2.BasicAuth(SHARES, SECRET)
    form = {**form, "client_id": SHARES}
    proof = public.key.proof("POST", ISSUER + path, now=fapi.now, nonce=public.nonce)
    answer = await public.http.post(path, data=form, headers={"DPoP": proof}, auth=shared)
    assert answer.json()["error"] == "invalid_client"


async def test_every_token_is_bound_to_a_key_and_worthless_with_another(fapi: World) -> None:
    device, thief = await with_tokens(fapi), bank(fapi)
    assert device.tokens["token_type"] == "DPoP"
    assert parse(device.tokens["access_token"]).claims()["cnf"] == {"jkt": device.key.jkt}
    thief.tokens = device.tokens
    assert (await thief.refreshed()).json()["error"] == "invalid_grant"
    unproven = {"grant_type": "refresh_token", "refresh_token": device.tokens["refresh_token"]}
    answer = await device.http.post("/token", data=unproven | assertion(fapi))
    assert answer.json()["error"] == "invalid_dpop_proof"


@pytest.mark.parametrize("aud", [[ISSUER], f"{ISSUER}/token", f"{ISSUER}/par", [ISSUER, "https://x.example"], None])
async def test_an_assertion_names_the_issuer_as_a_string_and_nothing_else(fapi: World, aud: Any) -> None:
    http = fapi.http()
    good = await http.post("/revoke", data={"token": "x"} | assertion(fapi))
    assert good.status_code == 200
    refused = await http.post("/revoke", data={"token": "x"} | assertion(fapi, aud=aud))
    assert refused.json()["error"] == "invalid_client"


async def test_a_refresh_token_stays_the_same_and_good(fapi: World) -> None:
    device = await with_tokens(fapi)
    kept = device.tokens["refresh_token"]
    for _ in range(3):
        fapi.now += 600
        answer = await device.refreshed()
        assert (answer.status_code, answer.json()["refresh_token"]) == (200, kept)
    await fapi.grants.revoke(device.grant_id, now=fapi.now)
    assert (await device.refreshed()).json()["error"] == "invalid_grant"


async def test_a_proof_needs_the_servers_nonce(fapi: World) -> None:
    device = bank(fapi)
    proof = device.key.proof("POST", f"{ISSUER}/par", now=fapi.now)
    answer = await device.http.post("/par", data=device.request("v" * 43) | assertion(fapi), headers={"DPoP": proof})
    assert answer.json()["error"] == "use_dpop_nonce"
    assert answer.headers["DPoP-Nonce"]


@pytest.mark.parametrize("by", ["dpop_jkt", "proof"])
async def test_a_code_is_bound_to_the_key_of_the_device(fapi: World, by: str) -> None:
    device, browser, verifier = bank(fapi), await signed_in(fapi), secrets.token_urlsafe(32)
    changes = {"dpop_jkt": None} if by == "proof" else {}
    request_uri = (await device.pushed(verifier, **changes)).json()["request_uri"]
    page = await open_page(browser, client_id=BANK, request_uri=request_uri)
    answer = await browser.submit("/authorize", page, task="new", name="Acme", decision="approve")
    code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
    assert (await bank(fapi).redeemed(code, verifier)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "taken"), [(0, True), (10, True), (61, False), (3600, False)])
async def test_clocks_may_differ_by_ten_seconds_and_never_by_more_than_a_minute(
    fapi: World, claim: str, ahead: int, taken: bool
) -> None:
    times = {"iat": fapi.now, "nbf": fapi.now, "exp": fapi.now + 120} | {claim: fapi.now + ahead}
    answer = await fapi.http().post("/revoke", data={"token": "x"} | assertion(fapi, **times))
    assert (answer.status_code == 200) == taken
    checker = ProofChecker(
        replay=InProcessReplayMemory(lambda: fapi.now, secrets.token_bytes),
        nonces=Nonces(b"n" * 32),
        clock=lambda: fapi.now,
    )
    key = DeviceKey.generate()
    proof = jwt.encode(
        {"htm": "POST", "htu": f"{ISSUER}/token", "jti": "j", "iat": fapi.now, "nonce": await checker.fresh_nonce()}
        | {claim: fapi.now + ahead},
        (own := ec.generate_private_key(ec.SECP256R1())),
        algorithm="ES256",
        headers={"typ": "dpop+jwt", "jwk": public_jwk(own.public_key())},
    )
    assert key.jkt
    try:
        await checker.check([proof], htm="POST", htu=f"{ISSUER}/token")
        accepted = True
    except (InvalidDPoPProof, UseDPoPNonce):
        accepted = False
    assert accepted == taken


async def test_a_client_gets_no_more_than_it_asks_for_and_is_registered_for(fapi: World) -> None:
    narrow = json.dumps([{"type": "task", "actions": ["task:read"]}])
    device, browser, verifier = bank(fapi), await signed_in(fapi), secrets.token_urlsafe(32)
    request_uri = (await device.pushed(verifier, authorization_details=narrow)).json()["request_uri"]
    page = await open_page(browser, client_id=BANK, request_uri=request_uri)
    answer = await browser.submit("/authorize", page, task="new", name="Acme", decision="approve")
    code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
    granted = (await device.redeemed(code, verifier)).json()["authorization_details"]
    assert [detail["actions"] for detail in granted] == [["task:read"]]


@pytest.mark.requirement("RFC9126-5")
async def test_a_request_is_pushed_or_not_heard(fapi: World) -> None:
    device, browser = bank(fapi), await signed_in(fapi)
    plain = await open_page(browser, **device.request("v" * 43))
    said = device.request("v" * 43) | {"iss": BANK, "aud": ISSUER, "exp": fapi.now + 60}
    said["authorization_details"] = json.loads(said["authorization_details"])
    signed = jwt.encode(said, KEY, algorithm="ES256", headers={"kid": "k1", "typ": "oauth-authz-req+jwt"})
    by_object = await open_page(browser, client_id=BANK, request=signed)
    for refused in (plain, by_object):
        assert (refused.status_code, "location" in refused.headers) == (400, False)
    request_uri = (await device.pushed()).json()["request_uri"]
    assert (await open_page(browser, client_id=BANK, request_uri=request_uri)).status_code == 200


@pytest.mark.requirement("RFC9126-2-1-a")
async def test_a_request_that_nobody_proves_to_be_theirs_is_not_kept(fapi: World) -> None:
    device = bank(fapi)
    answer = await device.http.post("/par", data=device.request("v" * 43))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    once = device.request("v" * 43) | assertion(fapi)
    assert (await device.http.post("/par", data=once)).status_code == 201
    assert (await device.http.post("/par", data=once)).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": DESKTOP_URI + "deeper"}, "invalid_request"),
    ],
)
async def test_a_pushed_request_has_what_it_must_have(fapi: World, changes: dict[str, str | None], error: str) -> None:
    answer = await bank(fapi).pushed(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_the_verifier_is_asked_for(fapi: World) -> None:
    device, browser, verifier = bank(fapi), await signed_in(fapi), secrets.token_urlsafe(32)
    code = (await device.approved(browser, verifier))["code"]
    assert (await device.redeemed(code, "w" * 43)).json()["error"] == "invalid_grant"


async def test_the_answer_names_its_issuer_also_when_the_person_declines(fapi: World) -> None:
    device, browser = bank(fapi), await signed_in(fapi)
    assert (await device.approved(browser, "v" * 43))["iss"] == ISSUER
    request_uri = (await device.pushed()).json()["request_uri"]
    page = await open_page(browser, client_id=BANK, request_uri=request_uri)
    answer = await browser.submit("/authorize", page, decision="decline")
    told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (told["error"], told["iss"]) == ("access_denied", ISSUER)


def test_answers_go_to_https_or_to_the_device_itself() -> None:
    assert acceptable_uri("https://bank.example/cb")
    assert acceptable_uri("http://127.0.0.1:4000/cb")
    for uri in (
        "http://bank.example/cb",
        "http://192.0.2.1/cb",
        "ftp://bank.example/",
        "http://localhost.evil.example/",
    ):
        assert not acceptable_uri(uri)


async def test_a_spent_code_is_refused_to_everybody_and_ends_what_it_gave(fapi: World) -> None:
    device, browser, verifier = bank(fapi), await signed_in(fapi), secrets.token_urlsafe(32)
    code = (await device.approved(browser, verifier))["code"]
    assert (await device.redeemed(code, verifier)).status_code == 200
    assert (await device.redeemed(code, verifier)).json()["error"] == "invalid_grant"
    assert (await device.refreshed()).json()["error"] == "invalid_grant"


async def test_redirects_with_credentials_behind_them_are_303(fapi: World) -> None:
    browser = fapi.browser()
    assert (await browser.sign_in()).status_code == 303
    device = bank(fapi)
    for decision in ("decline", "approve"):
        request_uri = (await device.pushed()).json()["request_uri"]
        page = await open_page(browser, client_id=BANK, request_uri=request_uri)
        answer = await browser.submit("/authorize", page, decision=decision, task="new", name="Acme")
        assert answer.status_code == 303
    stranger = await open_page(
        fapi.browser(), client_id=BANK, request_uri=(await device.pushed()).json()["request_uri"]
    )
    assert stranger.status_code == 303


async def test_a_code_lives_a_minute_at_most(fapi: World) -> None:
    assert CODE_LIFETIME <= 60
    device, browser, verifier = bank(fapi), await signed_in(fapi), secrets.token_urlsafe(32)
    code = (await device.approved(browser, verifier))["code"]
    fapi.now += CODE_LIFETIME
    assert (await device.redeemed(code, verifier)).json()["error"] == "invalid_grant"


async def test_a_pushed_request_lapses_before_ten_minutes_have_passed(fapi: World) -> None:
    device, browser = bank(fapi), await signed_in(fapi)
    pushed = (await device.pushed()).json()
    assert pushed["expires_in"] < 600
    fapi.now += pushed["expires_in"]
    assert (await open_page(browser, client_id=BANK, request_uri=pushed["request_uri"])).status_code == 400


async def test_the_person_sees_who_asks_and_for_what(fapi: World) -> None:
    device, browser = bank(fapi), await signed_in(fapi)
    page = await open_page(browser, client_id=BANK, request_uri=(await device.pushed()).json()["request_uri"])
    for fact in ("Bank", BANK, urlsplit(DESKTOP_URI).netloc):
        assert fact in page.text


async def test_nothing_but_registered_addresses_is_redirected_to(fapi: World) -> None:
    browser = await signed_in(fapi)
    for path in (
        "/sign-in?return_to=https://evil.example/",
        "/sign-in?return_to=//evil.example",
        "/sign-in?return_to=/%5Cevil",
    ):
        answer = await browser.http.get(path)
        assert answer.headers["location"] == "/"


async def test_the_authorization_endpoint_is_not_shared_with_other_origins(fapi: World) -> None:
    http = fapi.http()
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("OPTIONS", "GET"):
        answer = await http.request(method, "/authorize", headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_browsers_are_told_to_come_by_https_alone(fapi: World) -> None:
    fapi.settings = replace(fapi.settings, issuer="https://id.example")
    restart(fapi)
    answer = await fapi.http().get("/sign-in")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def ed_jwk(key: Any, crv: str) -> dict[str, str]:
    raw = key.public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": crv, "x": jwt.utils.base64url_encode(raw).decode()}


def rsa_jwk(bits: int) -> dict[str, Any]:
    key = rsa.generate_private_key(65537, bits)
    return json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"alg": "PS256"}


async def test_keys_are_of_the_kinds_and_sizes_that_are_allowed(world: World) -> None:
    curve = ec.generate_private_key(ec.SECP384R1())
    es384 = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(curve.public_key()))
    good = [JWK, rsa_jwk(2048), ed_jwk(ed25519.Ed25519PrivateKey.generate(), "Ed25519")]
    bad = [rsa_jwk(1024), rsa_jwk(2048) | {"alg": "RS256"}, es384, ed_jwk(ed448.Ed448PrivateKey.generate(), "Ed448")]
    for number, jwk in enumerate(good):
        client = Client(f"good-{number}", "C", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=(jwk,))
        await add_client(world.database, client)
    for number, jwk in enumerate(bad):
        client = Client(f"bad-{number}", "C", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=(jwk,))
        with pytest.raises(NotAcceptable):
            await add_client(world.database, client)


async def test_unsigned_assertions_open_nothing(fapi: World) -> None:
    claims = {"iss": BANK, "sub": BANK, "aud": ISSUER, "exp": fapi.now + 60, "jti": "j"}
    for algorithm, key in (("none", ""), ("HS256", JWK["x"])):
        signed = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "k1"})
        form = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        assert (await fapi.http().post("/revoke", data=form)).json()["error"] == "invalid_client"


async def test_secrets_cannot_be_guessed(fapi: World) -> None:
    device, browser, verifier = bank(fapi), await signed_in(fapi), secrets.token_urlsafe(32)
    request_uri = (await device.pushed()).json()["request_uri"]
    code = (await device.approved(browser, verifier))["code"]
    await device.redeemed(code, verifier)
    least = 128 / 6  # characters of base64url for 128 bits
    assert len(request_uri.rpartition(":")[2]) >= least
    assert len(code) >= least
    assert len(device.tokens["refresh_token"].rpartition(".")[2]) >= least


@pytest.mark.parametrize("own_kind", ["EC", "OKP"])
async def test_of_keys_with_one_name_that_of_the_right_kind_is_taken(world: World, own_kind: str) -> None:
    edward = ed25519.Ed25519PrivateKey.generate()
    jwks = (ed_jwk(edward, "Ed25519") | {"kid": "k1"}, rsa_jwk(2048) | {"kid": "k1"}, JWK)
    await add_client(
        world.database, Client(BANK, "B", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=jwks)
    )
    claims = {"iss": BANK, "sub": BANK, "aud": ISSUER, "exp": world.now + 60, "jti": own_kind}
    key, algorithm = (KEY, "ES256") if own_kind == "EC" else (edward, "EdDSA")
    for headers, taken in (({"kid": "k1"}, True), ({"kid": "k2"}, False)):
        signed = jwt.encode(claims, key, algorithm=algorithm, headers=headers)
        form = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        assert ((await world.http().post("/revoke", data=form)).status_code == 200) == taken


async def test_published_keys_have_names_of_their_own_and_point_nowhere(fapi: World) -> None:
    keys = (await fapi.http().get("/jwks")).json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    device = await with_tokens(fapi)
    for place in (*keys, parse(device.tokens["access_token"]).header):
        assert not {"x5u", "jku"} & set(place)
