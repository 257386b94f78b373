"""Signing in at another OpenID Connect provider: what is sent, what comes of a good answer, and of no answer."""

import asyncio
import json
from base64 import b64decode
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt
import pytest
from authz_world import DESKTOP, ISSUER, PASSWORD, USERNAME, World
from segue_authz import outbound
from segue_authz.domain.account import PASSKEY_ACR, UPSTREAM_ACR
from segue_authz.domain.upstream import REQUEST_LIFETIME
from segue_authz.stores.restored import void_everything
from segue_authz.upstream.provider import Admits
from small_internet import Internet
from upstream_world import (
    CLIENT_ID,
    HOST,
    NAME,
    SECRET,
    Upstream,
    made_key,
    person_of,
    press,
    public,
    request_of,
    s256,
    session_of,
    upstream,
)

pytest_plugins = ["upstream_fixtures"]
pytestmark = [
    pytest.mark.parametrize("storage_set", ["embedded"], indirect=True),
    pytest.mark.anyio,
    pytest.mark.requirement("A12"),
]


def redeemed(internet: Internet) -> tuple[str, dict[str, str]]:
    """Head and form of the last request at the token endpoint."""
    found = [(head, body) for head, body in zip(internet.asked, internet.bodies, strict=True) if " /token " in head]
    return found[-1][0], dict(parse_qsl(found[-1][1].decode()))


async def test_the_request_is_one_of_the_code_flow_with_pkce_state_and_nonce(world: World, works: Upstream) -> None:
    asked = await works.begin(world.browser())
    assert asked["url"] == f"https://{HOST}/auth"
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT_ID, "openid")
    assert asked["redirect_uri"] == f"{ISSUER}/sign-in/upstream/{NAME}/callback"
    assert asked["code_challenge_method"] == "S256"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) == 43
    assert "prompt" not in asked
    other = await works.begin(world.browser())
    assert {asked[name] for name in ("state", "nonce", "code_challenge")}.isdisjoint(other.values())


async def test_somebody_who_signs_in_there_is_signed_in_here_and_goes_on(
    world: World, works: Upstream, internet: Internet
) -> None:
    browser = world.browser()
    asked = await works.begin(browser, "/devices")
    works.answers(works.id_token(asked, name="Dana There"))
    answer = await works.come_back(browser, asked)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
    assert await person_of(browser) == "Dana There"
    head, sent = redeemed(internet)
    assert (sent["grant_type"], sent["code"]) == ("authorization_code", "c")
    assert sent["redirect_uri"] == asked["redirect_uri"]
    assert s256(sent["code_verifier"]) == asked["code_challenge"]
    client_id, _, secret = b64decode(head.partition("Basic ")[2].split("\r\n")[0]).decode().partition(":")
    assert (unquote_plus(client_id), unquote_plus(secret)) == (CLIENT_ID, SECRET)


async def test_the_second_sign_in_is_to_the_same_account(world: World, works: Upstream) -> None:
    subjects = []
    for called in ("Dana", "Somebody Else"):
        browser = world.browser()
        await works.sign_in(browser, name=called)
        assert await person_of(browser) == "Dana"
        subjects.append((await session_of(browser)).subject)
    assert subjects[0] == subjects[1]


async def test_a_new_account_has_a_user_name_that_nobody_chose_and_no_password(world: World, works: Upstream) -> None:
    browser = world.browser()
    await works.sign_in(browser, preferred_username=USERNAME, name=USERNAME, email=USERNAME)
    session = await session_of(browser)
    account = await world.accounts.by_subject(session.subject)
    assert account is not None
    assert account.username.startswith(f"{NAME}-")
    assert session.subject != world.subject
    for password in ("", PASSWORD):
        assert (await world.browser().sign_in(username=account.username, password=password)).status_code == 401


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_the_secret_is_shown_as_the_provider_wants_it(
    world: World, works: Upstream, internet: Internet, method: str
) -> None:
    works.publish(token_endpoint_auth_methods_supported=[method])
    assert (await works.sign_in(world.browser())).status_code == 303
    assert redeemed(internet)[1].get("client_secret") == (SECRET if method == "client_secret_post" else None)


async def test_a_private_key_proves_this_server_instead_of_a_secret(world: World, internet: Internet) -> None:
    key = made_key()
    works = upstream(world, internet, admits=Admits.ANYBODY, key=key)
    world.now = 1_790_000_000
    assert (await works.sign_in(world.browser())).status_code == 303
    sent = redeemed(internet)[1]
    assert sent["client_assertion_type"].endswith("jwt-bearer")
    off = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        sent["client_assertion"], key.public_key(), algorithms=["ES256"], audience=f"https://{HOST}/token", options=off
    )
    assert (claims["iss"], claims["sub"]) == (CLIENT_ID, CLIENT_ID)
    assert claims["iat"] == world.now
    assert world.now < claims["exp"] <= world.now + 60
    assert "client_secret" not in sent


async def test_one_who_has_linked_nothing_is_told_what_to_do_and_gets_no_account(
    world: World, internet: Internet
) -> None:
    works, browser = upstream(world, internet), world.browser()
    answer = await works.sign_in(browser)
    assert answer.status_code == 403
    assert "No account is linked" in answer.text
    assert 'href="/sign-in?return_to=%2F"' in answer.text
    assert await person_of(browser) is None


async def test_claims_that_are_required_decide_who_comes_in(world: World, internet: Internet) -> None:
    required = {"hd": ("works.example",), "email_verified": (True,)}
    works = upstream(world, internet, admits=Admits.ANYBODY, require=required)
    for claims in (
        {},
        {"hd": "works.example"},
        {"hd": "works.example", "email_verified": "true"},
        {"hd": "works.example", "email_verified": 1},
        {"hd": "other.example", "email_verified": True},
        {"hd": ["other.example"], "email_verified": True},
    ):
        answer = await works.sign_in(world.browser(), **claims)
        assert answer.status_code == 403, claims
        assert "cannot be used here" in answer.text
    for claims in ({"hd": "works.example"}, {"hd": ["other.example", "works.example"]}):
        assert (await works.sign_in(world.browser(), email_verified=True, **claims)).status_code == 303


@pytest.mark.requirement("XD-AUTH-05")
async def test_strength_and_time_are_those_of_the_signed_token_and_never_more(world: World, internet: Internet) -> None:
    mapped = {"urn:works:two": PASSKEY_ACR}
    works = upstream(world, internet, admits=Admits.ANYBODY, acr=mapped)
    for claims, acr, amr, ago in (
        ({}, UPSTREAM_ACR, "", 0),
        ({"acr": PASSKEY_ACR, "amr": ["pop", "mfa"]}, UPSTREAM_ACR, "", 0),
        ({"acr": "urn:works:two", "amr": ["hwk", "mfa"], "auth_time": world.now - 500}, PASSKEY_ACR, "hwk mfa", 500),
        ({"auth_time": None}, UPSTREAM_ACR, "", world.now),
    ):
        browser = world.browser()
        assert (await works.sign_in(browser, **claims)).status_code == 303
        session = await session_of(browser)
        assert (session.acr, session.amr, world.now - session.auth_time) == (acr, amr, ago)


async def test_a_request_that_wants_a_fresh_sign_in_asks_the_provider_for_one(world: World, internet: Internet) -> None:
    works = upstream(world, internet, admits=Admits.ANYBODY, acr={"urn:works:two": PASSKEY_ACR})
    asked = await works.begin(world.browser(), "/devices")
    assert int(asked["max_age"]) == world.settings.browser_session_lifetime
    asked = await works.begin(world.browser(), "/devices", anew="yes", acr_values=PASSKEY_ACR)
    assert (asked["max_age"], asked["prompt"], asked["acr_values"]) == ("0", "login", "urn:works:two")


@pytest.mark.requirement("XD-AUTH-05")
@pytest.mark.parametrize("ago", [61, 3600, None])
async def test_a_sign_in_there_that_is_not_fresh_is_no_fresh_one_here(
    world: World, works: Upstream, ago: int | None
) -> None:
    browser = world.browser()
    asked = await works.begin(browser, "/devices?x=1", anew="yes")
    works.answers(works.id_token(asked, auth_time=None if ago is None else world.now - ago))
    answer = await works.come_back(browser, asked)
    assert answer.status_code == 400
    assert await person_of(browser) is None
    asked = await works.begin(browser, "/devices?x=1", anew="yes")
    works.answers(works.id_token(asked))
    answer = await works.come_back(browser, asked)
    assert answer.headers["location"].startswith("/devices?x=1&signed_in=")


async def test_a_client_that_asks_for_a_fresh_sign_in_gets_one_from_there(world: World, works: Upstream) -> None:
    browser, device = world.browser(), world.device(DESKTOP)
    await works.sign_in(browser, auth_time=world.now - 5000)
    request = await device.page("v" * 43)
    answer = await browser.http.get(f"{request}&max_age=60")
    assert answer.status_code == 303
    page = await browser.http.get(answer.headers["location"])
    asked = request_of(await press(browser, page, f"/sign-in/upstream/{NAME}"))
    works.answers(works.id_token(asked))
    back = await works.come_back(browser, asked)
    assert (await browser.http.get(back.headers["location"])).status_code == 200


async def test_the_sign_in_page_has_a_button_for_each_and_needs_no_provider_for_it(
    world: World, works: Upstream, internet: Internet
) -> None:
    page = await world.browser().http.get("/sign-in")
    assert "Continue with <bdi>Example Works</bdi>" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert internet.asked == []


async def test_a_form_without_the_browsers_own_token_sends_nobody_there(world: World, works: Upstream) -> None:
    browser = world.browser()
    await browser.http.get("/sign-in")
    answer = await browser.http.post(f"/sign-in/upstream/{NAME}", data={"return_to": "/"})
    assert answer.status_code == 403
    page = await browser.http.get("/sign-in")
    assert (await browser.submit("/sign-in/upstream/none", page)).status_code == 404


ERRORS = {
    "access_denied": (403, "did not go on there"),
    "login_required": (403, "without asking you"),
    "interaction_required": (403, "without asking you"),
    "temporarily_unavailable": (503, "cannot be reached"),
    "server_error": (503, "cannot be reached"),
    "unauthorized_client": (502, "refused"),
    "<script>": (502, "refused"),
}


@pytest.mark.parametrize("error", ERRORS)
async def test_an_error_is_a_page_that_says_what_can_be_done(
    world: World, works: Upstream, internet: Internet, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = world.browser()
    asked = await works.begin(browser, "/devices")
    before = len(internet.asked)
    answer = await works.come_back(browser, asked, code=None, error=error, error_description="<b>secret words</b>")
    status, words = ERRORS[error]
    assert (answer.status_code, words in answer.text) == (status, True)
    assert "secret words" not in answer.text + caplog.text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert 'href="/sign-in?return_to=%2Fdevices"' in answer.text
    assert len(internet.asked) == before, "nothing is redeemed"
    assert await person_of(browser) is None
    assert (await works.come_back(browser, asked)).status_code == 400, "the state is spent"


async def test_a_provider_that_is_down_leaves_the_other_ways(world: World, works: Upstream, internet: Internet) -> None:
    internet.pages.clear()
    browser = world.browser()
    page = await browser.http.get("/sign-in")
    for _ in range(3):
        answer = await press(browser, page, f"/sign-in/upstream/{NAME}")
        assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
    assert len(internet.asked) == 1, "it is not asked again at once"
    assert (await browser.sign_in()).status_code == 303
    works.publish()
    world.now += 6
    assert (await works.sign_in(world.browser())).status_code == 303


@pytest.mark.parametrize("told", [b"not json", b"[]", b'{"error":"invalid_grant"}', b"{}"])
async def test_a_token_endpoint_that_gives_none_signs_nobody_in(
    world: World, works: Upstream, internet: Internet, told: bytes
) -> None:
    for status in (200, 400, 500):
        browser = world.browser()
        asked = await works.begin(browser)
        internet.says("/token", told, status=status)
        answer = await works.come_back(browser, asked)
        assert answer.status_code == 400
        assert await person_of(browser) is None


@pytest.mark.parametrize(
    "change", [{"id_token": None}, {"access_token": None}, {"token_type": "DPoP"}, {"id_token": 1}]
)
async def test_an_answer_without_the_two_tokens_signs_nobody_in(
    world: World, works: Upstream, change: dict[str, Any]
) -> None:
    browser = world.browser()
    asked = await works.begin(browser)
    works.answers(works.id_token(asked), **change)
    assert (await works.come_back(browser, asked)).status_code == 400
    assert await person_of(browser) is None


async def test_an_answer_that_comes_too_late_or_twice_does_not_count(world: World, works: Upstream) -> None:
    browser = world.browser()
    asked = await works.begin(browser)
    world.now += REQUEST_LIFETIME
    works.answers(works.id_token(asked))
    answer = await works.come_back(browser, asked)
    assert (answer.status_code, "too late" in answer.text) == (400, True)
    asked = await works.begin(browser)
    works.answers(works.id_token(asked))
    assert (await works.come_back(browser, asked)).status_code == 303
    again = await works.come_back(browser, asked)
    assert (again.status_code, "has been used" in again.text) == (400, True)


async def test_a_new_key_is_fetched_when_it_is_first_used_and_not_at_everybodys_call(
    world: World, works: Upstream, internet: Internet
) -> None:
    assert (await works.sign_in(world.browser())).status_code == 303
    works.key, works.kid = made_key(), "k2"
    works.publish_keys(public(works.key, "k2"))
    assert (await works.sign_in(world.browser())).status_code == 400, "the keys were read a moment ago"
    world.now += 61
    assert (await works.sign_in(world.browser())).status_code == 303
    works.kid = "k3"
    before = len([head for head in internet.asked if "/jwks" in head])
    for _ in range(5):
        assert (await works.sign_in(world.browser())).status_code == 400
    assert len([head for head in internet.asked if "/jwks" in head]) == before


@pytest.mark.requirement("XD-AUTH-05", "XD-META-03")
@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"issuer": f"https://{HOST}/"},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": f"https://user@{HOST}/"},
    ],
)
async def test_metadata_of_another_issuer_or_with_strange_addresses_is_not_believed(
    world: World, works: Upstream, change: dict[str, Any]
) -> None:
    works.publish(**change)
    browser = world.browser()
    page = await browser.http.get("/sign-in")
    assert (await press(browser, page, f"/sign-in/upstream/{NAME}")).status_code == 503


@pytest.mark.requirement("XD-META-03")
async def test_an_address_inside_the_network_is_never_asked(world: World, works: Upstream, internet: Internet) -> None:
    internet.names["inside.example"] = ["10.0.0.1"]
    works.publish(token_endpoint="https://inside.example/token")
    browser = world.browser()
    asked = await works.begin(browser)
    answer = await works.come_back(browser, asked)
    assert answer.status_code == 503
    assert "10.0.0.1" not in internet.connected
    assert json.dumps(internet.asked).count("inside.example") == 0


@pytest.mark.requirement("XD-META-03")
async def test_a_provider_in_a_network_of_the_operators_is_asked_there_and_in_no_other(
    world: World, internet: Internet
) -> None:
    internet.names |= {HOST: ["10.20.0.5"], "inside.example": ["10.21.0.5"]}
    closed = upstream(world, internet, admits=Admits.ANYBODY)
    browser = world.browser()
    page = await browser.http.get("/sign-in")
    assert (await press(browser, page, f"/sign-in/upstream/{closed.provider.name}")).status_code == 503
    assert internet.connected == []
    works = upstream(world, internet, admits=Admits.ANYBODY, networks=(ip_network("10.20.0.0/16"),))
    assert (await works.sign_in(world.browser())).status_code == 303
    assert set(internet.connected) == {"10.20.0.5"}
    works = upstream(world, internet, admits=Admits.ANYBODY, networks=(ip_network("10.20.0.0/16"),))
    works.publish(token_endpoint="https://inside.example/token")
    assert (await works.sign_in(world.browser())).status_code == 503
    assert "10.21.0.5" not in internet.connected


async def test_an_account_that_was_closed_is_not_opened_from_there(world: World, works: Upstream) -> None:
    browser = world.browser()
    await works.sign_in(browser)
    subject = (await session_of(browser)).subject
    await world.accounts.disable(subject, now=world.now)
    answer = await works.sign_in(world.browser())
    assert (answer.status_code, "closed" in answer.text) == (403, True)
    await world.accounts.delete(subject, now=world.now)
    other = world.browser()
    assert (await works.sign_in(other)).status_code == 303
    assert (await session_of(other)).subject != subject


async def test_a_provider_that_is_slow_is_given_up(
    world: World, works: Upstream, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await works.begin(browser := world.browser())

    async def never(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    internet.pages["/token"] = never
    monkeypatch.setattr(outbound, "TIMEOUT", 0.2)
    answer = await works.come_back(browser, asked)
    assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
    assert await person_of(browser) is None


@pytest.mark.requirement("XD-OPS-05")
async def test_a_restored_backup_knows_no_sign_in_that_was_under_way(world: World, works: Upstream) -> None:
    browser = world.browser()
    asked = await works.begin(browser)
    await void_everything(world.database, now=world.now)
    works.answers(works.id_token(asked))
    assert (await works.come_back(browser, asked)).status_code == 400
    assert await person_of(browser) is None
