"""An account that is deleted: nobody signs in with it any more, what it had is gone, and its name is free."""

import io
import json
from pathlib import Path

import pytest
from authz_world import PASSWORD, PHONE, USERNAME, World
from segue_authz.command import user

pytestmark = [pytest.mark.requirement("PROFILE-withdrawn", "XD-TOK-08")]


@pytest.mark.anyio
async def test_nobody_signs_in_with_it_and_its_devices_get_nothing(world: World) -> None:
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    claim = (await world.device(PHONE).claim(offer["transfer_code"])).json()
    assert await world.accounts.delete(world.subject, now=world.now) is True
    assert (await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])).status_code == 303
    assert (await desktop.refresh()).json()["error"] == "invalid_grant"
    for username in (USERNAME, f"deleted {world.subject}"):
        for password in (PASSWORD, ""):
            assert (await world.browser().sign_in(password, username)).status_code == 401


@pytest.mark.anyio
async def test_it_is_deleted_once_and_never_enabled_again_and_keeps_no_name(world: World) -> None:
    await world.accounts.disable(world.subject, now=world.now - 5)
    assert await world.accounts.delete(world.subject, now=world.now) is True
    assert await world.accounts.delete(world.subject, now=world.now + 1) is False
    assert await world.accounts.enable(world.subject) is False
    left = await world.accounts.by_subject(world.subject)
    assert left is not None
    assert (left.name, left.password_hash, left.disabled_at) == ("", "", world.now - 5)
    assert USERNAME not in left.username


def test_the_command_disables_enables_and_deletes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n{PASSWORD}\n"))
    subjects = []
    for action, state in (
        ("add", None),
        ("disable", "disabled"),
        ("enable", "enabled"),
        ("delete", "deleted"),
        ("add", None),
    ):
        assert user([action, "me@example.com", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told.get("state") == state
        subjects.append(told["subject"])
    assert len(set(subjects[:4])) == 1
    assert subjects[4] != subjects[0], "somebody else under the same name"
    assert user(["delete", "nobody@example.com"]) == 1
    assert "there is no user" in capsys.readouterr().err
