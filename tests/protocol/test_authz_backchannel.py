"""Asking a person by the backchannel (CIBA Core 1.0, poll): what is asked, who decides, and what comes of it."""

import asyncio
import re

import pytest
from authz_world import PHONE, World
from backchannel_world import CIBA, Backend, approved, backend, details, opened, signed_in, waiting
from html_page import read_page
from segue.jose import parse
from segue_authz.domain.policy import BALANCED, Policies

pytestmark = pytest.mark.anyio


async def asking(world: World) -> Backend:
    """A client that has asked the person."""
    client = await backend(world)
    answer = await client.ask_person()
    assert answer.status_code == 200, answer.text
    return client


@pytest.mark.requirement("A3", "A5", "A6", "A8", "CIBA-7-3-a", "CIBA-7-3-b", "CIBA-10-1-a", "CIBA-11-a")
async def test_a_person_lets_a_client_that_asked_go_on_with_a_task(world: World) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    client, browser = await backend(world), await signed_in(world)
    acknowledged = (await client.ask_person(binding_message="Order 4711")).json()
    assert set(acknowledged) == {"auth_req_id", "expires_in", "interval"}
    assert re.fullmatch(r"[A-Za-z0-9._-]*[A-Za-z0-9_-]{22,}", acknowledged["auth_req_id"]), "22 letters have 132 bits"
    assert await client.error() == "authorization_pending"
    path = await opened(browser)
    await browser.approve(path, task=task_id, mode="share", check_value=await client.check_value())
    tokens = (await client.poll()).json()
    assert tokens["authorization_details"][0]["task_id"] == task_id
    claims = parse(tokens["access_token"]).claims()
    assert (claims["cnf"]["jkt"], claims["sub"]) == (client.key.jkt, world.subject)


@pytest.mark.requirement("A3", "XD-CONS-01", "XD-BACK-03", "CIBA-8")
async def test_the_page_says_who_asks_from_where_and_what_to_compare(world: World) -> None:
    client, browser = await backend(world), await signed_in(world)
    await client.ask_person(binding_message="Order 4711", device_name="Night shift")
    page = read_page((await browser.http.get(await opened(browser))).text)
    told = {name: page.fact(name).words for name in ("client_name", "device_name", "network", "binding_message")}
    assert told == {
        "client_name": "Helpful agent",
        "device_name": "Night shift",
        "network": "198.51.100.7",
        "binding_message": "Order 4711",
    }
    assert "Segue never asks for a code or a check value by mail, chat or phone." in page.words


@pytest.mark.requirement("A3", "XD-BACK-02", "RFC10027-6-1-16", "RFC10027-6-1-17")
async def test_nobody_approves_without_the_value_that_the_client_shows(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    assert "check_value" not in (await client.poll()).json(), "told before the person has looked"
    path = await opened(browser)
    wrong = f"{(int(await client.check_value()) + 1) % 10000:04d}"
    for _ in range(2):
        await browser.approve(path, task="new", name="x", check_value=wrong)
    assert await client.error() == "access_denied"


@pytest.mark.requirement("A3", "CIBA-11-a")
async def test_a_person_declines_and_the_client_is_told(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    path = await opened(browser)
    await browser.submit(path, await browser.http.get(path), decision="deny")
    answer = await client.poll()
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


@pytest.mark.requirement("A3", "CIBA-11-a")
async def test_a_request_lapses_and_a_client_in_a_hurry_is_slowed_down(world: World) -> None:
    client = await backend(world)
    answer = await client.ask_person(requested_expiry="60")
    assert answer.json()["expires_in"] == 60
    await client.poll()
    assert [(await client.poll(after=0)).json()["error"] for _ in range(2)] == ["slow_down", "slow_down"]
    assert (await client.poll(after=100)).json()["error"] == "expired_token"
    assert await waiting(await signed_in(world)) == []


@pytest.mark.requirement("A3", "CIBA-7-1-f")
@pytest.mark.parametrize(("wished", "given"), [("1", 30), ("100", 100), ("100000", 540), (None, 540)])
async def test_a_client_may_wish_how_long_its_request_lasts(world: World, wished: str | None, given: int) -> None:
    answer = await (await backend(world)).ask_person(requested_expiry=wished)
    assert answer.json()["expires_in"] == given


@pytest.mark.requirement("A3", "CIBA-7-1-b", "CIBA-7-1-c", "CIBA-7-1-f", "CIBA-7-2", "CIBA-13")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"scope": None}, "invalid_request"),
        ({"scope": "profile"}, "invalid_request"),
        ({"scope": "openid profile"}, "invalid_scope"),
        ({"login_hint": None}, "invalid_request"),
        ({"login_hint": ""}, "invalid_request"),
        ({"login_hint": "x" * 201}, "invalid_request"),
        ({"login_hint": "per\u202eson"}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"login_hint": None, "id_token_hint": "a.b.c"}, "invalid_request"),
        ({"login_hint": None, "login_hint_token": "a.b.c"}, "invalid_request"),
        ({"requested_expiry": "0"}, "invalid_request"),
        ({"requested_expiry": "-1"}, "invalid_request"),
        ({"requested_expiry": "\uff11\uff12"}, "invalid_request"),
        ({"requested_expiry": "1" * 10}, "invalid_request"),
        ({"request": "a.b.c"}, "invalid_request"),
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"user_code": "123456"}, "invalid_request"),
        ({"authorization_details": None}, "invalid_authorization_details"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"authorization_details": details(further=1)}, "invalid_authorization_details"),
        ({"device_name": " "}, "invalid_request"),
    ],
)
async def test_a_request_that_is_not_as_it_should_be_is_refused(
    world: World, changed: dict[str, str | None], error: str
) -> None:
    answer = await (await backend(world)).ask_person(**changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert await waiting(await signed_in(world)) == []


@pytest.mark.requirement("A3", "XD-BACK-04", "CIBA-13")
@pytest.mark.parametrize(
    "message",
    [
        "press approve to cancel",
        "evil.example",
        "https://x",
        "two\nlines",
        "a\u202eb",
        "\u04301",
        "x" * 21,
        "two  spaces",
        " before",
        "",
        "<b>",
    ],
)
async def test_a_binding_message_that_is_more_than_a_mark_to_compare_is_refused(world: World, message: str) -> None:
    answer = await (await backend(world)).ask_person(binding_message=message)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_binding_message")
    assert await waiting(await signed_in(world)) == []


@pytest.mark.requirement("A3", "XD-BACK-01", "CIBA-13", "CIBA-7-1-a")
async def test_a_client_that_was_not_let_in_by_the_operator_cannot_ask(world: World) -> None:
    client = await backend(world)
    public = world.device(PHONE)
    form = {"client_id": PHONE, "scope": "openid", "authorization_details": details(), "login_hint": "person"}
    answer = await public.send("POST", "/backchannel_authentication", form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    client._basic = "aGVscGVyOnh4"  # another secret
    answer = await client.ask_person()
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.requirement("A3", "A6", "XD-BACK-06", "CIBA-10-1-b", "CIBA-11-c")
async def test_what_was_asked_is_for_the_key_and_the_client_that_asked(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    await approved(client, browser)
    other = await backend(world, "other", known=False)
    other.auth_req_id = client.auth_req_id
    thief = client.twin()
    assert (await other.poll()).json()["error"] == "invalid_grant"
    assert (await thief.poll()).json()["error"] == "invalid_grant"
    assert (await client.poll()).status_code == 200


@pytest.mark.requirement("XD-BACK-06")
async def test_who_brings_a_spent_request_with_another_key_ends_what_came_of_it(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    await approved(client, browser)
    assert (await client.poll()).status_code == 200
    await client.twin().poll()
    assert (await client.refresh()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("A3", "XD-BACK-06", "CIBA-11-c")
@pytest.mark.parametrize("forged", ["", "x", "trf_x.y", "{id}", "{id}.", "{id}.x"])
async def test_an_identifier_that_was_made_up_is_not_known(world: World, forged: str) -> None:
    client = await asking(world)
    client.auth_req_id = forged.format(id=client.auth_req_id.partition(".")[0])
    assert await client.error() == ("invalid_grant" if client.auth_req_id else "invalid_request")


@pytest.mark.requirement("A3", "PROFILE-only-the-opener-decides", "XD-BACK-09")
async def test_a_request_is_for_the_person_who_was_named_and_nobody_else(world: World) -> None:
    client, browser, stranger = await asking(world), await signed_in(world), await world.stranger()
    (transfer_id,) = await waiting(browser)
    assert await waiting(stranger) == []
    page = await stranger.http.get("/user-code")
    answer = await stranger.submit("/requests", page, transfer_id=transfer_id)
    assert answer.status_code == 404
    path = await opened(browser)
    assert (await stranger.http.get(path)).status_code == 404
    answer = await stranger.submit(path, page, decision="approve", task="new", name="x", mode="move")
    assert answer.status_code == 404
    assert await client.error() == "authorization_pending"


@pytest.mark.requirement("A3")
async def test_an_address_alone_opens_nothing_and_a_pull_is_not_among_the_requests(world: World) -> None:
    phone, browser = world.device(PHONE), await signed_in(world)
    desktop = await world.desktop()
    asked = await phone.ask_for_task()
    await asking(world)
    (transfer_id,) = await waiting(browser)
    assert (await browser.http.get(f"/approve/{transfer_id}")).status_code == 404
    pull = asked.json()["device_code"].partition(".")[0]
    page = await browser.http.get("/requests")
    assert (await browser.submit("/requests", page, transfer_id=pull)).status_code == 404
    assert desktop.tokens


@pytest.mark.requirement("A3", "XD-RACE-05")
async def test_of_approving_and_declining_at_once_one_counts(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    path = await opened(browser)
    value, page = await client.check_value(), await browser.http.get(path)
    yes = {"decision": "approve", "task": "new", "name": "x", "mode": "move", "check_value": value}
    polls = client.poll()
    await asyncio.gather(browser.submit(path, page, **yes), browser.submit(path, page, decision="deny"), polls)
    answer = await client.poll()
    granted = answer.status_code == 200
    assert granted or answer.json()["error"] == "access_denied"
    shown = read_page((await browser.http.get(path)).text).fact("state").attributes["data-value"]
    assert shown == ("redeemed" if granted else "denied")


@pytest.mark.requirement("A3", "A9")
async def test_a_client_that_has_moved_a_task_to_itself_takes_it_from_other_devices(world: World) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    client, browser = await asking(world), await signed_in(world)
    await approved(client, browser, task=task_id)
    assert (await client.poll()).json()["authorization_details"][0]["epoch"] == 2
    await desktop.refresh()
    assert "events:append" not in desktop.tokens["authorization_details"][0]["actions"]


@pytest.mark.requirement("A3", "A11")
async def test_the_policy_of_a_pull_holds_here_too(world: World) -> None:
    client = await asking(world)
    for changed, error in (
        ({"trusted_networks": ("10.0.0.0/8",)}, "access_denied"),
        ({"authenticate_then_initiate": "require"}, "invalid_request"),
    ):
        world.policies = Policies(BALANCED, by_client={client.client_id: changed})
        world.restart()
        client.http = world.http()
        answer = await client.ask_person()
        assert answer.json()["error"] == error
    assert await waiting(await signed_in(world)) == [], "the policy was tightened after it was asked"


@pytest.mark.requirement("A3", "A11")
async def test_trusted_devices_and_nearness_are_asked_for_when_the_person_decides(world: World) -> None:
    for number, changed in enumerate(({"trusted_devices": "require"}, {"establish_proximity": "require"})):
        world.policies = Policies(by_client={f"far{number}": changed})
        world.restart()
        client, browser = await backend(world, f"far{number}"), await signed_in(world)
        client = client if number else client.twin()  # a key that has held nothing yet
        await client.ask_person()
        path = await opened(browser)
        value = await client.check_value()
        page = await browser.approve(path, task="new", name="x", check_value=value)
        assert "You can only decline." in page.text
        await browser.submit(path, page, decision="deny")


@pytest.mark.requirement("A3")
async def test_an_answer_that_was_lost_is_given_again_until_it_is_used(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    await approved(client, browser)
    first, again = await client.poll(), await client.poll()
    assert first.json()["refresh_token"] == again.json()["refresh_token"]
    await client.refresh()
    assert (await client.poll()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("A3", "A14", "CIBA-4-a")
async def test_the_metadata_says_what_there_is(world: World) -> None:
    told = (await world.http().get("/.well-known/oauth-authorization-server")).json()
    assert told["backchannel_authentication_endpoint"] == "http://localhost:8400/backchannel_authentication"
    assert told["backchannel_token_delivery_modes_supported"] == ["ping", "poll"]
    assert told["backchannel_user_code_parameter_supported"] is True
    assert "backchannel_authentication_request_signing_alg_values_supported" not in told
    assert CIBA in told["grant_types_supported"]


@pytest.mark.requirement("A3", "A10")
async def test_ending_all_access_ends_the_requests_that_wait(world: World) -> None:
    client, browser = await asking(world), await signed_in(world)
    page = await browser.http.get("/devices")
    await browser.submit("/devices", page, revoke_all="yes", sure="yes")
    assert await waiting(browser) == []
    assert await client.error() == "access_denied"
