"""Whatever is taken away at whatever step: an account, a client, a device or a freedom of the policy mints nothing.

For push and refresh see also test_authz_transfer.py and test_authz_tokens.py.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authz_world import DESKTOP, DESKTOP_URI, PHONE, World
from segue_authz.policy_file import from_table

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("A5", "A11", "PROFILE-withdrawn", "XD-TOK-08"),
    pytest.mark.parametrize("storage_set", ["embedded"], indirect=True),
]
AFAR = "203.0.113.66"
POLICIES: dict[str, dict[str, Any]] = {
    "networks": {"trusted_networks": ["192.0.2.0/24"]},
    "devices": {"trusted_devices": "require"},
    "nearness": {"establish_proximity": "require"},
    "asking as somebody": {"authenticate_then_initiate": "require"},
    "actions": {"limited_scopes": ["audit:read"]},
}
NARROW = ["task:read", "working_set:read"]
"""What the devices ask for."""


async def take_away(world: World, what: str, device: Any, *others: Any) -> None:
    """`device` is the one that waits for a token; the clients of `others` go on with a server that was restarted."""
    match what:
        case "account":
            await world.accounts.disable(world.subject, now=world.now)
        case "account, for good":
            await world.accounts.delete(world.subject, now=world.now)
        case "client":
            await world.clients.disable(device.client_id, now=world.now)
        case "device":
            await world.grants.revoke_device(device.device_id, now=world.now)
        case _:
            world.policies = from_table(POLICIES[what])
            world.restart()
            for each in (device, *others):
                network = AFAR if each is device else None
                each.http, cookies = world.http(network), each.http.cookies
                each.http.cookies = cookies


async def known(world: World, client_id: str) -> Any:
    """A device far away that the person has used before, so that it can be revoked."""
    device = world.device(client_id, network=AFAR)
    browser = world.browser()
    await browser.sign_in()
    desktop = await world.desktop()
    if client_id == DESKTOP:
        await device.authorize(browser)
    else:
        offer = (await desktop.offer("share")).json()
        claim = (await device.claim(offer["transfer_code"])).json()
        await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        await device.redeem(claim["device_code"])
    assert "access_token" in device.tokens
    return device


@pytest.mark.parametrize("what", [None, "account", "account, for good", "client", "device", *POLICIES])
@pytest.mark.parametrize("when", ["before the code is entered", "before the approval", "before the redemption"])
async def test_a_pull_mints_nothing(world: World, what: str | None, when: str) -> None:
    phone = await known(world, PHONE) if what in (None, "device") else world.device(PHONE, network=AFAR)
    browser = world.browser()
    await browser.sign_in()
    asked = (await phone.ask_for_task(actions=NARROW)).json()
    if what and when == "before the code is entered":
        await take_away(world, what, phone, browser)
    entered = await browser.enter_code(asked["user_code"])
    world.now += 2
    value = (await phone.redeem(asked["device_code"])).json().get("check_value", "0000")
    if what and when == "before the approval":
        await take_away(world, what, phone, browser)
    if path := entered.headers.get("location", ""):
        await browser.approve(path, task="new", name="x", check_value=value)
    if what and when == "before the redemption":
        await take_away(world, what, phone, browser)
    world.now += 2
    answer = await phone.redeem(asked["device_code"])
    settled = what == "asking as somebody" and when == "before the approval"  # it counts when the code is entered
    assert ("access_token" in answer.text) is (what is None or settled)


@pytest.mark.parametrize("what", ["networks", "devices", "nearness", "actions"])
@pytest.mark.parametrize("when", ["before the claim", "before the approval", "before the redemption"])
async def test_a_push_mints_nothing_under_a_policy_that_was_tightened(world: World, what: str, when: str) -> None:
    desktop, phone = await world.desktop(), world.device(PHONE, network=AFAR)
    offer = (await desktop.offer(actions=" ".join(NARROW))).json()
    steps = [when == each for each in ("before the claim", "before the approval", "before the redemption")]
    if steps[0]:
        await take_away(world, what, phone, desktop.browser)
    answer = await phone.claim(offer["transfer_code"])
    if answer.status_code == 200:
        claim = answer.json()
        if steps[1]:
            await take_away(world, what, phone, desktop.browser)
        await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        if steps[2]:
            await take_away(world, what, phone, desktop.browser)
        answer = await phone.redeem(claim["device_code"])
    assert "error" in answer.json()
    assert "access_token" not in answer.text


@pytest.mark.parametrize("what", [None, "account", "account, for good", "client", "device"])
@pytest.mark.parametrize("when", ["before the consent", "before the redemption"])
async def test_an_authorization_code_mints_nothing(world: World, what: str | None, when: str) -> None:
    desktop, browser = await known(world, DESKTOP), world.browser()
    await browser.sign_in()
    if what and when == "before the consent":
        await take_away(world, what, desktop)
    answer, verifier = await desktop.ask(browser)
    code = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query)).get("code", "none")
    if what and when == "before the redemption":
        await take_away(world, what, desktop)
    form = {"code": code, "code_verifier": verifier, "redirect_uri": DESKTOP_URI}
    assert ("access_token" in (await desktop.token("authorization_code", **form)).text) is (what is None)


async def test_a_refresh_mints_nothing_of_what_the_policy_no_longer_lets_pass(world: World) -> None:
    phone = await known(world, PHONE)
    await take_away(world, "actions", phone)
    assert phone.tokens["authorization_details"][0]["actions"] != ["audit:read"]
    await phone.refresh()
    assert phone.tokens["authorization_details"][0]["actions"] == ["audit:read"]
