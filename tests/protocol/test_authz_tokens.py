"""The token endpoint: what it demands of every request, refresh and its repeats, withdrawal."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authz_world import AGENT, DESKTOP_URI, ISSUER, STORE, World, restart
from segue.device_key import DeviceKey
from segue.jose import parse
from segue_authz.domain.grant import REPEAT_LIFETIME

pytestmark = pytest.mark.anyio


def claims_of(answer: Any) -> dict[str, Any]:
    return parse(answer.json()["access_token"]).claims()


@pytest.mark.requirement(
    "A6", "RFC9449-5-c", "RFC9449-6-1", "RFC9068-2-1-a", "RFC9068-2-1-d", "RFC9068-2-2", "RFC9068-3-a"
)
async def test_the_task_token_is_what_the_profile_says(world: World) -> None:
    desktop = await world.desktop()
    token = desktop.tokens["access_token"]
    header, claims = parse(token).header, parse(token).claims()
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert claims["exp"] - claims["iat"] == 300
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, world.subject, STORE)
    assert (claims["cnf"], desktop.tokens["token_type"]) == ({"jkt": desktop.key.jkt}, "DPoP")
    assert claims["auth_time"] == world.now
    assert claims.keys() >= {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}
    assert [detail["type"] for detail in claims["authorization_details"]] == ["task"]


@pytest.mark.requirement("A14", "RFC8707-2", "XD-TOK-02", "RFC9068-5")
async def test_resource_names_the_audience_and_a_foreign_one_is_refused(world: World) -> None:
    desktop = await world.desktop()
    assert claims_of(await desktop.refresh(resource=AGENT))["aud"] == AGENT
    answer = await desktop.refresh(resource="https://evil.example")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert (await desktop.refresh()).status_code == 200, "a refused request uses nothing up"


@pytest.mark.requirement("A7", "XD-RACE-06")
async def test_a_repeated_refresh_gets_the_one_living_successor(world: World) -> None:
    desktop = await world.desktop()
    spent = desktop.tokens["refresh_token"]
    first = (await desktop.token("refresh_token", refresh_token=spent)).json()
    world.now += REPEAT_LIFETIME
    second = (await desktop.token("refresh_token", refresh_token=spent)).json()
    assert first["refresh_token"] == second["refresh_token"] != spent
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("A7", "XD-RACE-06")
async def test_after_a_lost_answer_and_an_outage_of_minutes_the_device_goes_on(world: World) -> None:
    desktop = await world.desktop()
    kept = desktop.tokens["refresh_token"]
    for wait in (0, 60, 180):
        world.now += wait
        answer = await desktop.token("refresh_token", refresh_token=kept)
        assert answer.status_code == 200
    assert (await desktop.refresh()).status_code == 200
    answer = await desktop.token("refresh_token", refresh_token=kept)
    assert answer.json()["error"] == "invalid_grant", "the successor had been used"


@pytest.mark.requirement("A7", "XD-RACE-06")
async def test_parallel_refreshes_leave_one_living_token(world: World) -> None:
    desktop = await world.desktop()
    answers = await asyncio.gather(*(desktop.refresh() for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


@pytest.mark.requirement("A7", "RFC9700-4-14", "XD-TOK-06", "MCP-THEFT-c")
@pytest.mark.parametrize("how", ["too late", "successor used", "by another key"])
async def test_reuse_of_a_spent_refresh_token_ends_the_grant(world: World, how: str) -> None:
    desktop = await world.desktop()
    spent = desktop.tokens["refresh_token"]
    await desktop.refresh()
    living = desktop.tokens["refresh_token"]
    if how == "too late":
        world.now += REPEAT_LIFETIME + 1
    if how == "successor used":
        living = (await desktop.refresh()).json()["refresh_token"]
    own_key = desktop.key
    if how == "by another key":
        desktop.key = DeviceKey.generate()
    assert (await desktop.token("refresh_token", refresh_token=spent)).json()["error"] == "invalid_grant"
    desktop.key = own_key
    assert (await desktop.token("refresh_token", refresh_token=living)).json()["error"] == "invalid_grant"


@pytest.mark.requirement("A7", "PROFILE-restart")
async def test_a_restart_forgets_neither_spent_tokens_nor_living_ones(world: World) -> None:
    desktop = await world.desktop()
    spent = desktop.tokens["refresh_token"]
    await desktop.refresh()
    world.now += 60
    restart(world)
    desktop.http = world.http()
    assert (await desktop.refresh()).status_code == 200
    answer = await desktop.token("refresh_token", refresh_token=spent)
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.requirement("A6", "XD-DPOP-14", "RFC9449-5-d", "RFC9449-5-e")
async def test_a_stolen_refresh_token_is_worthless_without_its_key_and_stays_good_for_its_owner(world: World) -> None:
    desktop = await world.desktop()
    thief = world.device()
    answer = await thief.token("refresh_token", refresh_token=desktop.tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("A5", "PROFILE-withdrawn", "XD-TOK-08")
@pytest.mark.parametrize("what", ["account", "client", "grant", "device"])
async def test_refresh_mints_nothing_once_something_is_withdrawn(world: World, what: str) -> None:
    desktop = await world.desktop()
    match what:
        case "account":
            await world.accounts.disable(world.subject, now=world.now)
        case "client":
            await world.clients.disable("desktop", now=world.now)
        case "grant":
            await world.grants.revoke(desktop.grant_id, now=world.now)
        case "device":
            await world.grants.revoke_device(desktop.device_id, now=world.now)
    answer = await desktop.refresh()
    assert answer.json()["error"] in ("invalid_grant", "invalid_client")


@pytest.mark.requirement("A14", "RFC7009-2-a", "RFC7009-2-1-c", "RFC7009-2-1-d")
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
async def test_revoking_a_token_ends_its_grant(world: World, kind: str) -> None:
    desktop = await world.desktop()
    form = {"client_id": "desktop", "token": desktop.tokens[kind], "token_type_hint": "refresh_token"}
    assert (await desktop.http.post("/revoke", data=form)).status_code == 200
    assert (await desktop.refresh()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("A14", "RFC7009-2-1-b", "RFC7009-2-2-a", "XD-TOK-04")
async def test_revoking_an_unknown_or_foreign_token_changes_nothing(world: World) -> None:
    desktop = await world.desktop()
    for client, token in (("desktop", "x"), ("desktop", "a.b.c"), ("phone", desktop.tokens["refresh_token"])):
        answer = await desktop.http.post("/revoke", data={"client_id": client, "token": token})
        assert answer.status_code == 200
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("A6", "XD-DPOP-04", "RFC9449-11-1-b")
async def test_a_replayed_proof_is_refused(world: World) -> None:
    desktop = await world.desktop()
    proof = desktop.key.proof("POST", f"{ISSUER}/token", now=world.now, nonce=desktop.nonce)
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": desktop.tokens["refresh_token"]}
    first = await desktop.http.post("/token", data=form, headers={"DPoP": proof})
    second = await desktop.http.post("/token", data=form, headers={"DPoP": proof})
    assert (first.status_code, second.status_code) == (200, 400)
    assert second.json()["error"] == "invalid_dpop_proof"


@pytest.mark.requirement("A6", "XD-DPOP-15", "RFC9449-8-b", "RFC9449-8-c", "RFC9449-11-3")
async def test_without_a_nonce_the_server_gives_one_and_uses_nothing_up(world: World) -> None:
    desktop = await world.desktop()
    proof = desktop.key.proof("POST", f"{ISSUER}/token", now=world.now)
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": desktop.tokens["refresh_token"]}
    answer = await desktop.http.post("/token", data=form, headers={"DPoP": proof})
    assert (answer.status_code, answer.json()["error"]) == (400, "use_dpop_nonce")
    assert len(answer.headers.get_list("DPoP-Nonce")) == 1
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement(
    "A6",
    "XD-DPOP-01",
    "XD-DPOP-06",
    "XD-DPOP-09",
    "XD-DPOP-12",
    "RFC9449-4-3-1",
    "RFC9449-4-3-8",
    "RFC9449-5-b",
    "RFC9449-5-2",
)
@pytest.mark.parametrize("fault", ["other url", "other method", "old", "future", "none", "two"])
async def test_a_wrong_proof_is_refused_before_anything_is_consumed(world: World, fault: str) -> None:
    desktop = await world.desktop()
    url = f"{ISSUER}/revoke" if fault == "other url" else f"{ISSUER}/token"
    method = "GET" if fault == "other method" else "POST"
    now = world.now + {"old": -61, "future": 61}.get(fault, 0)
    proof = desktop.key.proof(method, url, now=now, nonce=desktop.nonce)
    headers = [("DPoP", proof)] * {"none": 0, "two": 2}.get(fault, 1)
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": desktop.tokens["refresh_token"]}
    answer = await desktop.http.post("/token", data=form, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("XD-DPOP-07", "XD-WEB-09")
async def test_htu_is_compared_with_the_configured_address_not_with_host(world: World) -> None:
    desktop = await world.desktop()
    proof = desktop.key.proof("POST", "http://evil.example/token", now=world.now, nonce=desktop.nonce)
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": desktop.tokens["refresh_token"]}
    answer = await desktop.http.post("/token", data=form, headers={"DPoP": proof, "Host": "evil.example"})
    assert answer.json()["error"] == "invalid_dpop_proof"


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.requirement("RFC6749-5-2", "A14", "RFC6749-4-3")
@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"grant_type=refresh_token&client_id=desktop", FORM, 400, "invalid_dpop_proof"),
        (b"grant_type=password&client_id=desktop", FORM, 400, "unsupported_grant_type"),
        (b"client_id=desktop", FORM, 400, "invalid_request"),
        (b"grant_type=refresh_token&client_id=nobody", FORM, 401, "invalid_client"),
        (b"grant_type=refresh_token&grant_type=x&client_id=desktop", FORM, 400, "invalid_request"),
        (b"grant_type=%ff%fe", FORM, 400, "invalid_request"),
        ("grant_type=\u017f".encode(), FORM, 400, "invalid_request"),
        (b"grant_type=%00", FORM, 400, "invalid_request"),
        (b"&".join(b"p%d=1" % n for n in range(100)), FORM, 400, "invalid_request"),
        (b"a=" + b"x" * 70_000, FORM, 413, "invalid_request"),
        (b'{"grant_type": "refresh_token"}', {"content-type": "application/json"}, 400, "invalid_request"),
        (b"", {}, 400, "invalid_request"),
    ],
)
async def test_a_malformed_token_request_gets_the_standard_error(
    world: World, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    answer = await world.http().post("/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.requirement("A4", "RFC6749-4-1-3", "XD-AUTH-02", "RFC9449-10", "RFC6749-4-1-2-b")
@pytest.mark.parametrize("fault", ["verifier", "redirect_uri", "key", "client"])
async def test_a_code_in_wrong_hands_is_refused_and_ends_what_it_gave(world: World, fault: str) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, verifier = await desktop.ask(browser)
    form = {"code": code_of(redirect), "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await desktop.token("authorization_code", **form)).status_code == 200
    wrong = {"verifier": {"code_verifier": "x" * 43}, "redirect_uri": {"redirect_uri": DESKTOP_URI + "x"}}
    thief = world.device("phone" if fault == "client" else "desktop")
    if fault in wrong:
        thief.key = desktop.key
    answer = await thief.token("authorization_code", **form | wrong.get(fault, {}))
    assert answer.json()["error"] == "invalid_grant"
    assert (await desktop.refresh()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("A4", "PROFILE-lost-answer")
async def test_the_same_key_may_repeat_the_redemption_of_a_code(world: World) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, verifier = await desktop.ask(browser)
    form = {"code": code_of(redirect), "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    answers = [await desktop.token("authorization_code", **form) for _ in range(2)]
    assert answers[0].json()["refresh_token"] == answers[1].json()["refresh_token"]


@pytest.mark.requirement("A4", "RFC6749-4-1-2-a")
async def test_a_code_lapses_after_a_minute(world: World) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, verifier = await desktop.ask(browser)
    world.now += 60
    form = {"code": code_of(redirect), "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await desktop.token("authorization_code", **form)).json()["error"] == "invalid_grant"


def code_of(redirect: Any) -> str:
    return parse_qs(urlsplit(redirect.headers["location"]).query)["code"][0]
