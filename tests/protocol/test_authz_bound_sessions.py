"""A browser's session is bound to a key of its device (A13, W3C DBSC), and whoever lacks the key gets nothing of it."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2
import jwt
import pytest
from authz_world import PHONE, Browser, World, hidden
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from passkey_world import events
from segue import jose
from segue_authz.domain.bound_session import (
    BOUND_COOKIE_LIFETIME,
    CHALLENGE_LIFETIME,
    IN_FLIGHT,
    REGISTRATION_WINDOW,
    SETTLING,
    UNBOUND_LIFETIME,
    Binding,
)
from segue_demo.bound_session import BoundSession, offered, proof

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A13")]

REGISTER, REFRESH = "/bound-session/register", "/bound-session/refresh"
COOKIE, BOUND_COOKIE = "segue", "segue-bound"
EXPIRED = BOUND_COOKIE_LIFETIME + IN_FLIGHT
ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:9999", "Sec-Fetch-Site": "same-site"},
)


async def signed_in(world: World) -> tuple[Browser, httpx2.Response]:
    """A browser that has not registered anything yet, and the answer that offers it to."""
    browser = world.browser()
    return browser, await browser.sign_in()


async def bound(world: World) -> tuple[Browser, BoundSession]:
    """A browser whose session is bound, some time after it signed in, with a challenge at hand."""
    browser, answer = await signed_in(world)
    session = BoundSession(browser.http)
    assert (await session.register(answer)).status_code == 200
    world.now += SETTLING
    await session.ask(None)
    return browser, session


def robbed(world: World, browser: Browser, *names: str) -> Browser:
    """Another browser with copies of these cookies."""
    thief = world.browser()
    for name in names:
        thief.http.cookies.set(name, browser.http.cookies[name])
    return thief


async def let_in(browser: Browser) -> bool:
    """Whether the devices page shows itself."""
    answer = await browser.http.get("/devices")
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


def claims_offered(answer: httpx2.Response) -> tuple[str, dict[str, str]]:
    path, challenge, authorization = offered(answer)
    return path, {"jti": challenge, "authorization": authorization}


async def register_with(browser: Browser, text: str | None, **headers: str) -> httpx2.Response:
    shown = {"Secure-Session-Response": text} if text is not None else {}
    return await browser.http.post(REGISTER, headers=shown | headers)


def gives_nothing(answer: httpx2.Response) -> bool:
    return BOUND_COOKIE not in answer.headers.get("Set-Cookie", "")


# ---------------------------------------------------------------------------------------------------- registration


async def test_a_sign_in_offers_to_bind_the_session_and_the_browser_gets_a_short_lived_cookie(world: World) -> None:
    browser, answer = await signed_in(world)
    path, challenge, authorization = offered(answer)
    assert answer.headers["Secure-Session-Registration"] == (
        f'(ES256);path="{REGISTER}";challenge="{challenge}";authorization="{authorization}"'
    )
    assert path == REGISTER
    session = BoundSession(browser.http)
    registered = await session.register(answer)
    told = registered.json()
    attributes = "Path=/; HttpOnly; SameSite=Lax"
    assert told["credentials"] == [{"type": "cookie", "name": BOUND_COOKIE, "attributes": attributes}]
    assert (told["refresh_url"], told["scope"]["include_site"]) == (REFRESH, False)
    assert told["allowed_refresh_initiators"] == []
    cookie = registered.headers["Set-Cookie"]
    assert cookie.startswith(f"{BOUND_COOKIE}=")
    assert cookie.endswith(f"; Max-Age={BOUND_COOKIE_LIFETIME}; {attributes}")
    assert await let_in(browser)


async def test_over_https_both_cookies_are_of_this_host_alone(world: World) -> None:
    world.settings = replace(world.settings, issuer="https://authz.example")
    world.restart()
    transport = httpx2.ASGITransport(app=world.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://authz.example") as http:
        session = BoundSession(http)
        registered = await session.register(await Browser(world, http).sign_in())
    assert registered.headers["Set-Cookie"].startswith("__Host-segue-bound=")
    assert registered.headers["Set-Cookie"].endswith("Path=/; HttpOnly; SameSite=Lax; Secure")
    assert registered.json()["credentials"][0]["attributes"] == "Path=/; HttpOnly; SameSite=Lax; Secure"


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    parts = ({"typ": "dbsc+jwt", "alg": "none", **header}, claims)
    return ".".join(jose.b64url_encode(json.dumps(part).encode()) for part in parts) + "."


def weak(claims: Mapping[str, Any]) -> dict[str, str]:
    """Proofs that must not bind a session, by what is wrong with each."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    wide, other_kind = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
    jwk = jose.public_jwk(key.public_key())
    typ = {"typ": "dbsc+jwt"}

    def by_pyjwt(private: Any, alg: str, **header: Any) -> str:
        return jwt.encode(dict(claims), private, algorithm=alg, headers=typ | header)

    def as_jwk(private: Any, alg: str) -> dict[str, Any]:
        return dict(jwt.get_algorithm_by_name(alg).to_jwk(private.public_key(), as_dict=True))

    good = proof(key, claims, with_key=True)
    header, payload, signature = good.split(".")
    return {
        "alg is none": unsigned(claims),
        "alg is none beside a key": unsigned(claims, jwk=jwk),
        "RS256, which was not offered": by_pyjwt(other_kind, "RS256", jwk=as_jwk(other_kind, "RS256")),
        "ES384 on another curve": by_pyjwt(wide, "ES384", jwk=as_jwk(wide, "ES384")),
        "ES256 that shows a key of another curve": by_pyjwt(key, "ES256", jwk=as_jwk(wide, "ES384")),
        "a shared secret": jwt.encode(dict(claims), "s" * 32, algorithm="HS256", headers=typ | {"jwk": jwk}),
        "no key": proof(key, claims),
        "somebody else's key": jose.sign(typ | {"jwk": jose.public_jwk(other.public_key())}, claims, key),
        "a private key": jose.sign(typ | {"jwk": jwk | {"d": jwk["x"]}}, claims, key),
        "a point that is not on the curve": jose.sign(typ | {"jwk": jwk | {"x": jwk["y"]}}, claims, key),
        "a key with nothing in it": jose.sign(typ | {"jwk": {}}, claims, key),
        "another typ": jose.sign({"typ": "dpop+jwt", "jwk": jwk}, claims, key),
        "no typ": jose.sign({"jwk": jwk}, claims, key),
        "an extension that must be understood": jose.sign(typ | {"jwk": jwk, "crit": ["exp"]}, claims, key),
        "a signature that was cut": f"{header}.{payload}.{signature[:-8]}",
        "no signature": f"{header}.{payload}.",
        "a challenge of one's own": proof(key, {**claims, "jti": "1900000000.a.b"}, with_key=True),
        "a challenge that lives longer": proof(key, {**claims, "jti": "19" + str(claims["jti"])[2:]}, with_key=True),
        "no challenge": proof(key, {"authorization": claims["authorization"]}, with_key=True),
        "a challenge that is no text": proof(key, {**claims, "jti": 1}, with_key=True),
        "a challenge with half a character": proof(key, {**claims, "jti": "\ud800"}, with_key=True),
        "no authorization": proof(key, {"jti": claims["jti"]}, with_key=True),
        "another authorization": proof(key, {**claims, "authorization": "x"}, with_key=True),
        "a list": "e30.W10.e30",
        "nothing": "",
        "not a token": "x" * 40,
        "too much": "a" * 9_000,
        "two values": f'"{good}", "{good}"',
    }


@pytest.mark.requirement("XD-DBSC-01")
async def test_only_a_sound_proof_with_a_real_key_binds_a_session(world: World) -> None:
    browser, answer = await signed_in(world)
    _, claims = claims_offered(answer)
    for fault, text in weak(claims).items():
        refused = await register_with(browser, text)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request"), fault
        assert gives_nothing(refused), fault
    world.now += SETTLING + 1
    assert await let_in(browser), "the session is as unbound as before"
    good = proof(ec.generate_private_key(ec.SECP256R1()), claims, with_key=True)
    assert (await register_with(browser, good)).status_code == 200, "and none of the attempts has used the offer up"


@pytest.mark.requirement("XD-DBSC-01")
async def test_a_proof_is_read_as_the_draft_writes_it_and_as_chromium_sends_it(world: World) -> None:
    for form in ("{}", '"{}"', '"{}";parameter=1'):
        browser, answer = await signed_in(world)
        _, claims = claims_offered(answer)
        text = form.format(proof(ec.generate_private_key(ec.SECP256R1()), claims, with_key=True))
        assert (await register_with(browser, text)).status_code == 200, form


@pytest.mark.requirement("XD-DBSC-02")
async def test_a_session_is_bound_right_after_the_sign_in_or_not_at_all(world: World) -> None:
    for late in (0, REGISTRATION_WINDOW - 1, REGISTRATION_WINDOW, 3600):
        browser, answer = await signed_in(world)
        world.now += late
        registered = await BoundSession(browser.http).register(answer)
        assert registered.status_code == (200 if late < REGISTRATION_WINDOW else 400), late
        assert await let_in(browser)


@pytest.mark.requirement("XD-DBSC-02")
async def test_a_bound_session_is_never_bound_again_by_whatever_key(world: World) -> None:
    browser, answer = await signed_in(world)
    owner = BoundSession(browser.http)
    assert (await owner.register(answer)).status_code == 200
    for again in (BoundSession(browser.http), owner, BoundSession(robbed(world, browser, COOKIE).http)):
        refused = await again.register(answer)
        assert (refused.status_code, gives_nothing(refused)) == (400, True)
    assert (await owner.refresh()).status_code == 200, "the key is still the first one"


@pytest.mark.requirement("XD-DBSC-02")
async def test_an_offer_is_worth_nothing_with_another_cookie_or_with_none(world: World) -> None:
    browser, answer = await signed_in(world)
    other, _ = await signed_in(world)
    stranger = await world.stranger()
    for elsewhere in (other, stranger, world.browser()):
        refused = await BoundSession(elsewhere.http).register(answer)
        assert (refused.status_code, gives_nothing(refused)) == (400, True)
    page = await browser.http.get("/")
    await browser.submit("/sign-out", page)
    browser.http.cookies.set(COOKIE, answer.cookies[COOKIE])
    assert (await BoundSession(browser.http).register(answer)).status_code == 400, "nobody is signed in any more"


@pytest.mark.requirement("XD-DBSC-02")
async def test_of_many_registrations_at_once_one_wins_and_its_key_is_the_one(world: World) -> None:
    browser, answer = await signed_in(world)
    racing = [BoundSession(robbed(world, browser, COOKIE).http) for _ in range(8)]
    answers = await asyncio.gather(*(each.register(answer) for each in racing))
    assert sorted(each.status_code for each in answers) == [200] + [400] * 7
    [winner] = [each for each in racing if each.bound]
    await winner.ask(None)
    for loser in racing:
        if loser is not winner:
            loser.instructions, loser.refresh_address = winner.instructions, winner.refresh_address
            assert gives_nothing(await loser.ask(proof(loser.key, {"jti": winner.challenge})))
    assert (await winner.ask(proof(winner.key, {"jti": winner.challenge}))).status_code == 200


@pytest.mark.requirement("XD-DBSC-02")
async def test_a_bound_session_is_no_stronger_a_sign_in_than_before(world: World) -> None:
    browser, _ = await bound(world)
    device = world.device()
    await device.authorize(browser)
    claims = jose.parse(device.tokens["access_token"]).claims()
    assert claims["acr"] == "urn:segue:acr:password"
    assert claims["auth_time"] == world.now - SETTLING


# --------------------------------------------------------------------------------------------------------- refresh


async def test_a_refresh_is_challenged_and_gives_a_new_cookie_for_a_signature(world: World) -> None:
    browser, session = await bound(world)
    before = browser.http.cookies[BOUND_COOKIE]
    session.challenge = None
    challenged = await session.ask(None)
    assert (challenged.status_code, gives_nothing(challenged)) == (403, True)
    identifier = session.instructions["session_identifier"]
    assert challenged.headers["Secure-Session-Challenge"] == f'"{session.challenge}";id="{identifier}"'
    renewed = await session.refresh()
    assert (renewed.status_code, renewed.json()["session_identifier"]) == (200, identifier)
    assert browser.http.cookies[BOUND_COOKIE] != before
    world.now += EXPIRED - 1
    assert await let_in(browser)


async def test_the_identifier_is_read_as_the_draft_writes_it_and_as_chromium_sends_it(world: World) -> None:
    browser, session = await bound(world)
    identifier = session.instructions["session_identifier"]
    for form in (identifier, f'"{identifier}"', f'"{identifier}"; x=1'):
        answer = await browser.http.post(REFRESH, headers={"Sec-Secure-Session-Id": form})
        assert answer.status_code == 403, form
    for form in (f'"{identifier}', f"{identifier} {identifier}", "", '"é"'):
        answer = await browser.http.post(REFRESH, headers={b"Sec-Secure-Session-Id": form.encode("latin-1")})
        assert answer.status_code == 400, form


@pytest.mark.requirement("XD-DBSC-03")
async def test_a_captured_refresh_sent_again_gives_a_challenge_and_no_cookie(world: World) -> None:
    browser, session = await bound(world)
    captured = proof(session.key, {"jti": session.challenge})
    assert (await session.ask(captured)).status_code == 200
    for sender in (session, BoundSession(robbed(world, browser, COOKIE, BOUND_COOKIE).http)):
        sender.instructions, sender.refresh_address = session.instructions, session.refresh_address
        again = await sender.ask(captured)
        assert (again.status_code, gives_nothing(again)) == (403, True)
        assert "Secure-Session-Challenge" in again.headers
    assert (await session.refresh()).status_code == 200


@pytest.mark.requirement("XD-DBSC-03")
async def test_of_many_uses_of_one_challenge_at_once_one_gives_a_cookie(world: World) -> None:
    _, session = await bound(world)
    captured = proof(session.key, {"jti": session.challenge})
    answers = await asyncio.gather(*(session.ask(captured) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [200] + [403] * 7
    assert sum(not gives_nothing(each) for each in answers) == 1


async def test_a_browser_that_refreshes_without_end_is_told_to_wait_and_keeps_its_session(world: World) -> None:
    browser, session = await bound(world)
    statuses = [(await session.ask(None)).status_code for _ in range(60)]
    assert statuses[-1] == 429
    assert set(statuses) == {403, 429}
    world.now += 60
    assert (await session.refresh()).status_code == 200
    assert await let_in(browser)


@pytest.mark.requirement("XD-DBSC-03")
async def test_challenges_overlap_for_what_is_in_flight_and_lapse_after_a_minute(world: World) -> None:
    _, session = await bound(world)
    older = session.challenge
    world.now += CHALLENGE_LIFETIME - 1
    await session.ask(None)
    newer = session.challenge
    assert older != newer
    assert (await session.ask(proof(session.key, {"jti": older}))).status_code == 200
    world.now += CHALLENGE_LIFETIME - 1
    assert (await session.ask(proof(session.key, {"jti": newer}))).status_code == 200
    await session.ask(None)
    stale = session.challenge
    world.now += CHALLENGE_LIFETIME
    late = await session.ask(proof(session.key, {"jti": stale}))
    assert (late.status_code, gives_nothing(late)) == (403, True)


@pytest.mark.requirement("XD-DBSC-03")
async def test_what_is_of_another_session_or_key_gives_no_cookie(world: World) -> None:
    browser, own = await bound(world)
    _, other = await bound(world)
    registration = (await signed_in(world))[1]
    wrong = {
        "the other session's challenge": proof(own.key, {"jti": other.challenge}),
        "the other session's key": proof(other.key, {"jti": own.challenge}),
        "a challenge for registering": proof(own.key, {"jti": offered(registration)[1]}),
        "an invented challenge": proof(own.key, {"jti": f"{world.now + 60}.a.b"}),
        "no time in the challenge": proof(own.key, {"jti": "x"}),
    }
    for fault, text in wrong.items():
        refused = await own.ask(text)
        assert (refused.status_code, gives_nothing(refused)) == (403, True), fault
    malformed = {
        "a key of one's own": proof(own.key, {"jti": own.challenge}, with_key=True),
        "another's key, and its own signature": proof(other.key, {"jti": own.challenge}, with_key=True),
        "no signature": unsigned({"jti": own.challenge}),
        "another typ": jose.sign({"typ": "dpop+jwt"}, {"jti": own.challenge}, own.key),
        "no challenge": proof(own.key, {}),
    }
    for fault, text in malformed.items():
        refused = await own.ask(text)
        assert (refused.status_code, gives_nothing(refused)) == (400, True), fault
    mixed = BoundSession(browser.http)
    mixed.instructions, mixed.refresh_address, mixed.key = other.instructions, other.refresh_address, other.key
    ended = await mixed.ask(proof(other.key, {"jti": other.challenge}))
    assert (ended.json(), gives_nothing(ended)) == ({"continue": False}, True), "another session's name, and its key"
    assert (await own.refresh()).status_code == 200


# ---------------------------------------------------------------------------------------- once bound, always bound


@pytest.mark.requirement("XD-DBSC-04")
async def test_the_long_lived_cookie_of_a_bound_session_opens_and_decides_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    browser, session = await bound(world)
    phone = world.device(PHONE)
    asked = (await phone.ask_for_task()).json()
    page = (await browser.enter_code(asked["user_code"])).headers["location"]
    shown = await browser.http.get(page)
    forms = {path: await browser.http.get(path) for path in ("/devices", "/user-code", "/device", "/")}
    value = (await phone.redeem(asked["device_code"])).json()["check_value"]
    thief = robbed(world, browser, COOKIE)
    for headers in ({}, {"Secure-Session-Skipped": 'quota_exceeded;session_identifier="x"'}):
        for path in (page, *forms, "/requests", "/notices", "/invitation"):
            answer = await thief.http.get(path, headers=headers)
            assert (answer.status_code, answer.text) in ((303, ""), (403, answer.text)), path
        count = await thief.http.get("/requests/waiting", headers=headers)
        assert count.text == (await world.browser().http.get("/requests/waiting")).text, "as nobody in particular"
        decision = {"decision": "approve", "mode": "move", "task": "new", "name": "x", "check_value": value}
        for path, form in ((page, shown), *forms.items()):
            if path == "/":
                continue
            answer = await thief.http.post(path, data=hidden(form.text) | decision, headers=headers)
            assert answer.status_code in (303, 403), path
        world.now += 10  # the phone asks in good time
        assert (await phone.redeem(asked["device_code"])).json()["error"] == "authorization_pending"
    with caplog.at_level(logging.WARNING, logger="segue_authz"):
        told = await thief.http.get("/devices", headers={"Secure-Session-Skipped": "unreachable;session_identifier=x"})
    assert told.headers["location"].startswith("/sign-in?return_to=")
    assert f"a bound session of {world.subject} came to /devices without its bound cookie" in caplog.text
    assert "its browser says unreachable" in caplog.text
    assert (await session.refresh()).status_code == 200
    await browser.submit(page, await browser.http.get(page), **decision)
    world.now += 10
    assert (await phone.redeem(asked["device_code"])).status_code == 200, "and the person can do all of it"


@pytest.mark.requirement("XD-DBSC-04")
async def test_a_browser_without_its_proof_is_told_so_and_may_sign_in_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    browser, _ = await bound(world)
    thief = robbed(world, browser, COOKIE)
    sent = await thief.http.get("/devices")
    page = await thief.http.get(sent.headers["location"])
    assert (page.status_code, "Is this the same browser?" in page.text) == (403, True)
    assert page.headers["Refresh"] == "0; url=/sign-in?return_to=%2Fdevices&again=yes"
    assert f"{BOUND_COOKIE}=; Max-Age=0" in page.headers["Set-Cookie"], "which is when a browser refreshes"
    with caplog.at_level(logging.WARNING, logger="segue_authz"):
        again = await thief.http.get("/sign-in?return_to=%2Fdevices&again=yes")
        await thief.http.get("/sign-in?return_to=%2Fdevices&again=yes")
    assert f"a bound session of {world.subject} came again without its bound cookie" in caplog.text
    assert (again.status_code, "Refresh" in again.headers) == (403, False)
    form = await thief.http.get("/sign-in?return_to=%2Fdevices&anew=yes")
    assert (form.status_code, 'name="password"' in form.text) == (200, True)
    wrong = await thief.http.post("/sign-in", data=hidden(form.text) | {"username": "person", "password": "no"})
    assert wrong.status_code == 401
    right = hidden(form.text) | {"username": "person", "password": "correct horse battery"}
    signed = await thief.http.post("/sign-in", data=right)
    assert (signed.status_code, "Secure-Session-Registration" in signed.headers) == (303, True)
    assert await let_in(thief), "the person has a password, whichever browser this is"
    told = events((await thief.http.get("/account/security")).text)
    assert told.count("session-unproved") == 1, "and sees what happened, once"


async def test_what_was_on_its_way_while_the_session_was_bound_still_arrives(world: World) -> None:
    browser, answer = await signed_in(world)
    await BoundSession(browser.http).register(answer)
    without = robbed(world, browser, COOKIE)
    world.now += SETTLING - 1
    assert await let_in(without)
    world.now += 1
    assert not await let_in(without)


@pytest.mark.requirement("XD-DBSC-04")
async def test_a_bound_session_stays_bound_when_sessions_are_not_offered_to_be_any_more(world: World) -> None:
    browser, session = await bound(world)
    thief = robbed(world, browser, COOKIE)
    world.settings = replace(world.settings, bound_sessions=Binding.OFF)
    world.restart()
    _, answer = await signed_in(world)
    assert "Secure-Session-Registration" not in answer.headers
    thief.http._transport = httpx2.ASGITransport(app=world.app)
    assert not await let_in(thief)
    assert (await session.refresh()).status_code == 200


async def test_a_browser_that_never_registers_is_signed_in_as_ever(world: World) -> None:
    browser, _ = await signed_in(world)
    world.now += world.settings.browser_session_lifetime - 1
    assert await let_in(browser)


@pytest.mark.requirement("XD-DBSC-04")
async def test_where_binding_is_required_an_unbound_browser_is_signed_in_for_minutes(world: World) -> None:
    world.settings = replace(world.settings, bound_sessions=Binding.REQUIRE)
    world.restart()
    unbound, _ = await signed_in(world)
    browser, session = await bound(world)
    world.now += UNBOUND_LIFETIME - SETTLING - 1
    assert await let_in(unbound)
    world.now += 1
    assert not await let_in(unbound)
    form = await unbound.http.get("/sign-in?return_to=%2Fdevices")
    assert (form.status_code, 'name="password"' in form.text) == (200, True)
    await unbound.sign_in()
    assert await let_in(unbound)
    world.now += 3600
    assert (await session.refresh()).status_code == 200
    assert await let_in(browser)


# ----------------------------------------------------------------------------------------------- other sites, the end


@pytest.mark.requirement("XD-DBSC-05")
async def test_another_site_learns_nothing_from_the_refresh_endpoint(world: World) -> None:
    browser, session = await bound(world)
    nobody = world.browser()
    good = {
        "Sec-Secure-Session-Id": session.instructions["session_identifier"],
        "Secure-Session-Response": proof(session.key, {"jti": session.challenge}),
    }
    seen = set()
    for visitor in (browser, nobody):
        for headers in ({}, *ELSEWHERE, *(each | good for each in ELSEWHERE)):
            answer = await visitor.http.post(REFRESH, headers=headers)
            told = {name: value for name, value in answer.headers.items() if name != "dpop-nonce"}
            seen.add((answer.status_code, answer.text, tuple(sorted(told.items()))))
    [(status, _, headers)] = seen
    assert status == 400
    assert not {"set-cookie", "secure-session-challenge", "access-control-allow-origin"} & set(dict(headers))
    assert (await session.ask(good["Secure-Session-Response"])).status_code == 200, "the challenge is unused"


@pytest.mark.requirement("XD-DBSC-05")
async def test_no_answer_of_these_endpoints_may_be_read_or_framed_by_another_site(world: World) -> None:
    browser, session = await bound(world)
    answers = [await session.ask(None), await session.refresh(), await browser.http.post(REFRESH)]
    answers += [await browser.http.post(REGISTER), await world.browser().http.post(REGISTER)]
    for answer in answers:
        headers = answer.headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for path in (REGISTER, REFRESH):
        preflight = await browser.http.options(path, headers=asked)
        assert (preflight.status_code, "Access-Control-Allow-Origin" in preflight.headers) == (405, False)


@pytest.mark.requirement("XD-DBSC-06")
async def test_a_bound_cookie_ends_by_the_servers_clock_even_if_it_is_sent(world: World) -> None:
    browser, _ = await bound(world)
    thief = robbed(world, browser, COOKIE, BOUND_COOKIE)
    world.now += EXPIRED - SETTLING - 1
    assert await let_in(thief), "for minutes it is worth what it was worth"
    world.now += 1
    assert not await let_in(thief)
    first, *rest = thief.http.cookies[BOUND_COOKIE].split(".")
    thief.http.cookies.set(BOUND_COOKIE, ".".join([str(int(first) + 3600), *rest]))
    assert not await let_in(thief), "nor can it be made to live longer"


@pytest.mark.requirement("XD-DBSC-06")
async def test_a_bound_cookie_is_of_one_session(world: World) -> None:
    browser, _ = await bound(world)
    other, _ = await bound(world)
    thief = robbed(world, browser, COOKIE)
    thief.http.cookies.set(BOUND_COOKIE, other.http.cookies[BOUND_COOKIE])
    assert not await let_in(thief)


@pytest.mark.requirement("XD-DBSC-06")
@pytest.mark.parametrize("end", ["sign-out", "lock", "time", "deleted"])
async def test_after_the_end_of_a_session_its_refresh_ends_too(world: World, end: str) -> None:
    browser, session = await bound(world)
    cookies = dict(browser.http.cookies)
    if end == "sign-out":
        answer = await browser.submit("/sign-out", await browser.http.get("/"))
        assert f"{BOUND_COOKIE}=; Max-Age=0" in answer.headers["Set-Cookie"]
    elif end == "lock":
        await world.accounts.disable(world.subject, now=world.now)
    elif end == "deleted":
        await world.accounts.delete(world.subject, now=world.now)
    else:
        world.now += world.settings.browser_session_lifetime
    for kept in ({}, cookies):
        browser.http.cookies = httpx2.Cookies(kept)
        answer = await session.ask(proof(session.key, {"jti": session.challenge}))
        assert (answer.status_code, answer.json(), gives_nothing(answer)) == (200, {"continue": False}, True)
        session.instructions = {"session_identifier": "x"}
    assert not await let_in(browser)


@pytest.mark.requirement("XD-DBSC-06")
async def test_signing_in_anew_ends_what_was_bound_before(world: World) -> None:
    browser, session = await bound(world)
    before = robbed(world, browser, COOKIE, BOUND_COOKIE)
    form = await browser.http.get("/sign-in?anew=yes")
    right = hidden(form.text) | {"username": "person", "password": "correct horse battery"}
    assert (await browser.http.post("/sign-in", data=right)).status_code == 303
    assert not await let_in(before)
    assert (await session.ask(None)).json() == {"continue": False}
    assert await let_in(browser)
