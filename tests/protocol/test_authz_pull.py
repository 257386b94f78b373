"""The pull transfer over HTTP: a device asks, a person types its code, chooses the task, types the check value."""

import asyncio
from typing import Any

import pytest
from authz_world import DESKTOP, PHONE, Browser, Device, World
from html_page import read_page
from segue_authz.endpoints import fresh_code

pytestmark = pytest.mark.anyio


async def asked(world: World, **details: Any) -> tuple[Device, Browser, dict[str, Any]]:
    """A phone that has asked, and the browser of a person who is signed in."""
    phone, browser = world.device(PHONE, network="192.0.2.99"), world.browser()
    await browser.sign_in()
    answer = await phone.ask_for_task(**details)
    assert answer.status_code == 200, answer.text
    return phone, browser, answer.json()


async def opened(world: World, **details: Any) -> tuple[Device, Browser, dict[str, Any], str]:
    """The same, with the code entered; the last is the path of the approve page."""
    phone, browser, grant = await asked(world, **details)
    answer = await browser.enter_code(grant["user_code"])
    assert answer.status_code == 303, answer.text
    return phone, browser, grant, answer.headers["location"]


async def polled(phone: Device, grant: dict[str, Any]) -> Any:
    """The next poll, as soon as the interval allows it."""
    phone.world.now += grant["interval"]
    return await phone.redeem(grant["device_code"])


async def check_value(phone: Device, grant: dict[str, Any]) -> str:
    return str((await polled(phone, grant)).json()["check_value"])


@pytest.mark.requirement("A1", "A5", "A6", "A8", "RFC8628-3-4")
async def test_a_pull_gives_the_task_that_the_person_chose(world: World) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    phone, browser, grant, path = await opened(world)
    value = await check_value(phone, grant)
    await browser.approve(path, task=task_id, check_value=value)
    answer = await polled(phone, grant)
    detail = answer.json()["authorization_details"][0]
    assert (detail["task_id"], detail["name"]) == (task_id, "Acme contract revision")
    assert detail["transfer_id"] in path


@pytest.mark.requirement("A8", "R5", "T4")
async def test_a_pull_can_begin_a_new_task(world: World) -> None:
    phone, browser, grant, path = await opened(world)
    await browser.approve(path, task="new", name="Something new", check_value=await check_value(phone, grant))
    detail = (await polled(phone, grant)).json()["authorization_details"][0]
    assert detail["name"] == "Something new"


@pytest.mark.requirement("A9", "PROFILE-epoch")
@pytest.mark.parametrize(("mode", "epoch"), [("move", 2), ("share", 1)])
async def test_a_pull_moves_or_shares_as_the_person_says(world: World, mode: str, epoch: int) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    phone, browser, grant, path = await opened(world)
    await browser.approve(path, task=task_id, mode=mode, check_value=await check_value(phone, grant))
    detail = (await polled(phone, grant)).json()["authorization_details"][0]
    await desktop.refresh()
    still_writes = "events:append" in desktop.tokens["authorization_details"][0]["actions"]
    assert (detail["epoch"], still_writes) == (epoch, mode == "share")


@pytest.mark.requirement("A5", "XD-RAR-03")
async def test_a_pull_for_a_named_task_gives_that_task_or_none(world: World) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    phone, browser, grant, path = await opened(world, task_id=task_id)
    value = await check_value(phone, grant)
    await browser.approve(path, task="new", name="Another", check_value=value)
    world.now += grant["interval"]
    assert (await polled(phone, grant)).json()["error"] == "authorization_pending"
    await browser.approve(path, task=task_id, check_value=value)
    answer = await polled(phone, grant)
    assert answer.json()["authorization_details"][0]["task_id"] == task_id


@pytest.mark.requirement("XD-PULL-01", "A11", "RFC10027-6-1-16")
async def test_a_pull_cannot_be_approved_without_the_value_the_device_shows(world: World) -> None:
    phone, browser, grant, path = await opened(world)
    wrong = f"{(int(await check_value(phone, grant)) + 1) % 10000:04d}"
    for _ in range(3):
        await browser.approve(path, task="new", name="x", check_value=wrong)
    assert (await polled(phone, grant)).json()["error"] == "access_denied"
    assert not world.cards.tasks


@pytest.mark.requirement("A1", "RFC10027-6-1-17")
async def test_the_device_learns_its_check_value_only_when_the_code_has_been_entered(world: World) -> None:
    phone, browser, grant = await asked(world)
    assert "check_value" not in (await polled(phone, grant)).json()
    await browser.enter_code(grant["user_code"])
    assert len(await check_value(phone, grant)) == 4


@pytest.mark.requirement("XD-PULL-03", "RFC10027-6-1-4")
async def test_a_code_that_a_second_account_enters_is_void(world: World) -> None:
    phone, browser, grant, path = await opened(world)
    value = await check_value(phone, grant)
    stranger = await world.stranger()
    spread = await stranger.enter_code(grant["user_code"])
    unknown = await stranger.enter_code("BCDF-GHJK")
    assert (spread.status_code, spread.text) == (unknown.status_code, unknown.text)
    await browser.approve(path, task="new", name="x", check_value=value)
    assert (await polled(phone, grant)).json()["error"] == "access_denied"


@pytest.mark.requirement("PROFILE-only-the-opener-decides")
async def test_another_browser_of_the_same_person_may_neither_open_nor_decide(world: World) -> None:
    phone, _, grant, path = await opened(world)
    value = await check_value(phone, grant)
    other = world.browser()
    await other.sign_in()
    assert (await other.enter_code(grant["user_code"])).status_code == 400
    assert (await other.http.get(path)).status_code == 404
    assert (await other.http.post(path, data={"decision": "approve", "check_value": value})).status_code == 403


@pytest.mark.requirement("XD-PULL-04", "RFC8628-5-1")
async def test_no_code_is_looked_up_before_sign_in(world: World) -> None:
    _, _, grant = await asked(world)
    anonymous = world.browser()
    assert (await anonymous.http.get("/device")).status_code == 303
    page = await anonymous.http.get("/sign-in")
    answer = await anonymous.submit("/device", page, user_code=grant["user_code"])
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.requirement("XD-PULL-04", "XD-PULL-05", "RFC10027-6-1-11")
async def test_after_ten_codes_even_the_right_one_has_to_wait(world: World) -> None:
    _, browser, grant = await asked(world)
    for _ in range(10):
        await browser.enter_code("BCDF-GHJK")
    assert (await browser.enter_code(grant["user_code"])).status_code == 429


@pytest.mark.requirement("A1", "RFC8628-3-5")
async def test_a_device_that_polls_at_the_interval_is_never_slowed_down(world: World) -> None:
    phone, _, grant = await asked(world)
    for _ in range(6):
        assert (await phone.redeem(grant["device_code"])).json()["error"] == "authorization_pending"
        world.now += grant["interval"]


@pytest.mark.requirement("A1", "RFC8628-3-5")
async def test_polling_too_fast_is_slowed_down_more_each_time(world: World) -> None:
    phone, _, grant = await asked(world)
    errors = [(await phone.redeem(grant["device_code"])).json()["error"] for _ in range(3)]
    world.now += 10
    errors.append((await phone.redeem(grant["device_code"])).json()["error"])
    world.now += 30
    errors.append((await phone.redeem(grant["device_code"])).json()["error"])
    assert errors == ["authorization_pending", "slow_down", "slow_down", "slow_down", "authorization_pending"]


@pytest.mark.requirement("XD-RACE-05", "A1")
async def test_a_storm_of_polls_loses_no_decision(world: World) -> None:
    phone, browser, grant, path = await opened(world)
    value = await check_value(phone, grant)
    polls = [phone.redeem(grant["device_code"]) for _ in range(20)]
    await asyncio.gather(*polls, browser.approve(path, task="new", name="x", check_value=value))
    assert (await phone.redeem(grant["device_code"])).status_code == 200


@pytest.mark.requirement("A1", "XD-DPOP-01")
async def test_only_the_key_that_asked_can_poll(world: World) -> None:
    phone, browser, grant, path = await opened(world)
    await browser.approve(path, task="new", name="x", check_value=await check_value(phone, grant))
    thief = world.device(PHONE)
    assert (await thief.redeem(grant["device_code"])).json()["error"] == "invalid_grant"
    assert (await polled(phone, grant)).status_code == 200


@pytest.mark.requirement("RFC8628-3-5", "RFC10027-6-1-2")
async def test_a_request_lapses(world: World) -> None:
    phone, browser, grant = await asked(world)
    world.now += grant["user_code_expires_in"]
    assert (await browser.enter_code(grant["user_code"])).status_code == 400
    world.now += grant["expires_in"] - grant["user_code_expires_in"]
    assert (await polled(phone, grant)).json()["error"] == "expired_token"


@pytest.mark.requirement("A1")
async def test_declining_ends_the_request(world: World) -> None:
    phone, browser, grant, path = await opened(world)
    await browser.approve(path, decision="deny")
    assert (await polled(phone, grant)).json()["error"] == "access_denied"


@pytest.mark.requirement("A1", "XD-CONS-02")
async def test_a_place_that_the_device_tells_is_on_the_page_among_what_it_says_of_itself(world: World) -> None:
    phone, browser = world.device(PHONE), world.browser()
    await browser.sign_in()
    form = phone.task_request() | {"place": " Kitchen <b>table</b> "}
    grant = (await phone.send("POST", "/device_authorization", form)).json()
    path = (await browser.enter_code(grant["user_code"])).headers["location"]
    page = read_page((await browser.http.get(path)).text)
    assert page.fact("place").text == "Kitchen <b>table</b>"
    assert page.fact("place") in page.one("section", aria_labelledby="claimed").all()


@pytest.mark.requirement("A1", "RFC10027-6-1-4")
async def test_a_code_that_is_taken_is_drawn_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["BCDF-GHJK"] * 3 + ["LMNP-QRST"])
    monkeypatch.setattr(fresh_code, "generate", lambda _: next(drawn))
    phone = world.device(PHONE)
    codes = [(await phone.ask_for_task()).json()["user_code"] for _ in range(2)]
    assert codes == ["BCDF-GHJK", "LMNP-QRST"]


@pytest.mark.requirement("A1", "XD-WEB-05")
async def test_the_code_stands_in_no_query(world: World) -> None:
    _, _, grant = await asked(world)
    address, _, fragment = grant["verification_uri_complete"].partition("#")
    assert address == grant["verification_uri"]
    assert fragment == grant["user_code"]


@pytest.mark.requirement("A1", "RFC8628-3-1", "RFC9396-5")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"device_name": ""}, "invalid_request"),
        ({"device_name": "x" * 101}, "invalid_request"),
        ({"place": "x" * 61}, "invalid_request"),
        ({"place": "two\nlines"}, "invalid_request"),
        ({"place": "turned \u202e round"}, "invalid_request"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"other","actions":["task:read"]}]'}, "invalid_authorization_details"),
    ],
)
async def test_a_malformed_request_gets_the_standard_error(world: World, change: dict[str, str], error: str) -> None:
    phone = world.device(PHONE)
    answer = await phone.send("POST", "/device_authorization", phone.task_request() | change)
    assert answer.json()["error"] == error


@pytest.mark.requirement("A5", "PROFILE-withdrawn", "XD-TOK-08")
@pytest.mark.parametrize("what", ["account", "client"])
async def test_what_is_withdrawn_before_the_redemption_mints_nothing(world: World, what: str) -> None:
    phone, browser, grant, path = await opened(world)
    await browser.approve(path, task="new", name="x", check_value=await check_value(phone, grant))
    if what == "account":
        await world.accounts.disable(world.subject, now=world.now)
    else:
        await world.clients.disable(PHONE, now=world.now)
    answer = await polled(phone, grant)
    assert answer.json()["error"] in ("access_denied", "invalid_client")


@pytest.mark.requirement("A1", "A9", "PROFILE-epoch")
@pytest.mark.parametrize(("way", "epoch"), [("pull", 3), ("authorization code", 2)])
async def test_a_desktop_gets_a_moved_task_back_alone_by_a_pull_and_beside_the_phone_by_a_code(
    world: World, way: str, epoch: int
) -> None:
    first = await world.desktop()
    task_id = first.tokens["authorization_details"][0]["task_id"]
    phone, browser, grant, path = await opened(world)
    await browser.approve(path, task=task_id, mode="move", check_value=await check_value(phone, grant))
    assert (await polled(phone, grant)).status_code == 200
    desktop = world.device(DESKTOP)
    if way == "pull":
        grant = (await desktop.ask_for_task()).json()
        path = (await browser.enter_code(grant["user_code"])).headers["location"]
        await browser.approve(path, task=task_id, mode="move", check_value=await check_value(desktop, grant))
        await polled(desktop, grant)
    else:
        await desktop.authorize(browser, task=task_id)
    await phone.refresh()
    granted = [each.tokens["authorization_details"][0] for each in (desktop, phone)]
    assert granted[0]["epoch"] == epoch
    assert ["events:append" in each["actions"] for each in granted] == [True, way != "pull"]
