"""`segue policy show`: what holds, where it comes from, and what it does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from segue_authz.domain.policy import MITIGATIONS
from segue_authz.policy_command import main

pytestmark = pytest.mark.requirement("A11")
POLICY = """
[transfer_policy]
preset = "strict"
rate_limits = 5
[transfer_policy.clients.my-phone]
short_lived_codes = 45
establish_proximity = "show"
[transfer_policy.sensitivity.high]
establish_proximity = "require"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SEGUE_AUTHZ_POLICY", raising=False)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    return file


def shown(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    assert main(["show", "--json", *options]) == 0
    return {row["mitigation"]: row for row in json.loads(capsys.readouterr().out)}


def test_every_mitigation_is_shown_with_its_section_value_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(capsys)
    assert list(rows) == [mitigation.slug for mitigation in MITIGATIONS]
    assert all(row["value"] is not None and row["does"] for row in rows.values())
    assert [row["section"] for row in rows.values()] == [f"6.1.{number}" for number in range(1, 18)]
    always = {slug for slug, row in rows.items() if row["from"] is None}
    assert always == {mitigation.slug for mitigation in MITIGATIONS if mitigation.setting is None}


def test_every_value_says_where_it_comes_from(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(capsys, "--file", str(file), "--client", "my-phone", "--sensitivity", "high")
    assert (rows["rate_limits"]["value"], rows["rate_limits"]["from"]) == (5, "set for all")
    assert (rows["short_lived_codes"]["value"], rows["short_lived_codes"]["from"]) == (45, "client my-phone")
    assert (rows["establish_proximity"]["value"], rows["establish_proximity"]["from"]) == (
        "require",
        "sensitivity high",
    )
    assert (rows["one_time_codes"]["value"], rows["one_time_codes"]["from"]) == ("void", "preset strict")


def test_without_a_client_its_values_do_not_hold(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_AUTHZ_POLICY", str(file))
    rows = shown(capsys)
    assert (rows["short_lived_codes"]["value"], rows["short_lived_codes"]["from"]) == (60, "preset strict")


def test_people_read_value_origin_and_meaning_in_lines_that_fit(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert main(["show", "--file", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "6.1.11   rate_limits = 5 (set for all)" in lines
    assert "6.1.8    trusted_networks = any (preset strict)" in lines
    assert max(map(len, lines)) <= 97


def test_a_file_that_cannot_be_used_is_named_and_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--file", str(tmp_path / "missing.toml")]) == 1
    assert f"the policy file {tmp_path / 'missing.toml'} cannot be read" in capsys.readouterr().err


def test_who_reads_only_the_beginning_sees_no_traceback() -> None:
    program = [str(Path(sys.executable).parent / "segue"), "policy", "show"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        told = process.stderr.read()
    assert told == b""
