"""Who asks for a task anew, or for a person who is here now, gets neither from an old sign-in (RFC 9470)."""

import secrets
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from asked_anew import ask, decide, signed_in, told
from authz_world import DESKTOP, DESKTOP_URI, ISSUER, PASSWORD, USERNAME, Browser, World, hidden
from segue.jose import parse
from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR
from segue_authz.endpoints.reauthentication import GOOD_FOR

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A4", "A14")]


async def sign_in_again(browser: Browser, sent: httpx2.Response, **form: str) -> httpx2.Response:
    """Follow the way to the sign-in page, and back to where it leads."""
    assert (sent.status_code, urlsplit(sent.headers["location"]).path) == (303, "/sign-in")
    page = await browser.http.get(sent.headers["location"])
    assert page.status_code == 200
    fields = hidden(page.text) | {"username": USERNAME, "password": PASSWORD} | form
    answer = await browser.http.post("/sign-in", data=fields)
    return await browser.http.get(answer.headers["location"]) if answer.status_code == 303 else answer


@pytest.mark.requirement("RFC9470-4-b", "RFC9470-6-1", "XD-CONS-06")
async def test_a_sign_in_that_is_too_old_is_done_anew_and_the_token_tells_when_and_how(world: World) -> None:
    browser, device, verifier = await signed_in(world), world.device(), secrets.token_urlsafe(32)
    world.now += 301
    page = await sign_in_again(browser, await ask(browser, device, verifier, max_age="300"))
    assert page.status_code == 200
    form = {"code": told(await decide(browser, page))["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    answer = await device.token("authorization_code", **form)
    claims = parse(answer.json()["access_token"]).claims()
    assert (claims["auth_time"], claims["acr"]) == (world.now, PASSWORD_ACR)
    world.now += 100
    claims = parse((await device.refresh()).json()["access_token"]).claims()
    assert claims["auth_time"] == world.now - 100, "a refresh is no sign-in"


@pytest.mark.requirement("RFC9470-4-b")
async def test_the_last_second_of_a_sign_in_and_the_first_after_it(world: World) -> None:
    browser, device = await signed_in(world), world.device()
    world.now += 300
    assert (await ask(browser, device, max_age="300")).status_code == 200
    assert (await ask(browser, device, max_age="299")).status_code == 303
    assert (await ask(browser, device)).status_code == 200


@pytest.mark.requirement("RFC9470-4-b")
@pytest.mark.parametrize("wanted", [{"prompt": "login"}, {"prompt": "login consent"}, {"max_age": "0"}])
async def test_who_has_to_sign_in_anew_does_so_once_however_short_ago_it_was(
    world: World, wanted: dict[str, str]
) -> None:
    browser, device = await signed_in(world), world.device()
    sent = await ask(browser, device, **wanted)
    page = await sign_in_again(browser, sent)
    assert page.status_code == 200
    world.now += 60
    assert "code" in told(await decide(browser, page)), "the person may take their time"
    assert (await ask(browser, device, **wanted)).status_code == 303, "and the next request asks again"


@pytest.mark.requirement("RFC9470-4-b")
async def test_signed_out_people_sign_in_once(world: World) -> None:
    browser, device = world.browser(), world.device()
    page = await sign_in_again(browser, await ask(browser, device, prompt="login"))
    assert (page.status_code, "Acme contract revision" in page.text) == (200, True)


@pytest.mark.requirement("RFC9470-4-b")
async def test_a_wrong_password_is_no_sign_in_and_the_next_try_still_counts(world: World) -> None:
    browser, device = await signed_in(world), world.device()
    refused = await sign_in_again(browser, await ask(browser, device, prompt="login"), password="wrong one")
    assert refused.status_code == 401
    fields = hidden(refused.text) | {"username": USERNAME, "password": PASSWORD}
    answer = await browser.http.post("/sign-in", data=fields)
    assert (await browser.http.get(answer.headers["location"])).status_code == 200


@pytest.mark.requirement("RFC9470-4-b")
async def test_the_mark_of_a_sign_in_is_for_one_session_one_request_and_some_minutes(world: World) -> None:
    browser, other, device = await signed_in(world), await signed_in(world), world.device()
    sent = await ask(browser, device, prompt="login")
    page = await browser.http.get(sent.headers["location"])
    fields = hidden(page.text) | {"username": USERNAME, "password": PASSWORD}
    back = (await browser.http.post("/sign-in", data=fields)).headers["location"]
    assert (await browser.http.get(back)).status_code == 200
    assert (await other.http.get(back)).status_code == 303, "another browser"
    changed = back.replace("state=s1", "state=s2")
    assert (await browser.http.get(changed)).status_code == 303, "another request"
    forged = back.rpartition("=")[0] + "=" + "x" * 43
    assert (await browser.http.get(forged)).status_code == 303, "another mark"
    world.now += GOOD_FOR
    page = await browser.http.get(back)
    assert page.status_code == 200
    world.now += 1
    assert (await browser.http.get(back)).status_code == 303
    assert (await decide(browser, page)).headers["location"].startswith("/sign-in"), "nor is it good for the decision"


@pytest.mark.requirement("XD-WEB-06")
async def test_the_session_before_ends_with_the_new_one(world: World) -> None:
    browser, device = await signed_in(world), world.device()
    kept = world.browser()
    kept.http.cookies.update(browser.http.cookies)
    assert (await kept.http.get("/devices")).status_code == 200
    await sign_in_again(browser, await ask(browser, device, prompt="login"))
    assert (await kept.http.get("/devices")).status_code == 303


@pytest.mark.requirement("RFC9470-5")
@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"acr_values": "urn:example:retina"}, "unmet_authentication_requirements"),
        ({"acr_values": " "}, "unmet_authentication_requirements"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "\u0663"}, "invalid_request"),
        ({"max_age": "9" * 11}, "invalid_request"),
        ({"max_age": " "}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none"}, "interaction_required"),
    ],
)
async def test_what_cannot_be_is_told_to_the_client(world: World, wanted: dict[str, str], error: str) -> None:
    browser, device = await signed_in(world), world.device()
    answer = await ask(browser, device, **wanted)
    assert (told(answer)["error"], told(answer)["iss"]) == (error, ISSUER)
    if error != "interaction_required":
        pushed = await device.http.post("/par", data=device.request("v" * 43) | wanted)
        assert (pushed.status_code, pushed.json()["error"]) == (400, error)


async def test_nobody_is_asked_to_sign_in_silently(world: World) -> None:
    answer = await ask(world.browser(), world.device(), prompt="none")
    assert told(answer)["error"] == "login_required"


@pytest.mark.requirement("RFC9470-4-b", "RFC9470-7")
async def test_one_way_of_several_will_do_and_the_metadata_names_it(world: World) -> None:
    browser, device = await signed_in(world), world.device()
    page = await ask(browser, device, acr_values=f"urn:example:retina {PASSWORD_ACR}")
    assert page.status_code == 200
    metadata = (await browser.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["acr_values_supported"] == [PASSKEY_ACR, PASSWORD_ACR]
    assert metadata["prompt_values_supported"] == ["login", "consent", "none"]


async def test_a_pushed_request_asks_for_a_fresh_sign_in_as_well(world: World) -> None:
    browser, device = await signed_in(world), world.device()
    pushed = await device.http.post("/par", data=device.request("v" * 43) | {"prompt": "login"})
    query = urlencode({"client_id": DESKTOP, "request_uri": pushed.json()["request_uri"]})
    page = await sign_in_again(browser, await browser.http.get(f"/authorize?{query}"))
    assert "code" in told(await decide(browser, page))
