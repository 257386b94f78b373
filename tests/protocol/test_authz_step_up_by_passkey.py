"""Who asks for a phishing-resistant sign-in gets one or nothing: a password does not pass for it (RFC 9470, EAP)."""

import secrets

import httpx2
import pytest
from asked_anew import ask, decide, signed_in, told
from authz_world import DESKTOP_URI, PASSWORD, USERNAME, Browser, Device, World, hidden
from passkey_world import add_passkey, authenticator, make_codes, recover, request_options, sign_in
from segue.jose import parse
from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR, RECOVERY_ACR
from segue_threats.authenticator import USER_PRESENT, Said

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A4", "A12", "RFC9470-4-b", "RFC9470-5", "XD-AUTH-04")]


def way_back(sent: httpx2.Response) -> str:
    assert (sent.status_code, sent.headers["location"].startswith("/sign-in?anew=yes")) == (303, True)
    return str(httpx2.URL(sent.headers["location"]).params["return_to"])


async def token(device: Device, browser: Browser, page: httpx2.Response, verifier: str) -> dict[str, object]:
    form = {"code": told(await decide(browser, page))["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    answer = await device.token("authorization_code", **form)
    return parse(answer.json()["access_token"]).claims()


async def test_a_session_by_password_steps_up_by_passkey_and_the_token_tells(world: World) -> None:
    browser, device, keys = await signed_in(world), world.device(), authenticator()
    await add_passkey(browser, keys)
    verifier = secrets.token_urlsafe(32)
    world.now += 5
    sent = await ask(browser, device, verifier, acr_values=PASSKEY_ACR)
    page = await browser.http.get(sent.headers["location"])
    assert ('name="password"' in page.text, "What comes next takes a passkey." in page.text) == (False, True)
    back = way_back(sent)
    form = hidden(page.text) | {"username": USERNAME, "password": PASSWORD, "return_to": back, "anew": "yes"}
    by_password = await browser.http.post("/sign-in", data=form)
    again = await browser.http.get(by_password.headers["location"])
    assert again.status_code == 303, "a password, however fresh, is no step up"
    assert (await sign_in(browser, keys, Said(flags=USER_PRESENT), anew=True, return_to=back)).status_code == 401
    stepped = await sign_in(browser, keys, anew=True, return_to=back)
    page = await browser.http.get(stepped.headers["location"])
    claims = await token(device, browser, page, verifier)
    assert (claims["acr"], claims["auth_time"]) == (PASSKEY_ACR, world.now)
    world.now += 60
    claims = parse((await device.refresh()).json()["access_token"]).claims()
    assert (claims["acr"], claims["auth_time"]) == (PASSKEY_ACR, world.now - 60)


async def test_a_decision_made_after_another_sign_in_is_looked_at_again(world: World) -> None:
    """The page was shown to a passkey's session; the decision comes from one by password."""
    browser, device, keys = await signed_in(world), world.device(), authenticator()
    await add_passkey(browser, keys)
    await sign_in(browser, keys)
    page = await ask(browser, device, acr_values=PASSKEY_ACR)
    assert page.status_code == 200
    weaker = await signed_in(world)
    fields = hidden(page.text) | {"csrf": world.derivation.csrf(weaker.http.cookies["segue"]), "task": "new"}
    answer = await weaker.http.post("/authorize", data=fields | {"name": "Acme", "decision": "approve"})
    assert answer.headers["location"].startswith("/sign-in?anew=yes&acr_values=phr")


async def test_either_of_two_ways_will_do_and_the_way_taken_is_told(world: World) -> None:
    browser, device, keys = await signed_in(world), world.device(), authenticator()
    await add_passkey(browser, keys)
    both = f"{PASSKEY_ACR} {PASSWORD_ACR}"
    verifier = secrets.token_urlsafe(32)
    claims = await token(device, browser, await ask(browser, device, verifier, acr_values=both), verifier)
    assert claims["acr"] == PASSWORD_ACR
    await sign_in(browser, keys)
    claims = await token(device, browser, await ask(browser, device, verifier, acr_values=both), verifier)
    assert claims["acr"] == PASSKEY_ACR
    sent = await ask(browser, device, acr_values=PASSWORD_ACR)
    assert sent.status_code == 303, "who wants a password is not told one was typed"


async def test_whoever_has_no_passkey_is_not_sent_in_circles(world: World) -> None:
    browser, device = await signed_in(world), world.device()
    answer = await ask(browser, device, acr_values=PASSKEY_ACR)
    assert told(answer)["error"] == "unmet_authentication_requirements"


async def test_signed_out_people_are_shown_what_is_wanted(world: World) -> None:
    owner, keys = await signed_in(world), authenticator()
    await add_passkey(owner, keys)
    browser, device = world.browser(), world.device()
    sent = await ask(browser, device, acr_values=PASSKEY_ACR)
    page = await browser.http.get(sent.headers["location"])
    assert ('name="password"' in page.text, "Sign in another way" in page.text) == (False, True)
    stepped = await sign_in(browser, keys, anew=True, return_to=way_back(sent))
    assert (await browser.http.get(stepped.headers["location"])).status_code == 200


async def test_a_recovery_code_is_no_way_that_anybody_can_ask_for(world: World) -> None:
    codes = await make_codes(await signed_in(world))
    browser, device = world.browser(), world.device()
    await recover(browser, USERNAME, codes[0])
    assert told(await ask(browser, device, acr_values=RECOVERY_ACR))["error"] == "unmet_authentication_requirements"
    assert (await ask(browser, device, acr_values=PASSWORD_ACR)).status_code == 303
    verifier = secrets.token_urlsafe(32)
    claims = await token(device, browser, await ask(browser, device, verifier), verifier)
    assert claims["acr"] == RECOVERY_ACR, "and it passes for no other"


async def test_stepping_up_is_not_what_signing_in_was_asked_for(world: World) -> None:
    """A challenge made for the sign-in page steps up nobody."""
    browser, keys = await signed_in(world), authenticator()
    await add_passkey(browser, keys)
    credential = keys.get(await request_options(browser))
    form = {"csrf": world.derivation.csrf(browser.http.cookies["segue"]), "credential": credential, "anew": "yes"}
    assert (await browser.http.post("/sign-in/passkey", data=form)).status_code == 401
