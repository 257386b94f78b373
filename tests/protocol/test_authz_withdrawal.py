"""Withdrawal: everything the person ends is over at once, with all that came of it, and resource servers are told."""

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authz_world import DESKTOP, DESKTOP_URI, PHONE, World
from segue.authority import ACTIONS
from segue.jose import b64url_encode
from segue_authz.policy_file import from_table

pytestmark = pytest.mark.anyio


async def shared(world: World) -> tuple[Any, Any, str]:
    """A desktop and a phone on one task, and the transfer between them."""
    desktop = await world.desktop()
    offer = (await desktop.offer("share")).json()
    phone = world.device(PHONE, network="192.0.2.99")
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    return desktop, phone, offer["transfer_id"]


def digest(grant_id: str) -> str:
    return b64url_encode(hashlib.sha256(grant_id.encode()).digest())


async def told(world: World) -> set[str]:
    return set((await world.http().get("/withdrawals")).json()["grants"])


@pytest.mark.requirement("A10", "A15", "XD-CONS-09")
@pytest.mark.parametrize("what", ["grant", "device", "everything", "report", "account", "client"])
async def test_what_is_ended_refreshes_no_more_and_is_told_to_resource_servers(world: World, what: str) -> None:
    desktop, phone, transfer_id = await shared(world)
    subject, now = world.subject, world.now
    match what:
        case "grant":
            await world.withdrawals.grant(subject, phone.grant_id, now=now)
        case "device":
            await world.withdrawals.device(subject, phone.device_id, now=now)
        case "everything":
            assert await world.withdrawals.everything(subject, now=now) == 2
        case "report":
            assert await world.withdrawals.report(subject, transfer_id, now=now) == 1
        case "account":
            await world.accounts.disable(subject, now=now)
        case "client":
            await world.clients.disable(PHONE, now=now)
    assert digest(phone.grant_id) in await told(world)
    assert (await phone.refresh()).status_code in (400, 401)
    if what in ("grant", "device", "report", "client"):
        assert digest(desktop.grant_id) not in await told(world)
        assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("A10", "XD-TOK-08")
async def test_ending_everything_ends_a_code_on_its_way_too(world: World) -> None:
    """Approved, and not redeemed yet: no grant is there that could be ended."""
    device, other, browser = world.device(), world.device(), world.browser()
    await browser.sign_in()
    stranger = await world.stranger()
    codes = []
    for each, approver in ((device, browser), (other, stranger)):
        answer, verifier = await each.ask(approver)
        codes.append((dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"], verifier))
    await world.withdrawals.everything(world.subject, now=world.now)
    answers = []
    for each, (code, verifier) in zip((device, other), codes, strict=True):
        form = {"code": code, "code_verifier": verifier, "redirect_uri": DESKTOP_URI}
        answers.append((await each.token("authorization_code", **form)).json())
    assert answers[0]["error"] == "invalid_grant"
    assert "access_token" in answers[1], "the code of somebody else"


@pytest.mark.requirement("A10", "PROFILE-foreign-is-missing")
async def test_nobody_ends_what_is_not_theirs(world: World) -> None:
    _, phone, transfer_id = await shared(world)
    assert await world.withdrawals.grant("usr_other", phone.grant_id, now=world.now) == 0
    assert await world.withdrawals.device("usr_other", phone.device_id, now=world.now) == 0
    assert await world.withdrawals.report("usr_other", transfer_id, now=world.now) is None
    assert (await phone.refresh()).status_code == 200


@pytest.mark.requirement("A10", "RFC10027-6-1-6")
async def test_a_report_ends_a_transfer_under_way_and_counts_once(world: World) -> None:
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    assert await world.withdrawals.report(world.subject, offer["transfer_id"], now=world.now) == 0
    assert await world.withdrawals.report(world.subject, offer["transfer_id"], now=world.now) is None
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("A10", "RFC10027-6-1-6", "XD-CONS-09")
async def test_a_report_ends_what_was_passed_on_from_there_and_what_is_on_its_way(world: World) -> None:
    world.policies = from_table({"limited_scopes": sorted(ACTIONS)})
    world.restart()
    desktop, phone, transfer_id = await shared(world)
    passed_on = (await phone.offer("share")).json()
    tablet = world.device(PHONE)
    claim = (await tablet.claim(passed_on["transfer_code"])).json()
    await desktop.browser.confirm(passed_on["transfer_id"], claim["check_value"])
    assert (await tablet.redeem(claim["device_code"])).status_code == 200
    on_its_way = (await tablet.offer("share")).json()
    assert await world.withdrawals.report(world.subject, transfer_id, now=world.now) == 2
    for each in (phone, tablet):
        assert (await each.refresh()).json()["error"] == "invalid_grant"
    assert (await world.device(PHONE).claim(on_its_way["transfer_code"])).json()["error"] == "invalid_grant"
    assert (await desktop.refresh()).status_code == 200


@pytest.mark.requirement("A15")
async def test_a_withdrawal_is_told_until_its_last_token_has_expired(world: World) -> None:
    _, phone, _ = await shared(world)
    await world.withdrawals.grant(world.subject, phone.grant_id, now=world.now)
    assert digest(phone.grant_id) in await told(world)
    world.now += 311
    world.restart()
    assert digest(phone.grant_id) not in await told(world)


@pytest.mark.requirement("A15", "XD-RACE-07")
async def test_a_revoked_device_gets_nothing_new(world: World) -> None:
    desktop, _, _ = await shared(world)
    await world.withdrawals.device(world.subject, desktop.device_id, now=world.now)
    answer = await desktop.authorize(desktop.browser)
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.requirement("A10")
async def test_only_a_known_name_of_a_client_can_be_disabled(world: World) -> None:
    assert await world.clients.disable("nobody", now=world.now) is False
    assert await world.clients.disable(DESKTOP, now=world.now) is True
    assert await world.clients.disable(DESKTOP, now=world.now) is False
    assert await world.clients.enable(DESKTOP) is True
