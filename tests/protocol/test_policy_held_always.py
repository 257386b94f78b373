"""RFC 10027 section 6.1, what is no switch: the attack that each of these stops succeeds once it is taken away.

Teaching people (6.1.13) is the deployment's to do; tests/unit/test_authz_pages_forms.py has what the pages say.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from authz_world import PHONE, Browser, World
from html_page import form_of, read_page
from segue_authz.policy_file import from_table
from segue_authz.tokens.derivation import Derivation
from transfer_attacks import AFAR, approved
from transfer_faults import FAULTS

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A11", "RFC10027-6-1")]
FILTERS = (Path(__file__).parents[2] / "specs/content-filters.md").read_text()
taken_away = pytest.mark.parametrize("taken_away", [False, True], ids=["as it is", "taken away"])


@pytest.mark.requirement("XD-PULL-08")
@taken_away
async def test_a_stolen_device_code_is_worth_nothing_because_it_is_bound_to_a_key(
    world: World, monkeypatch: pytest.MonkeyPatch, taken_away: bool
) -> None:
    """6.1.12: sender-constrained."""
    if taken_away:
        FAULTS["any_key_redeems"](monkeypatch)
    desktop, phone, thief = await world.desktop(), world.device(PHONE), world.device(PHONE, network=AFAR)
    offer = (await desktop.offer()).json()
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert ((await thief.redeem(claim["device_code"])).status_code == 200) is taken_away


@pytest.mark.requirement("XD-PULL-02", "RFC10027-6-1-17")
@taken_away
async def test_the_number_of_the_own_device_does_not_approve_the_code_of_another(
    world: World, monkeypatch: pytest.MonkeyPatch, taken_away: bool
) -> None:
    """6.1.17: the attacker's QR code is pasted over the device's, beside which the person reads the number."""
    if taken_away:
        monkeypatch.setattr(Derivation, "check_value", lambda *_: "4711")
    person, own, attacker = world.browser(), world.device(PHONE), world.device(PHONE, network=AFAR)
    await person.sign_in()
    paths, codes = [], []
    for device in (own, attacker):
        asked = (await device.ask_for_task()).json()
        paths.append((await person.enter_code(asked["user_code"])).headers["location"])
        codes.append(asked["device_code"])
    world.now += 2
    number = (await own.redeem(codes[0])).json()["check_value"]
    if not taken_away and number == (await attacker.redeem(codes[1])).json()["check_value"]:
        number = f"{(int(number) + 1) % 10_000:04d}"  # once in ten thousand runs they are the same by chance
    await person.approve(paths[1], task="new", name="x", check_value=number)
    world.now += 2
    assert ((await attacker.redeem(codes[1])).status_code == 200) is taken_away


@pytest.mark.requirement("RFC10027-6-1-5", "XD-CONS-10")
@taken_away
async def test_a_filter_holds_back_the_mail_that_lures_a_person_to_approve(world: World, taken_away: bool) -> None:
    """6.1.5: filtering is the mail server's to do, with the documented expressions; here it stands in for one."""
    expressions = [] if taken_away else re.findall(r"\| `([^`]+)` \|", FILTERS)
    attacker, victim = world.device(PHONE, network=AFAR), world.browser()
    await victim.sign_in()
    asked = (await attacker.ask_for_task()).json()
    mail = f"Your meeting has been moved. Join here: {asked['verification_uri_complete']}"
    held_back = any(re.search(expression, mail) for expression in expressions)
    assert (not held_back and await approved(world, attacker, victim, asked)) is taken_away


@pytest.mark.requirement("XD-CONS-02", "RFC10027-6-1-13")
@taken_away
async def test_who_presses_enter_on_the_page_without_reading_has_declined(world: World, taken_away: bool) -> None:
    """6.1.14: where the policy asks for no number, as on many a consent page, the focus decides what Enter does."""
    world.policies = from_table({"request_initiation_verification": "off"})
    world.restart()
    desktop, attacker = await world.desktop(), world.device(PHONE, network=AFAR)
    offer = (await desktop.offer()).json()
    claim = (await attacker.claim(offer["transfer_code"])).json()
    path = f"/confirm/{offer['transfer_id']}"
    page = (await desktop.browser.http.get(path)).text
    if taken_away:
        page = page.replace(" autofocus>Decline", ">Decline").replace('value="approve">', 'value="approve" autofocus>')
    await press_enter(desktop.browser, path, page)
    assert ((await attacker.redeem(claim["device_code"])).status_code == 200) is taken_away


async def press_enter(browser: Browser, path: str, page: str) -> Any:
    """What a browser sends when Enter is pressed as soon as the page is there."""
    root = read_page(page)
    button = next(each for each in root.all("button") if "autofocus" in each.attributes)
    fields = form_of(root, button).fields() | {button.attributes["name"]: button.attributes["value"]}
    return await browser.http.post(path, data=fields)
