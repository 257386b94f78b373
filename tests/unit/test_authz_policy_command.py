"""`segue policy show`: what holds, where it comes from, and what it does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from segue_authz.domain.policy import MITIGATIONS
from segue_authz.domain.sign_in_policy import SETTINGS
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

SIGN_IN = """
[sign_in_policy]
max_age = 900
[sign_in_policy.clients.my-phone]
unbound_browser = "fresh"
[sign_in_policy.sensitivity.high]
max_age = 60
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SEGUE_AUTHZ_POLICY", raising=False)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    return file


def shown(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    assert main(["show", "--json", *options]) == 0
    return {row.get("mitigation") or row["sign_in"]: row for row in json.loads(capsys.readouterr().out)}


def test_every_mitigation_is_shown_with_its_section_value_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(capsys)
    assert list(rows) == [*(mitigation.slug for mitigation in MITIGATIONS), *SETTINGS]
    assert all(row["value"] is not None and row["does"] for row in rows.values())
    assert [row["section"] for row in rows.values() if "section" in row] == [f"6.1.{n}" for n in range(1, 18)]
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


@pytest.mark.requirement("A12")
def test_what_a_decision_needs_of_the_sign_in_is_shown_beside_them(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {name: (row["value"], row["from"]) for name, row in shown(capsys, "--sensitivity", "high").items()}
    preset = "preset balanced for sensitivity high"
    assert (told["max_age"], told["one_decision"]) == ((300, preset), ("require", preset))
    assert told["unbound_browser"] == ("accept", "preset balanced")
    file.write_text(POLICY + SIGN_IN)
    rows = shown(capsys, "--file", str(file), "--client", "my-phone", "--sensitivity", "high")
    told = {name: (row["value"], row["from"]) for name, row in rows.items() if "sign_in" in row}
    assert told == {
        "max_age": (60, "sensitivity high"),
        "strength": ("phishing_resistant", "preset strict for sensitivity high"),
        "one_decision": ("require", "preset strict for sensitivity high"),
        "unbound_browser": ("fresh", "preset strict for sensitivity high"),
    }
    rows = shown(capsys, "--file", str(file), "--client", "my-phone")
    told = {name: (row["value"], row["from"]) for name, row in rows.items() if "sign_in" in row}
    assert told["max_age"] == (900, "set for all")
    assert told["unbound_browser"] == ("fresh", "client my-phone")
    assert told["strength"] == ("phishing_resistant", "preset strict")


@pytest.mark.requirement("A12")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[sign_in_policy]\nmax_age = -1", "sign_in_policy.max_age is -1; it must be a whole number from 0 to 2592000"),
        ("[sign_in_policy]\nmax_age = true", "sign_in_policy.max_age is True"),
        ("[sign_in_policy]\nstrength = 'strong'", "must be one of any, phishing_resistant, require_phishing_resistant"),
        ("[sign_in_policy]\nmaxage = 1", "sign_in_policy.maxage is not a setting"),
        ("[sign_in_policy]\npreset = 'lax'", "sign_in_policy.preset is 'lax'"),
        ("[sign_in_policy.sensitivity]\nhigh = 1", "sign_in_policy.sensitivity must hold tables"),
        ("sign_in_policy = 1", "must hold one table or both of transfer_policy, sign_in_policy"),
        ("[signin_policy]\nmax_age = 1", "must hold one table or both of transfer_policy, sign_in_policy"),
        ("", "must hold one table or both of transfer_policy, sign_in_policy"),
    ],
)
def test_a_sign_in_policy_that_cannot_be_is_named(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    file.write_text(text)
    assert main(["show", "--file", str(file)]) == 1
    assert told in capsys.readouterr().err


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
