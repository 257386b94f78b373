"""The waiting device ends what it waits for: its device code is revoked (protocol section 6.7, RFC 7009)."""

from typing import Any

import httpx2
import pytest
from authz_world import PHONE, Browser, Device, World
from html_page import read_page

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A1", "A6")]


async def waiting(world: World, *, opened: bool = True) -> tuple[Device, Browser, dict[str, Any], str]:
    """A phone that has asked for a task; the person has entered its code, and the last is the path of that page."""
    phone, browser = world.device(PHONE), world.browser()
    await browser.sign_in()
    grant = (await phone.ask_for_task()).json()
    if not opened:
        return phone, browser, grant, ""
    path = (await browser.enter_code(grant["user_code"])).headers["location"]
    value = (await phone.redeem(grant["device_code"])).json()["check_value"]
    return phone, browser, grant | {"check_value": value}, path


async def give_up(device: Device, device_code: str) -> httpx2.Response:
    form = {"client_id": device.client_id, "token": device_code, "token_type_hint": "device_code"}
    return await device.send("POST", "/revoke", form)


async def error_of_poll(world: World, device: Device, device_code: str) -> str:
    world.now += 10
    return str((await device.redeem(device_code)).json().get("error", "granted"))


async def test_a_request_that_was_given_up_is_as_unknown_as_any_code_and_polls_no_more(world: World) -> None:
    phone, browser, grant, _ = await waiting(world, opened=False)
    assert (await give_up(phone, grant["device_code"])).status_code == 200
    assert await error_of_poll(world, phone, grant["device_code"]) == "access_denied"
    assert "not known here" in (await browser.enter_code(grant["user_code"])).text


@pytest.mark.requirement("XD-RACE-03", "XD-CONS-07")
async def test_a_late_approval_finds_it_given_up_and_the_page_says_so(world: World) -> None:
    phone, browser, grant, path = await waiting(world)
    page = await browser.http.get(path)
    await give_up(phone, grant["device_code"])
    fields = {"task": "new", "name": "x", "mode": "share", "check_value": grant["check_value"], "decision": "approve"}
    assert (await browser.submit(path, page, **fields)).status_code == 303
    assert read_page((await browser.http.get(path)).text).one("h1").words == "Withdrawn"
    assert (await browser.http.get(path)).headers["Segue-Transfer"] == "cancelled"
    assert not world.cards.tasks, "a new task was begun for nobody"
    assert await error_of_poll(world, phone, grant["device_code"]) == "access_denied"


async def test_what_was_approved_already_is_given_up_as_well(world: World) -> None:
    phone, browser, grant, path = await waiting(world)
    await browser.approve(path, task="new", name="x", check_value=grant["check_value"])
    await give_up(phone, grant["device_code"])
    assert await error_of_poll(world, phone, grant["device_code"]) == "access_denied"


@pytest.mark.requirement("A10")
async def test_what_was_redeemed_unheard_is_taken_back(world: World) -> None:
    phone, browser, grant, path = await waiting(world)
    await browser.approve(path, task="new", name="x", check_value=grant["check_value"])
    assert await error_of_poll(world, phone, grant["device_code"]) == "granted"
    await give_up(phone, grant["device_code"])
    assert (await phone.refresh()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("A2")
async def test_the_claiming_device_of_a_push_can_give_up_too_and_the_source_sees_it(world: World) -> None:
    desktop, phone = await world.desktop(), world.device(PHONE)
    offer = (await desktop.offer()).json()
    claim = (await phone.claim(offer["transfer_code"])).json()
    token = await desktop.issuer_token()
    await give_up(phone, claim["device_code"])
    told = await desktop.send("GET", f"/transfer/{offer['transfer_id']}", token=token)
    assert told.json()["state"] == "cancelled"
    page = read_page((await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")).text)
    assert page.one("h1").words == "Stopped"
    assert await error_of_poll(world, phone, claim["device_code"]) == "access_denied"


@pytest.mark.requirement("XD-DPOP-01", "RFC7009-2-1-b")
@pytest.mark.parametrize("who", ["another key", "another client", "a wrong tag", "no such transfer"])
async def test_nobody_else_ends_it_and_nobody_learns_whether_there_is_one(world: World, who: str) -> None:
    phone, browser, grant, path = await waiting(world)
    code, other = grant["device_code"], world.device(PHONE)
    if who == "another client":
        other = world.device()
        other.key = phone.key
    if who == "a wrong tag":
        other, code = phone, code[:-4] + "AAAA"
    if who == "no such transfer":
        other, code = phone, "trf_none." + code.partition(".")[2]
    answer = await give_up(other, code)
    assert (answer.status_code, answer.json()) == (200, {})
    await browser.approve(path, task="new", name="x", check_value=grant["check_value"])
    assert await error_of_poll(world, phone, grant["device_code"]) == "granted"


@pytest.mark.requirement("RFC9449-5-b")
async def test_without_a_proof_nothing_is_given_up(world: World) -> None:
    phone, _, grant, _ = await waiting(world)
    form = {"client_id": PHONE, "token": grant["device_code"], "token_type_hint": "device_code"}
    answer = await phone.http.post("/revoke", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert await error_of_poll(world, phone, grant["device_code"]) == "authorization_pending"


async def test_giving_up_again_and_after_the_end_changes_nothing(world: World) -> None:
    phone, browser, grant, path = await waiting(world)
    await browser.approve(path, decision="deny")
    for _ in range(2):
        assert (await give_up(phone, grant["device_code"])).status_code == 200
    assert read_page((await browser.http.get(path)).text).one("h1").words == "Not approved"
