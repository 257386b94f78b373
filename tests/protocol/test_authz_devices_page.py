"""A10: the person sees over HTTP what can reach their tasks, and ends it from the page."""

from typing import Any

import pytest
from authz_world import PHONE, Browser, World
from html_page import Element, read_page

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A10", "XD-CONS-09")]


async def shared(world: World) -> tuple[Any, Any, str]:
    """A desktop with a browser and a phone that share a task, and the transfer between them."""
    desktop, phone = await world.desktop(), world.device(PHONE, network="192.0.2.99")
    offer = (await desktop.offer("share")).json()
    claim = (await phone.claim(offer["transfer_code"], device_name="Blue phone")).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    return desktop, phone, offer["transfer_id"]


async def devices_page(browser: Browser) -> Element:
    answer = await browser.http.get("/devices")
    assert answer.status_code == 200, answer.text
    return read_page(answer.text)


async def press(browser: Browser, name: str, value: str) -> Element:
    """Press the button of the page that sends this."""
    assert (await devices_page(browser)).one("button", name=name, value=value)
    answer = await browser.submit("/devices", await browser.http.get("/devices"), **{name: value})
    assert answer.status_code == 200, answer.text
    return read_page(answer.text)


async def test_the_page_tells_each_device_access_and_transfer(world: World) -> None:
    desktop, phone, transfer_id = await shared(world)
    page = await devices_page(desktop.browser)
    devices = {each.attributes["data-value"]: each for each in page.all("article", data_fact="device")}
    assert set(devices) == {desktop.device_id, phone.device_id}
    told = devices[phone.device_id]
    assert {name: told.fact(name).text for name in ("device_name", "client_name", "network", "task_name")} == {
        "device_name": "Blue phone",
        "client_name": "Phone",
        "network": "192.0.2.99",
        "task_name": "Acme contract revision",
    }
    assert "Can work on it. Shared with it just now." in told.words
    (transfer,) = page.all("article", data_fact="transfer")
    assert transfer.attributes["data-value"] == transfer_id
    assert transfer.fact("state").words == "Shared"


async def test_the_device_in_this_browser_is_told_apart_from_the_others(world: World) -> None:
    desktop, phone, _ = await shared(world)
    page = await devices_page(desktop.browser)
    devices = {each.attributes["data-value"]: each for each in page.all("article", data_fact="device")}
    assert devices[desktop.device_id].fact("this_device").words
    assert devices[phone.device_id].all(data_fact="this_device") == []
    elsewhere = world.browser()
    await elsewhere.sign_in()
    assert (await devices_page(elsewhere)).all(data_fact="this_device") == []


@pytest.mark.parametrize("what", ["revoke_grant", "revoke_device"])
async def test_one_press_ends_an_access_or_a_device_and_says_so(world: World, what: str) -> None:
    desktop, phone, _ = await shared(world)
    page = await press(desktop.browser, what, {"revoke_grant": phone.grant_id, "revoke_device": phone.device_id}[what])
    assert page.one(role="status").words
    assert (await phone.refresh()).json()["error"] == "invalid_grant"
    assert (await desktop.refresh()).status_code == 200
    assert phone.grant_id not in {each.attributes["value"] for each in page.all("button", name="revoke_grant")}


@pytest.mark.parametrize("what", ["revoke_all", "report"])
async def test_what_ends_more_is_asked_once_more_and_happens_only_then(world: World, what: str) -> None:
    desktop, phone, transfer_id = await shared(world)
    value = {"revoke_all": "yes", "report": transfer_id}[what]
    question = await press(desktop.browser, what, value)
    assert question.one("form").fields()[what] == value
    assert (await phone.refresh()).status_code == 200
    answer = await desktop.browser.http.post("/devices", data=question.one("form").fields())
    assert read_page(answer.text).one(role="status").words
    assert (await phone.refresh()).json()["error"] == "invalid_grant"
    assert (await desktop.refresh()).status_code == (200 if what == "report" else 400)


async def test_what_was_reported_is_told_so_and_cannot_be_reported_again(world: World) -> None:
    desktop, _, transfer_id = await shared(world)
    question = await press(desktop.browser, "report", transfer_id)
    await desktop.browser.http.post("/devices", data=question.one("form").fields())
    (transfer,) = (await devices_page(desktop.browser)).all("article", data_fact="transfer")
    assert transfer.fact("state").attributes["data-value"] == "reported"
    assert transfer.all("button") == []


@pytest.mark.requirement("XD-WEB-01")
async def test_without_the_form_token_or_signed_in_person_nothing_ends(world: World) -> None:
    desktop, phone, _ = await shared(world)
    refused = await desktop.browser.http.post("/devices", data={"revoke_grant": phone.grant_id})
    assert refused.status_code == 403
    assert (await world.browser().http.get("/devices")).headers["location"].startswith("/sign-in")
    assert (await phone.refresh()).status_code == 200


@pytest.mark.requirement("PROFILE-foreign-is-missing")
async def test_a_strangers_page_shows_and_ends_nothing_of_this_person(world: World) -> None:
    _, phone, _ = await shared(world)
    stranger = await world.stranger()
    page = await devices_page(stranger)
    assert page.all("article") == []
    await stranger.submit("/devices", await stranger.http.get("/"), revoke_grant=phone.grant_id)
    assert (await phone.refresh()).status_code == 200
