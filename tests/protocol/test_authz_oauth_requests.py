"""What OAuth asks of every request and every answer (RFC 6749 sections 3 to 5 and 10, RFC 8628 section 3)."""

import re
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authz_world import ACTIONS, DESKTOP, DESKTOP_URI, ISSUER, PHONE_URI, World
from segue.jose import parse
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import add_client

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

WITH_SECRET, SECRET = "with-secret", "s" * 43
QUERIED_URI = "https://client.example/back?tenant=7"
EMPTY_OR_UNKNOWN = {"client_secret": "", "client_assertion": "", "resource": "", "unheard": "of"}


async def add_confidential(world: World) -> None:
    """A client with a secret that may ask for tasks by either flow."""
    client = Client(
        WITH_SECRET,
        "With a secret",
        ACTIONS,
        redirect_uris=(QUERIED_URI,),
        consumption_uris=(PHONE_URI,),
        method=Method.CLIENT_SECRET_BASIC,
        secret_digest=digest(SECRET),
    )
    await add_client(world.database, client)


def told(answer: httpx2.Response) -> dict[str, str]:
    """What the client learns from a redirect."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@pytest.mark.requirement("RFC8628-3-1-a", "RFC8628-3-4-a", "RFC6749-3-2-1")
async def test_a_client_with_a_secret_asks_and_polls_with_it_or_not_at_all(world: World) -> None:
    await add_confidential(world)
    device = world.device(WITH_SECRET)
    basic = {"Authorization": f"Basic {b64encode(f'{WITH_SECRET}:{SECRET}'.encode()).decode()}"}

    async def send(path: str, form: dict[str, str], headers: dict[str, str]) -> httpx2.Response:
        proof = device.key.proof("POST", ISSUER + path, now=world.now, nonce=device.nonce)
        return await device.http.post(path, data=form, headers={"DPoP": proof, **headers})

    form = device.task_request()
    refused = await device.send("POST", "/device_authorization", form)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    asked = await send("/device_authorization", form, basic)
    assert asked.status_code == 200, asked.text
    poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked.json()["device_code"]}
    unproven = await send("/token", poll | {"client_id": WITH_SECRET}, {})
    assert (unproven.status_code, unproven.json()["error"]) == (401, "invalid_client")
    assert (await send("/token", poll, basic)).json()["error"] == "authorization_pending"


@pytest.mark.requirement("RFC8628-3-1-b", "RFC8628-3-2")
async def test_a_device_request_is_read_as_every_request_of_oauth_is(world: World) -> None:
    phone = world.device("phone")
    answer = await phone.send("POST", "/device_authorization", phone.task_request() | EMPTY_OR_UNKNOWN)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert {"device_code", "user_code", "verification_uri", "expires_in"} <= answer.json().keys()
    twice = urlencode([*phone.task_request().items(), ("device_name", "Another")])
    headers = {"content-type": "application/x-www-form-urlencoded"}
    refused = await phone.http.post("/device_authorization", content=twice, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC6749-2-3-1-b", "RFC6749-3-2-a", "RFC6749-3-2-b", "RFC6749-3-2-c", "RFC6749-5-1")
async def test_a_token_request_is_a_post_whose_empty_and_unknown_parameters_are_none(world: World) -> None:
    desktop = await world.desktop()
    answer = await desktop.refresh(**EMPTY_OR_UNKNOWN)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["access_token"]
    form = {"grant_type": "refresh_token", "client_id": DESKTOP, "refresh_token": desktop.tokens["refresh_token"]}
    assert (await desktop.http.get("/token?" + urlencode(form))).status_code == 405
    in_address = await desktop.send("POST", "/token?" + urlencode(form), {})
    assert in_address.status_code == 400, "nothing of a request is taken from its address"
    twice = urlencode([*form.items(), ("client_id", "phone")])
    headers = {"content-type": "application/x-www-form-urlencoded"}
    refused = await desktop.http.post("/token", content=twice, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC6749-3-1-b", "RFC6749-3-1-c", "RFC6749-3-1-d", "RFC6749-3-1-1", "RFC6749-4-2")
async def test_an_authorization_request_is_read_as_every_request_of_oauth_is(world: World) -> None:
    device, browser = world.device(), world.browser()
    await browser.sign_in()
    good = device.request("v" * 43)
    empty = good | {"max_age": "", "prompt": "", "acr_values": "", "resource": "", "unheard": "of", "state": ""}
    page = await browser.http.get("/authorize?" + urlencode(empty))
    assert page.status_code == 200
    answer = await browser.submit("/authorize", page, decision="approve", task="new", name="Acme")
    assert told(answer).keys() == {"code", "iss"}, "an empty state is none"
    for wrong, error in (("token", "unsupported_"), ("code token", "unsupported_"), ("", "invalid_request")):
        refused = await browser.http.get("/authorize?" + urlencode(good | {"response_type": wrong}))
        assert told(refused)["error"] in (error, f"{error}response_type")
    for name in good:
        twice = await browser.http.get("/authorize?" + urlencode([*good.items(), (name, "x")]))
        assert (twice.status_code, "location" in twice.headers) == (400, False)


@pytest.mark.requirement("RFC6749-3-1-a", "RFC6749-10-12-b")
async def test_nothing_is_granted_before_somebody_has_signed_in_and_said_so_on_the_page(world: World) -> None:
    device, browser = world.device(), world.browser()
    query = urlencode(device.request("v" * 43))
    stranger = await browser.http.get("/authorize?" + query)
    assert urlsplit(stranger.headers["location"]).path == "/sign-in"
    await browser.sign_in()
    decision = {"request": query, "decision": "approve", "task": "new", "name": "Acme"}
    forged = await browser.http.post("/authorize", data=decision)
    assert (forged.status_code, "location" in forged.headers) == (403, False)
    assert (await browser.http.get("/authorize?" + query)).status_code == 200, "to come back is no answer"
    assert not world.cards.tasks


@pytest.mark.requirement("RFC6749-3-1-2", "RFC6749-4-1-2-d", "RFC6749-4-1-2-f", "RFC6749-4-1-2-1-b", "RFC6749-10-14")
@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_an_answer_keeps_the_query_of_its_address_and_brings_the_state_back_as_it_came(
    world: World, decision: str
) -> None:
    await add_confidential(world)
    state = "a b&code=evil#\r\nSet-Cookie: x=1\u00e4<script>"
    browser = world.browser()
    await browser.sign_in()
    request = world.device(WITH_SECRET).request("v" * 43) | {"redirect_uri": QUERIED_URI, "state": state}
    page = await browser.http.get("/authorize?" + urlencode(request))
    answer = await browser.submit("/authorize", page, decision=decision, task="new", name="Acme")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(QUERIED_URI + "&")
    assert "set-cookie: x" not in str(answer.headers).lower()
    heard = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (heard["tenant"], heard["state"]) == (["7"], [state])
    assert ("code" in heard, "error" in heard) == (decision == "approve", decision == "deny")
    assert heard.get("code") != ["evil"]


@pytest.mark.requirement("RFC6749-10-10-a", "RFC6749-10-4-b", "RFC9126-2-2")
async def test_nothing_that_opens_a_task_can_be_guessed(world: World) -> None:
    desktop, browser = await world.desktop(), world.browser()
    await browser.sign_in()
    code = told((await desktop.ask(browser))[0])["code"]
    pushed = (await desktop.http.post("/par", data=desktop.request("v" * 43))).json()["request_uri"]
    device_code = (await world.device("phone").ask_for_task()).json()["device_code"]
    refresh_token = desktop.tokens["refresh_token"]
    least = 160 / 6  # characters of base64url for 160 bits
    for secret in (code, pushed, device_code, refresh_token):
        assert len(re.split(r"[:.]", secret)[-1]) >= least, secret
    for place in range(0, len(refresh_token), 7):
        other = "A" if refresh_token[place] != "A" else "B"
        guessed = refresh_token[:place] + other + refresh_token[place + 1 :]
        answer = await desktop.token("refresh_token", refresh_token=guessed)
        assert answer.json()["error"] == "invalid_grant", place
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("RFC6749-6-b", "RFC6749-10-4-a", "RFC9396-6-a")
async def test_a_refresh_token_is_its_clients_alone_whoever_has_the_key_and_gives_no_more_than_it_gave(
    world: World,
) -> None:
    desktop = await world.desktop(actions=["task:read"])
    token, granted = desktop.tokens["refresh_token"], desktop.tokens["authorization_details"]
    other = world.device("phone")
    other.key = desktop.key
    assert (await other.token("refresh_token", refresh_token=token)).json()["error"] == "invalid_grant"
    wider = desktop.request("v" * 43)["authorization_details"]
    answer = await desktop.refresh(scope="introspection openid", authorization_details=wider)
    assert answer.json()["authorization_details"][0]["actions"] == granted[0]["actions"] == ["task:read"]
    claims: dict[str, Any] = parse(answer.json()["access_token"]).claims()
    assert ("scope" in claims, claims["authorization_details"][0]["actions"]) == (False, ["task:read"])


@pytest.mark.requirement("RFC6749-4-1-2-b")
async def test_a_code_that_one_program_has_spent_is_denied_to_every_other(world: World) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, verifier = await desktop.ask(browser)
    form = {"code": told(redirect)["code"], "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await desktop.token("authorization_code", **form)).status_code == 200
    assert (await desktop.refresh()).status_code == 200
    for device in (desktop, world.device()):
        assert (await device.token("authorization_code", **form)).json()["error"] == "invalid_grant"


@pytest.mark.requirement("RFC9396-2-a", "RFC9396-5", "RFC9396-8", "RFC9396-12-a", "XD-RAR-01")
@pytest.mark.parametrize(
    "spelled", ["Task", "TASK", "task ", "\uff54ask", "ta\u017fk", "task\u200b", "", None, 7, ["task"]]
)
async def test_a_type_of_authorization_details_is_read_to_the_letter_wherever_they_are_taken(
    world: World, spelled: Any
) -> None:
    device, browser = world.device(), world.browser()
    await browser.sign_in()
    phone = world.device("phone")
    request, asked = device.request("v" * 43, type=spelled), phone.task_request(type=spelled)
    by_browser = await browser.http.get("/authorize?" + urlencode(request))
    assert told(by_browser)["error"] == "invalid_authorization_details"
    for answer in (
        await device.http.post("/par", data=request),
        await phone.send("POST", "/device_authorization", asked),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


@pytest.mark.requirement("RFC9396-7", "RFC9396-9-1", "RFC9396-13")
async def test_the_client_is_told_what_was_granted_and_a_resource_server_no_more_than_it_needs(world: World) -> None:
    desktop = await world.desktop(actions=["task:read"], name="Acme contract revision")
    (granted,) = desktop.tokens["authorization_details"]
    assert (granted["type"], granted["actions"], granted["name"]) == ("task", ["task:read"], "Acme contract revision")
    (known,) = parse(desktop.tokens["access_token"]).claims()["authorization_details"]
    assert known == {name: granted[name] for name in ("type", "task_id", "actions", "epoch")}
