"""`segue user`: an operator lets a person back in, once, and sees how they can sign in."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from segue_authz import command
from segue_authz.domain import recovery_code
from segue_authz.domain.identifier import Random

pytestmark = pytest.mark.requirement("A12")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    for name in ("SEGUE_AUTHZ_DATABASE", "SEGUE_AUTHZ_REDIS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "authz-secret").write_bytes(b"s" * 32)
    monkeypatch.setattr("sys.stdin", StringIO("correct horse battery\n"))
    assert command.user(["add", "ada@example.com", "--json"]) == 0
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert command.user([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_operator_makes_a_code_for_one_person(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (told(capsys, "recovery", "Ada@example.com", "--hours", "2") for _ in range(2))
    assert first["recovery_code"] != second["recovery_code"]
    assert recovery_code.normalise(first["recovery_code"]) is not None
    stored = (state / "authz.db").read_bytes()
    assert first["recovery_code"].encode() not in stored
    assert first["recovery_code"].replace("-", "").encode() not in stored
    shown = told(capsys, "show", "ada@example.com")
    assert (shown["password"], shown["passkeys"], shown["recovery_codes"]) == (True, [], 0), "their own are none"


@pytest.mark.parametrize("hours", ["0", "-1", "169", "x", "\u0663", "9" * 5000])
def test_a_code_is_good_for_some_hours(state: Path, hours: str) -> None:
    with pytest.raises(SystemExit):
        command.user(["recovery", "ada@example.com", "--hours", hours])


def test_nobody_is_let_in_who_is_not_there(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.user(["recovery", "nobody"]) == 1
    assert "there is no user nobody" in capsys.readouterr().err
    (state / "authz-secret").unlink()
    assert command.user(["recovery", "ada@example.com"]) == 1
    assert "SEGUE_AUTHZ_SECRET_FILE" in capsys.readouterr().err


def test_every_letter_of_a_code_is_as_likely() -> None:
    drawn: list[int] = []

    def counted(size: int) -> bytes:
        drawn.append(size)
        return bytes((len(drawn) * 37 + each * 11) % 256 for each in range(size))

    random: Random = counted
    codes = [recovery_code.generate(random) for _ in range(2000)]
    letters = [sum(code.count(letter) for code in codes) for letter in recovery_code.ALPHABET]
    assert sum(letters) == 2000 * recovery_code.LENGTH
    assert max(letters) < 1.2 * min(letters)
    assert {recovery_code.normalise(code) for code in codes} == {code.replace("-", "") for code in codes}
