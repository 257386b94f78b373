"""`segue acceptance`: what it says of each row, and when it cannot say anything."""

import json
from pathlib import Path

import pytest
from segue_demo import acceptance
from segue_demo.acceptance import Case, Row

TEXTS = {"R1": "Task is the unit of memory", "R2": "A name", "R3": "A working set", "R4": "A session"}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with four rows, three of which have a test, one of which fails and one of which is skipped."""
    rows = [f'[[requirement]]\nid = "{row}"\ntext = "{text}"\n' for row, text in TEXTS.items()]
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "requirements.toml").write_text(
        "\n".join([*rows, '[[requirement]]\nid = "RFC1-1"\ntext = "-"\n'])
    )
    folder = tmp_path / "tests" / "acceptance"
    folder.mkdir(parents=True)
    (folder / "test_rows.py").write_text(
        "import pytest\n"
        '@pytest.mark.parametrize("kind", [1, pytest.param(2, marks=pytest.mark.skip(reason="not here"))])\n'
        "def test_r1_holds(kind): pass\n"
        "def test_r2_does_not(): assert 1 == 2\n"
        "@pytest.mark.skip\n"
        "def test_r4_was_never_run(): pass\n"
        "def helper_r3(): pass\n"
    )
    monkeypatch.setattr(acceptance, "CLONE", tmp_path)
    return tmp_path


def states(rows: list[Row]) -> dict[str, str]:
    return {row.id: row.state for row in rows}


@pytest.mark.requirement("E6")
def test_each_row_is_printed_with_its_text_and_what_its_tests_said(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert acceptance.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "R1   passed     Task is the unit of memory"
    assert "not here" in lines[1]
    assert lines[2] == "R2   failed     A name"
    assert "assert 1 == 2" in lines[3]
    assert lines[4] == "R3   not built  A working set"
    assert lines[5] == "R4   failed     A session"
    assert lines[-1] == "1 of 4"


@pytest.mark.requirement("E6")
def test_programs_get_the_same_as_json(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert acceptance.main(["--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["score"], told["of"]) == (1, 4)
    assert [row["state"] for row in told["rows"]] == ["passed", "failed", "not built", "failed"]


@pytest.mark.requirement("E6")
def test_the_list_runs_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert acceptance.main(["--list"]) == 0
    assert states(acceptance.listed(clone)) == {"R1": "built", "R2": "built", "R3": "not built", "R4": "built"}
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 4"


@pytest.mark.requirement("E6")
def test_when_every_built_row_passes_the_exit_status_is_0(clone: Path) -> None:
    (clone / "tests" / "acceptance" / "test_rows.py").write_text("def test_r1_holds(): pass\n")
    assert acceptance.main(["--json"]) == 0


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("missing", ["specs/requirements.toml", "tests/acceptance/test_rows.py"])
def test_without_a_clone_it_says_so_and_the_exit_status_is_2(
    clone: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (clone / missing).unlink()
    assert acceptance.main([]) == 2
    assert "clone" in capsys.readouterr().err


@pytest.mark.requirement("E6")
def test_without_pytest_it_says_so(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(acceptance, "find_spec", lambda _: None)
    assert acceptance.main([]) == 2
    assert "./check" in capsys.readouterr().err


@pytest.mark.requirement("E6")
def test_a_test_that_cannot_even_be_read_by_pytest_fails_its_row(clone: Path) -> None:
    (clone / "tests" / "acceptance" / "test_rows.py").write_text("import nowhere_at_all\ndef test_r1_holds(): pass\n")
    assert states(acceptance.run(clone))["R1"] == "failed"


@pytest.mark.requirement("E6")
@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "skipped"], "passed"),
        (["skipped"], "failed"),
        (["passed", "failed"], "failed"),
        ([], "failed"),
    ],
)
def test_a_row_passes_if_some_case_did_and_none_failed(outcomes: list[str], state: str) -> None:
    cases = [Case("R1", outcome) for outcome in outcomes]
    assert states(acceptance.judged({"R1": "x"}, tested={"R1"}, cases=cases)) == {"R1": state}
