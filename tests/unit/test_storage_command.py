"""`segue db upgrade`, for people and for programs."""

import json
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import segue_storage.command as command
from segue_storage.command import db
from segue_storage.migrations import require_current
from segue_storage.setting import BadSetting
from throwaway_package import NAME, ThrowawayPackage


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/part.db"


@pytest.fixture
def package(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> ThrowawayPackage:
    """Installed, as far as the command can tell."""
    monkeypatch.syspath_prepend(tmp_path)
    package = ThrowawayPackage(tmp_path)
    package.add_revision("0001", "op.create_table('people', sa.Column('id', sa.Integer, primary_key=True))")
    monkeypatch.setenv("THROWAWAY_DATABASE", url)
    part = EntryPoint(NAME, f"{__name__}:from_environment", command.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _: from_environment)
    monkeypatch.setattr(command, "entry_points", lambda *, group: EntryPoints([part]).select(group=group))
    return package


def from_environment(environment: Any) -> SimpleNamespace:
    if "THROWAWAY_DATABASE" not in environment:
        raise BadSetting("THROWAWAY_DATABASE is not set")
    return SimpleNamespace(database=environment["THROWAWAY_DATABASE"])


def test_the_database_of_each_parts_settings_is_upgraded(
    package: ThrowawayPackage, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert db(["upgrade"]) == 0
    assert db(["upgrade"]) == 0
    assert capsys.readouterr().out == f"{NAME}: from nothing to 0001\n{NAME}: at 0001\n"
    require_current(url, NAME)


def test_a_program_gets_json(package: ThrowawayPackage, capsys: pytest.CaptureFixture[str]) -> None:
    assert db(["upgrade", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"package": NAME, "before": None, "after": "0001"}]


def test_the_database_that_is_named_is_the_one_upgraded(
    package: ThrowawayPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THROWAWAY_DATABASE")
    assert db(["upgrade", "--database", f"sqlite:///{tmp_path}/other.db"]) == 0
    require_current(f"sqlite:///{tmp_path}/other.db", NAME)


@pytest.mark.parametrize("arguments", [["--database", "mysql://u:secret@h/d"], []])
def test_what_cannot_be_upgraded_is_a_failure_with_its_reason(
    package: ThrowawayPackage,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("THROWAWAY_DATABASE")
    assert db(["upgrade", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("segue db upgrade: ")
    assert "secret" not in printed.err


def test_a_word_that_is_no_command_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as refused:
        db(["downgrade"])
    assert refused.value.code == 2


@pytest.mark.requirement("E5")
def test_both_servers_have_migrations_the_command_finds() -> None:
    assert {part.name for part in command.entry_points(group=command.GROUP)} == {"segue_authz", "segue_resource"}
