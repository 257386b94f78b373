"""`segue client`: what an operator does with clients, printed for people and for programs, told truly by the status."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from segue_authz import command
from segue_authz.client_auth.authenticator import digest

pytestmark = pytest.mark.requirement("A14")


class Operator:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def does(self, *words: str) -> Any:
        """What the command prints for programs; it has to succeed."""
        assert command.client([*words, "--json"]) == 0
        return json.loads(self._capsys.readouterr().out)

    def fails(self, *words: str) -> str:
        assert command.client([*words]) == 1
        told = self._capsys.readouterr()
        assert told.out == ""
        return told.err


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    for name in ("SEGUE_AUTHZ_DATABASE", "SEGUE_AUTHZ_REDIS"):
        monkeypatch.delenv(name, raising=False)
    return Operator(capsys)


ADD = ("add", "desktop", "--name", "Desktop", "--redirect-uri", "https://desktop.example/")


def test_what_was_added_is_listed_shown_disabled_and_removed_for_good(operator: Operator) -> None:
    operator.does(*ADD)
    row = {"client_id": "desktop", "name": "Desktop", "origin": "operator", "state": "enabled"}
    assert operator.does("list") == [row]
    (shown,) = operator.does("show", "desktop")
    assert (shown["redirect_uris"], shown["method"], shown["state"]) == (
        ["https://desktop.example/"],
        "none",
        "enabled",
    )
    operator.does("disable", "desktop")
    assert operator.does("list") == [row | {"state": "disabled"}]
    operator.does("enable", "desktop")
    assert operator.does("remove", "desktop") == [{"client_id": "desktop", "state": "removed"}]
    assert operator.does("list") == []
    for words in (("show", "desktop"), ("remove", "desktop"), ("review", "desktop")):
        assert "there is no client desktop" in operator.fails(*words)
    assert "exists already" in operator.fails(*ADD)


def test_a_secret_is_printed_once_and_never_shown(operator: Operator) -> None:
    secret = operator.does(*ADD, "--secret")["client_secret"]
    assert secret not in json.dumps(operator.does("show", "desktop"))
    assert digest(secret) not in json.dumps(operator.does("show", "desktop"))


def test_an_invitation_is_printed_once_listed_without_its_token_and_taken_back(operator: Operator) -> None:
    (made,) = operator.does("invite", "--label", "the app team", "--uses", "3", "--days", "2")
    assert (len(made["initial_access_token"]), made["uses"]) == (43, 3)
    assert 0 <= made["expires_at"] - time.time() - 2 * 86_400 + 60 < 120
    (listed,) = operator.does("invitations")
    assert (listed["label"], listed["uses_left"]) == ("the app team", 3)
    assert made["initial_access_token"] not in json.dumps(listed)
    assert digest(made["initial_access_token"]) not in json.dumps(listed)
    operator.does("uninvite", made["invitation_id"])
    assert operator.does("invitations")[0]["uses_left"] == 0
    assert "no open invitation" in operator.fails("uninvite", made["invitation_id"])


@pytest.mark.parametrize("words", [("--uses", "0"), ("--uses", "x"), ("--days", "366"), ("--days", "٣")])
def test_an_invitation_without_bounds_is_refused(operator: Operator, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        command.client(["invite", *words])


def test_only_what_registered_itself_is_reviewed(operator: Operator) -> None:
    operator.does(*ADD)
    assert "nothing to review" in operator.fails("review", "desktop")


def test_for_people_there_is_a_line_for_each(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    operator.does(*ADD)
    assert command.client(["list"]) == 0
    assert capsys.readouterr().out == "client_id: desktop, name: Desktop, origin: operator, state: enabled\n"
