"""RFC 10027 section 6.1, switch by switch: the attack that succeeds with the mitigation off fails with it on.

The five that are no switches are in test_policy_held_always.py.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from authz_world import PHONE, World, open_world
from html_page import read_page
from segue_authz.domain.policy import MITIGATIONS, PRESETS, TransferPolicy
from segue_authz.domain.proximity import Strength
from segue_authz.domain.transfer import Claimed
from segue_authz.policy_file import from_table
from segue_storage.setting import BadSetting
from transfer_attacks import (
    AFAR,
    approved,
    client_reported_before,
    code_generated_by_the_attacker,
    code_sprayed,
    code_used_later,
    device_never_seen,
    fifteen_guesses,
    passing_it_on,
    push,
    remote_device,
    shoulder_surfer_claims_first,
    thief_with_the_key_after_three_minutes,
    victim_who_clicks_through,
)

pytestmark = pytest.mark.anyio
Opener = Callable[[dict[str, Any]], Any]


@pytest.fixture
def world_with(tmp_path: Path, storage_set: Any) -> Opener:
    @asynccontextmanager
    async def opened(table: dict[str, Any]) -> AsyncIterator[World]:
        world = await open_world(
            tmp_path,
            database_url=storage_set.database_url,
            ephemeral_url=storage_set.ephemeral_url,
            policies=from_table(table),
        )
        try:
            yield world
        finally:
            await world.aclose()

    return opened


Scene = Callable[[World], Awaitable[bool]]
SCENES: dict[str, tuple[Scene, dict[str, Any], dict[str, Any]]] = {
    "establish_proximity": (remote_device, {"establish_proximity": "off"}, {"establish_proximity": "require"}),
    "short_lived_codes": (code_used_later, {"short_lived_codes": 900}, {"short_lived_codes": 120}),
    "one_time_codes": (shoulder_surfer_claims_first, {"one_time_codes": "show"}, {"one_time_codes": "void"}),
    "unique_codes": (code_sprayed, {"unique_codes": "off"}, {"unique_codes": "void"}),
    "detect_and_remediate": (client_reported_before, {"detect_and_remediate": 0}, {"detect_and_remediate": 1}),
    "trusted_devices": (device_never_seen, {"trusted_devices": "off"}, {"trusted_devices": "require"}),
    "trusted_networks": (remote_device, {"trusted_networks": []}, {"trusted_networks": ["192.0.2.0/24"]}),
    "limited_scopes": (
        passing_it_on,
        {"limited_scopes": ["task:read", "task:transfer"]},
        {"limited_scopes": ["task:read", "events:read"]},
    ),
    "short_lived_tokens": (
        thief_with_the_key_after_three_minutes,
        {"short_lived_tokens": 300},
        {"short_lived_tokens": 120},
    ),
    "rate_limits": (fifteen_guesses, {"rate_limits": 1000}, {"rate_limits": 10}),
    "authenticate_then_initiate": (
        code_generated_by_the_attacker,
        {"authenticate_then_initiate": "off"},
        {"authenticate_then_initiate": "require"},
    ),
    "request_initiation_verification": (
        victim_who_clicks_through,
        {"request_initiation_verification": "off"},
        {"request_initiation_verification": "require"},
    ),
}


@pytest.mark.requirement("A11")
@pytest.mark.parametrize("slug", SCENES)
async def test_the_attack_succeeds_with_the_switch_off(world_with: Opener, slug: str) -> None:
    scene, off, _ = SCENES[slug]
    async with world_with(off) as world:
        assert await scene(world)


@pytest.mark.requirement("A11", "XD-PULL-01", "XD-CONS-08", "RFC10027-6-1")
@pytest.mark.parametrize("slug", SCENES)
async def test_the_attack_fails_with_the_switch_on(world_with: Opener, slug: str) -> None:
    scene, _, on = SCENES[slug]
    async with world_with(on) as world:
        assert not await scene(world)


@pytest.mark.requirement("A11", "XD-CONS-01")
@pytest.mark.parametrize("slug", ["establish_proximity", "trusted_devices"])
async def test_what_the_policy_refuses_is_told_on_the_page_and_costs_no_try(world_with: Opener, slug: str) -> None:
    async with world_with(SCENES[slug][2]) as world:
        desktop, phone = await world.desktop(), world.device(PHONE, network=AFAR)
        offer = (await desktop.offer()).json()
        claim = (await phone.claim(offer["transfer_code"])).json()
        for _ in range(3):
            page = read_page((await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])).text)
            assert page.one(id="error").words.endswith("You can only decline.")
            assert page.fact("attempts_left").attributes["data-value"] == "2"
        await desktop.browser.confirm(offer["transfer_id"], "", decision="deny")
        assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("A11")
@pytest.mark.parametrize("slug", ["establish_proximity", "trusted_networks", "trusted_devices"])
async def test_with_the_switch_on_the_honest_person_gets_through(world_with: Opener, slug: str) -> None:
    async with world_with(SCENES[slug][2]) as world:
        phone = world.device(PHONE)
        if slug == "trusted_devices":
            world.policies = from_table({})
            world.restart()
            phone.http = world.http()
            assert await push(world, phone=phone)
            world.policies = from_table(SCENES[slug][2])
            world.restart()
            phone.http = world.http()
        assert await push(world, phone=phone)


@pytest.mark.requirement("A11")
def test_every_switch_has_a_scene_and_every_setting_is_a_mitigation_of_the_rfc() -> None:
    switchable = {mitigation.slug for mitigation in MITIGATIONS if mitigation.setting}
    assert switchable == set(SCENES) == set(vars(TransferPolicy()))
    assert [mitigation.section for mitigation in MITIGATIONS] == [f"6.1.{number}" for number in range(1, 18)]


@pytest.mark.requirement("A11", "XD-PULL-01")
async def test_a_device_that_asks_as_the_attacker_cannot_be_approved_by_the_victim(world_with: Opener) -> None:
    """6.1.15: the request carries who asked, and the victim is somebody else."""
    async with world_with({"authenticate_then_initiate": "require"}) as world:
        attacker, victim = await world.desktop_of_stranger(), world.browser()
        await victim.sign_in()
        asked = await attacker.ask_for_task_as(await attacker.issuer_token())
        assert asked.status_code == 200
        assert not await approved(world, attacker, victim, asked.json())


@pytest.mark.requirement("A11")
async def test_a_device_that_asks_as_the_person_can_be_approved_by_that_person(world_with: Opener) -> None:
    async with world_with({"authenticate_then_initiate": "require"}) as world:
        desktop = await world.desktop()
        asked = await desktop.ask_for_task_as(await desktop.issuer_token())
        assert await approved(world, desktop, desktop.browser, asked.json())


@pytest.mark.requirement("A11", "RFC10027-6-1-15")
@pytest.mark.parametrize("value", ["off", "require"])
async def test_authenticate_then_initiate_earns_nothing_on_push(world_with: Opener, value: str) -> None:
    async with world_with({"authenticate_then_initiate": value}) as world:
        assert await remote_device(world)


@pytest.mark.requirement("A11")
async def test_values_for_a_client_and_for_a_sensitivity_replace_the_general_ones(world_with: Opener) -> None:
    table = {
        "clients": {PHONE: {"short_lived_codes": 60}},
        "sensitivity": {"high": {"establish_proximity": "require"}},
    }
    async with world_with(table) as world:
        desktop = await world.desktop()
        assert (await desktop.offer()).json()["expires_in"] == 60
        assert await remote_device(world)
        world.cards.sensitivity = "high"
        assert not await remote_device(world)


@pytest.mark.requirement("A11", "PROFILE-withdrawn")
async def test_a_policy_that_is_tightened_takes_rights_from_what_was_transferred_before(world_with: Opener) -> None:
    async with world_with({}) as world:
        phone = world.device(PHONE)
        assert await push(world, phone=phone)
        world.policies = from_table({"limited_scopes": ["task:read"]})
        world.restart()
        phone.http = world.http()
        await phone.refresh()
        assert phone.tokens["authorization_details"][0]["actions"] == ["task:read"]


@pytest.mark.requirement("A11", "XD-PULL-02", "RFC10027-6-1-1")
@pytest.mark.parametrize(("network", "shown"), [(AFAR, 'data-value="far"'), ("192.0.2.1", 'data-value="near"')])
async def test_the_page_says_whether_the_device_is_on_the_persons_network(
    world_with: Opener, network: str, shown: str
) -> None:
    async with world_with({}) as world:
        desktop = await world.desktop()
        offer = (await desktop.offer()).json()
        await world.device(PHONE, network=network).claim(offer["transfer_code"])
        page = await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")
        assert shown in page.text


class Regions:
    """As a deployment's database would tell them."""

    def place_of(self, network: str) -> str | None:
        return {"192.0.2.1": "Hamburg", "192.0.2.99": "Hamburg", AFAR: "elsewhere"}.get(network)


@pytest.mark.requirement("A11", "XD-PULL-02", "XD-CONS-07", "RFC10027-6-1-1")
@pytest.mark.parametrize(("network", "nearness"), [("192.0.2.99", "near"), (AFAR, "far")])
async def test_a_place_that_a_locator_derives_is_shown_and_is_too_weak_to_be_required(
    world_with: Opener, network: str, nearness: str
) -> None:
    async with world_with({}) as world:
        world.locator = Regions()
        world.restart()
        desktop, phone = await world.desktop(), world.device(PHONE, network=network)
        offer = (await desktop.offer()).json()
        claim = (await phone.claim(offer["transfer_code"])).json()
        world.now += 7
        page = read_page((await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")).text)
        assert page.fact("nearness").attributes["data-value"] == nearness
        await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        stored = await world.transfers.by_id(offer["transfer_id"])
        evidence = {each["kind"]: each for each in json.loads(stored.transfer.explained)["evidence"]}
        derived = {"strength": Strength.PLACE, "near": nearness == "near", "age": 7, "said": None}
        assert evidence["same_place"] == {"kind": "same_place", **derived}
        world.policies = from_table({"establish_proximity": "require"})
        world.restart()
        assert not await push(world, phone=world.device(PHONE, network=network))


@pytest.mark.requirement("A11", "XD-CONS-07")
async def test_a_decision_can_be_explained_afterwards(world_with: Opener) -> None:
    async with world_with({}) as world:
        desktop = await world.desktop()
        offer = (await desktop.offer()).json()
        phone = world.device(PHONE, network=AFAR)
        claim = (await phone.claim(offer["transfer_code"])).json()
        await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        stored = await world.transfers.by_id(offer["transfer_id"])
        assert AFAR in stored.transfer.explained
        assert '"kind": "same_network", "near": false' in stored.transfer.explained


@pytest.mark.requirement("A11", "RFC10027-6-1-1", "XD-CONS-07")
@pytest.mark.parametrize("value", ["show", "require"])
async def test_a_place_that_is_only_told_is_explained_and_never_counts(world_with: Opener, value: str) -> None:
    async with world_with({"establish_proximity": value}) as world:
        desktop, phone = await world.desktop(), world.device(PHONE, network=AFAR)
        offer = (await desktop.offer()).json()
        claim = (await phone.claim(offer["transfer_code"], place="On your desk")).json()
        page = read_page((await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")).text)
        assert page.fact("nearness").attributes["data-value"] == "far"
        answer = await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        stored = await world.transfers.by_id(offer["transfer_id"])
        if value == "require":
            assert answer.status_code == 400
            assert isinstance(stored.transfer, Claimed)
            return
        evidence = {each["kind"]: each for each in json.loads(stored.transfer.explained)["evidence"]}
        told = {"kind": "stated_place", "strength": Strength.CLAIM, "near": None, "age": 0, "said": "On your desk"}
        assert evidence["stated_place"] == told
        assert evidence["same_network"]["near"] is False


@pytest.mark.requirement("RFC10027-6-1-5", "XD-CONS-10")
async def test_every_link_and_code_matches_the_documented_expressions(world_with: Opener) -> None:
    expressions = re.findall(r"\| `([^`]+)` \|", (Path(__file__).parents[2] / "specs/content-filters.md").read_text())
    async with world_with({}) as world:
        offer = (await (await world.desktop()).offer()).json()
        asked = (await world.device(PHONE).ask_for_task()).json()
    created = [offer["transfer_uri"], asked["verification_uri_complete"], offer["transfer_code"], asked["user_code"]]
    matched = [re.search(expressions[n], text) for n, text in zip((0, 1, 2, 2), created, strict=True)]
    assert all(matched)
    assert not any(re.search(expression, offer["confirmation_uri"]) for expression in expressions)


@pytest.mark.requirement("A11", "PROFILE-settings")
@pytest.mark.parametrize(
    "table",
    [
        {"short_lived_code": 60},
        {"short_lived_codes": 10},
        {"short_lived_codes": True},
        {"short_lived_codes": "60"},
        {"establish_proximity": "maybe"},
        {"trusted_networks": ["10.0.0.1/8"]},
        {"trusted_networks": "10.0.0.0/8"},
        {"limited_scopes": []},
        {"limited_scopes": ["everything"]},
        {"sender_constrained_tokens": "off"},
        {"preset": "loose"},
        {"clients": {"x": {"nothing": 1}}},
        {"clients": []},
    ],
)
def test_a_policy_with_a_misspelt_or_impossible_value_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match="transfer_policy"):
        from_table(table)


@pytest.mark.requirement("A11")
def test_strict_is_at_least_as_strict_as_balanced_in_every_setting() -> None:
    balanced, strict = PRESETS["balanced"], PRESETS["strict"]
    order = {"off": 0, "show": 1, "void": 2, "require": 2}
    for name, value in vars(balanced).items():
        other = getattr(strict, name)
        if isinstance(value, str):
            assert order[other] >= order[value], name
        elif isinstance(value, frozenset | int):
            assert other <= value, name
