"""The push transfer over HTTP: claim, check value, confirm, redeem, and everything that must not work."""

import asyncio
from typing import Any

import pytest
from authz_world import PHONE, STORE, World, handle_of
from segue.jose import parse
from segue_authz.endpoints import fresh_code

pytestmark = pytest.mark.anyio


async def offered(world: World, mode: str = "move") -> tuple[Any, dict[str, Any]]:
    desktop = await world.desktop()
    answer = await desktop.offer(mode)
    assert answer.status_code == 201, answer.text
    return desktop, answer.json()


async def claimed(world: World, mode: str = "move") -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    desktop, offer = await offered(world, mode)
    phone = world.device(PHONE, network="192.0.2.99")
    answer = await phone.claim(handle_of(offer["transfer_uri"]))
    assert answer.status_code == 200, answer.text
    return desktop, phone, offer, answer.json()


async def redeemed(world: World, mode: str = "move") -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    desktop, phone, offer, claim = await claimed(world, mode)
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    answer = await phone.redeem(claim["device_code"])
    assert answer.status_code == 200, answer.text
    return desktop, phone, offer, claim


def epoch_of(tokens: dict[str, Any]) -> int:
    return int(parse(tokens["access_token"]).claims()["authorization_details"][0]["epoch"])


@pytest.mark.requirement("A2", "A5", "A6", "A8")
async def test_a_claimed_and_confirmed_transfer_gives_a_bound_task_token(world: World) -> None:
    _, phone, offer, _ = await redeemed(world)
    detail = phone.tokens["authorization_details"][0]
    claims = parse(phone.tokens["access_token"]).claims()
    assert phone.tokens["token_type"] == "DPoP"
    assert claims["cnf"] == {"jkt": phone.key.jkt}
    assert claims["aud"] == STORE
    assert detail["transfer_id"] == offer["transfer_id"]
    assert (detail["name"], detail["owner"]["sub"]) == ("Acme contract revision", world.subject)


@pytest.mark.requirement("A2", "RFC10027-6-1-4")
async def test_a_typed_code_that_was_used_before_is_drawn_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["BCDF-GHJK"] * 3 + ["LMNP-QRST"])
    monkeypatch.setattr(fresh_code, "generate", lambda _: next(drawn))
    desktop, first = await offered(world)
    second = (await desktop.offer()).json()
    assert [first["transfer_code"], second["transfer_code"]] == ["BCDF-GHJK", "LMNP-QRST"]
    assert (await world.device(PHONE).claim(second["transfer_code"])).status_code == 200


@pytest.mark.requirement("XD-PUSH-01", "A11")
async def test_scanning_alone_releases_nothing(world: World) -> None:
    _, phone, _, claim = await claimed(world)
    answer = await phone.redeem(claim["device_code"])
    assert (answer.status_code, answer.json()["error"]) == (400, "authorization_pending")


@pytest.mark.requirement("A9", "PROFILE-epoch")
async def test_a_move_leaves_the_desktop_reading_only(world: World) -> None:
    desktop, phone, _, _ = await redeemed(world, "move")
    answer = await desktop.refresh()
    actions = answer.json()["authorization_details"][0]["actions"]
    assert (epoch_of(desktop.tokens), epoch_of(phone.tokens)) == (1, 2)
    assert all(action.endswith(":read") for action in actions)


@pytest.mark.requirement("A9")
async def test_a_share_leaves_both_devices_writing(world: World) -> None:
    desktop, phone, _, _ = await redeemed(world, "share")
    await desktop.refresh()
    for device in (desktop, phone):
        assert "events:append" in device.tokens["authorization_details"][0]["actions"]
        assert epoch_of(device.tokens) == 1


@pytest.mark.requirement("A5", "PROFILE-rights-never-grow")
async def test_a_transferred_grant_cannot_transfer_again(world: World) -> None:
    _, phone, _, _ = await redeemed(world, "share")
    assert "task:transfer" not in phone.tokens["authorization_details"][0]["actions"]
    assert (await phone.offer()).status_code == 400


@pytest.mark.requirement("A5", "PROFILE-rights-never-grow")
async def test_a_transfer_passes_on_no_more_than_was_named(world: World) -> None:
    desktop = await world.desktop()
    offer = (await desktop.offer("share", actions="task:read events:read")).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    await phone.redeem(claim["device_code"])
    assert phone.tokens["authorization_details"][0]["actions"] == ["events:read", "task:read"]


@pytest.mark.requirement("A2")
async def test_the_code_can_be_typed_in_any_writing(world: World) -> None:
    _, offer = await offered(world)
    typed = offer["transfer_code"].lower().replace("-", " ")
    assert (await world.device(PHONE).claim(typed)).status_code == 200


@pytest.mark.requirement("XD-RACE-02", "PROFILE-claim-once")
async def test_of_many_devices_claiming_one_code_one_wins_and_its_tokens_stay_good(world: World) -> None:
    desktop, offer = await offered(world)
    phones = [world.device(PHONE, network=f"198.51.100.{n}") for n in range(20)]
    answers = await asyncio.gather(*(phone.claim(offer["transfer_code"]) for phone in phones))
    won = [index for index, answer in enumerate(answers) if answer.status_code == 200]
    lost = {(answer.status_code, answer.json()["error"]) for answer in answers if answer.status_code != 200}
    assert len(won) == 1
    assert lost == {(400, "invalid_grant")}
    winner, claim = phones[won[0]], answers[won[0]].json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await winner.redeem(claim["device_code"])).status_code == 200
    assert (await winner.refresh()).status_code == 200


@pytest.mark.requirement("XD-PUSH-02")
async def test_a_second_claim_is_shown_to_the_person(world: World) -> None:
    desktop, _, offer, _ = await claimed(world)
    await world.device(PHONE).claim(offer["transfer_code"])
    told = await desktop.send("GET", f"/transfer/{offer['transfer_id']}", token=await desktop.issuer_token())
    assert told.json()["contested"] is True
    page = await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")
    assert page.headers["segue-transfer"] == "claimed contested"


@pytest.mark.requirement("XD-PUSH-07")
async def test_another_clients_claim_is_refused_and_leaves_the_code_usable(world: World) -> None:
    _, offer = await offered(world)
    assert (await world.device("desktop").claim(offer["transfer_code"])).json()["error"] == "invalid_grant"
    assert (await world.device(PHONE).claim(offer["transfer_code"])).status_code == 200


@pytest.mark.requirement("PROFILE-lost-answer")
async def test_the_same_key_may_repeat_claim_and_redemption_and_gets_the_same_grant(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    assert (await phone.claim(offer["transfer_code"])).json()["device_code"] == claim["device_code"]
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    first = (await phone.redeem(claim["device_code"])).json()
    second = (await phone.redeem(claim["device_code"])).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert epoch_of(second) == epoch_of(first)


@pytest.mark.requirement("PROFILE-redeem-once")
async def test_once_its_tokens_are_in_use_the_code_gives_nothing_more(world: World) -> None:
    _, phone, _, claim = await redeemed(world)
    assert (await phone.refresh()).status_code == 200
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "invalid_grant"


@pytest.mark.requirement("XD-RACE-01", "PROFILE-redeem-once")
async def test_concurrent_redemptions_by_the_claiming_key_give_one_grant(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    await phone.redeem("unknown")  # learn a nonce
    answers = await asyncio.gather(*(phone.redeem(claim["device_code"]) for _ in range(25)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert {epoch_of(answer.json()) for answer in answers} == {2}


@pytest.mark.requirement("XD-PUSH-06", "PROFILE-replay-revokes")
async def test_replay_of_a_redeemed_code_by_another_key_revokes_what_it_minted(world: World) -> None:
    _, phone, _, claim = await redeemed(world)
    thief = world.device(PHONE)
    assert (await thief.redeem(claim["device_code"])).json()["error"] == "invalid_grant"
    assert (await phone.refresh()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("PROFILE-bound-at-claim")
async def test_another_key_cannot_redeem_before_the_claiming_one(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await world.device(PHONE).redeem(claim["device_code"])).json()["error"] == "invalid_grant"
    assert (await phone.redeem(claim["device_code"])).status_code == 200


@pytest.mark.requirement("XD-PUSH-04", "XD-PUSH-05")
async def test_the_second_wrong_check_value_ends_the_transfer(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    wrong = f"{(int(claim['check_value']) + 1) % 10000:04d}"
    assert (await desktop.browser.confirm(offer["transfer_id"], wrong)).status_code == 400
    await desktop.browser.confirm(offer["transfer_id"], wrong)
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("XD-PUSH-03")
@pytest.mark.parametrize("value", ["", "   ", "٤٧١١", "47110", "0x12"])
async def test_a_missing_or_odd_check_value_counts_as_a_wrong_one(world: World, value: str) -> None:
    desktop, phone, offer, claim = await claimed(world)
    for _ in range(2):
        await desktop.browser.confirm(offer["transfer_id"], value)
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("XD-RACE-08")
async def test_parallel_guesses_get_no_more_tries_than_one_after_another(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    path = f"/confirm/{offer['transfer_id']}"
    page = await desktop.browser.http.get(path)
    values = [f"{(int(claim['check_value']) + n) % 10000:04d}" for n in range(1, 21)]
    submit = desktop.browser.submit
    await asyncio.gather(*(submit(path, page, check_value=value, decision="approve") for value in values))
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    outcome = (await phone.redeem(claim["device_code"])).json()["error"]
    stored = await world.transfers.by_id(offer["transfer_id"])
    assert stored is not None
    assert outcome in ("access_denied", "authorization_pending")
    assert type(stored.transfer).__name__ == "Denied"


@pytest.mark.requirement("XD-PUSH-05", "XD-PUSH-11")
async def test_no_answer_to_the_authorization_device_holds_the_check_value(world: World) -> None:
    desktop, _, offer, claim = await claimed(world)
    told = await desktop.send("GET", f"/transfer/{offer['transfer_id']}", token=await desktop.issuer_token())
    page = await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")
    assert f'"{claim["check_value"]}"' not in told.text
    assert f">{claim['check_value']}<" not in page.text
    assert f'"{claim["check_value"]}"' not in page.text


@pytest.mark.requirement("XD-PUSH-11")
async def test_another_key_is_shown_another_check_value(world: World) -> None:
    derive = world.derivation.check_value
    values = {derive("trf_1", f"key {n}") for n in range(50)}
    assert len(values) > 45


@pytest.mark.requirement("A2", "RFC8628-3-5")
async def test_a_lapsed_code_cannot_be_claimed_and_a_lapsed_claim_not_redeemed(world: World) -> None:
    _, offer = await offered(world)
    world.now += 120
    assert (await world.device(PHONE).claim(offer["transfer_code"])).json()["error"] == "invalid_grant"
    _, phone, _, claim = await claimed(world)
    world.now += 300
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "expired_token"


@pytest.mark.requirement("XD-RACE-04", "PROFILE-late-approval")
async def test_a_late_approval_does_not_bring_back_a_finished_transfer(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    path = f"/confirm/{offer['transfer_id']}"
    page = await desktop.browser.http.get(path)
    await desktop.send("POST", f"/transfer/{offer['transfer_id']}/cancel", {}, token=await desktop.issuer_token())
    await desktop.browser.submit(path, page, check_value=claim["check_value"], decision="approve")
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("XD-RACE-03")
async def test_declining_after_approving_but_before_redemption_cancels(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    path = f"/confirm/{offer['transfer_id']}"
    page = await desktop.browser.http.get(path)
    await desktop.browser.submit(path, page, check_value=claim["check_value"], decision="approve")
    await desktop.browser.submit(path, page, decision="deny")
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("PROFILE-only-the-opener-decides")
async def test_only_the_browser_that_opened_the_transfer_may_decide(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")
    other = world.browser()
    await other.sign_in()
    assert (await other.confirm(offer["transfer_id"], claim["check_value"])).status_code == 400
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "authorization_pending"


@pytest.mark.requirement("PROFILE-foreign-is-missing")
async def test_a_strangers_transfer_does_not_exist(world: World) -> None:
    _, _, offer, claim = await claimed(world)
    stranger = await world.stranger()
    foreign = await stranger.confirm(offer["transfer_id"], claim["check_value"])
    missing = await stranger.confirm("trf_missing", "0000")
    told, other = (each.text.partition("<footer")[0] for each in (foreign, missing))  # whose form names the address
    assert (foreign.status_code, told) == (missing.status_code, other)
    assert foreign.status_code == 404


@pytest.mark.requirement("XD-PUSH-04", "XD-PUSH-13")
async def test_a_new_transfer_of_the_grant_cancels_the_older_one(world: World) -> None:
    desktop, offer = await offered(world)
    await desktop.offer()
    assert (await world.device(PHONE).claim(offer["transfer_code"])).json()["error"] == "invalid_grant"


@pytest.mark.requirement("XD-PUSH-08")
async def test_the_qr_code_carries_its_handle_in_the_fragment_alone(world: World) -> None:
    _, offer = await offered(world)
    address, _, fragment = offer["transfer_uri"].partition("#")
    assert "?" not in address
    assert handle_of(offer["transfer_uri"]) in fragment
    assert handle_of(offer["transfer_uri"]) not in offer["confirmation_uri"]


@pytest.mark.requirement("PROFILE-no-oracle")
async def test_unknown_spent_and_foreign_codes_get_one_answer(world: World) -> None:
    _, _, offer, _ = await claimed(world)
    answers = [await world.device(PHONE).claim(code) for code in (offer["transfer_code"], "BCDF-GHJK", "x" * 43)]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


@pytest.mark.requirement("PROFILE-withdrawn")
@pytest.mark.parametrize("what", ["account", "source client", "phone client", "source grant", "source device"])
@pytest.mark.parametrize("when", ["before claim", "before confirm", "before redeem"])
async def test_what_is_withdrawn_mints_nothing_at_any_step(world: World, what: str, when: str) -> None:
    desktop, offer = await offered(world)
    phone = world.device(PHONE)
    if when == "before claim":
        await withdraw(world, desktop, what)
    answer = await phone.claim(offer["transfer_code"])
    if answer.status_code == 200:
        claim = answer.json()
        if when == "before confirm":
            await withdraw(world, desktop, what)
        await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        if when == "before redeem":
            await withdraw(world, desktop, what)
        answer = await phone.redeem(claim["device_code"])
    assert answer.status_code in (400, 401)
    assert "access_token" not in answer.text
    standing = await world.grants.standing(desktop.grant_id)
    assert standing is not None
    assert standing.task_epoch == 1


async def withdraw(world: World, desktop: Any, what: str) -> None:
    match what:
        case "account":
            await world.accounts.disable(world.subject, now=world.now)
        case "source client":
            await world.clients.disable("desktop", now=world.now)
        case "phone client":
            await world.clients.disable("phone", now=world.now)
        case "source grant":
            await world.grants.revoke(desktop.grant_id, now=world.now)
        case "source device":
            await world.grants.revoke_device(desktop.device_id, now=world.now)


@pytest.mark.requirement("PROFILE-epoch")
async def test_a_device_that_lost_the_task_cannot_pass_it_on(world: World) -> None:
    desktop, _, _, _ = await redeemed(world, "move")
    answer = await desktop.offer()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.requirement("PROFILE-fail-closed")
async def test_a_redemption_that_cannot_be_answered_can_be_repeated(world: World) -> None:
    desktop, phone, offer, claim = await claimed(world)
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    world.cards.away = True
    assert (await phone.redeem(claim["device_code"])).status_code == 503
    world.cards.away = False
    assert (await phone.redeem(claim["device_code"])).status_code == 200
