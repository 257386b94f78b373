"""After a restore nothing that the backup holds as open, granted or signed in is good any more; tasks go on."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from authz_world import DESKTOP_URI, PHONE, World
from segue_authz.restored_command import main
from segue_authz.stores.restored import AHEAD, void_everything

pytestmark = pytest.mark.requirement("XD-OPS-05")


@pytest.mark.anyio
async def test_what_was_granted_open_or_signed_in_is_over(world: World) -> None:
    desktop, other = await world.desktop(), await world.desktop()
    offer = (await desktop.offer("share")).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    voided = await void_everything(world.database, now=world.now)
    assert (voided.grants, voided.sessions) == (2, 2)
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"
    for device in (desktop, other):
        assert (await device.refresh()).json()["error"] == "invalid_grant"
    assert (await void_everything(world.database, now=world.now)).grants == 0


@pytest.mark.anyio
async def test_a_code_of_before_is_not_spent(world: World) -> None:
    device, browser = world.device(), world.browser()
    await browser.sign_in()
    answer, verifier = await device.ask(browser)
    code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
    assert (await void_everything(world.database, now=world.now)).codes == 1
    spent = await device.token("authorization_code", code=code, redirect_uri=DESKTOP_URI, code_verifier=verifier)
    assert spent.json()["error"] == "invalid_grant"


@pytest.mark.anyio
async def test_a_tasks_epoch_is_above_all_that_a_task_store_may_have_seen(world: World) -> None:
    desktop = await world.desktop()
    (before,) = desktop.tokens["authorization_details"]
    await void_everything(world.database, now=world.now)
    await desktop.browser.sign_in()
    await desktop.authorize(desktop.browser, task=before["task_id"])
    (after,) = desktop.tokens["authorization_details"]
    assert (after["task_id"], after["epoch"]) == (before["task_id"], before["epoch"] + AHEAD)


def test_the_command_says_what_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    assert main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"grants": 0, "codes": 0, "sessions": 0}
    assert main([]) == 0
    assert capsys.readouterr().out == "0 grants ended, 0 codes ended, 0 sessions ended\n"
    monkeypatch.setenv("SEGUE_AUTHZ_DATABASE", "oracle://x")
    assert main([]) == 1
    assert "segue restored" in capsys.readouterr().err
