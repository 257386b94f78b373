"""`segue bench`: which subjects run, and an exit status that tells whether every target is met."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from segue_bench import command, subjects
from segue_bench.measure import Figure, Missing, Of, Plan, Result, Say, at_most
from segue_bench.subjects import SUBJECTS, Subject

pytestmark = pytest.mark.requirement("E5")


def result(name: str, measured: float) -> Result:
    figures = [Figure.rates("x", [1], of=Of.SEGUE)]
    return Result(figures, [at_most("x", measured, 1.4, reason="the disk is slow")], subject=name, about=name)


class Made(Subject):
    """Stands in for a subject, and remembers the plan."""

    plans: list[Plan] = []  # noqa: RUF012

    def run(self, plan: Plan, say: Say) -> Result:
        self.plans.append(plan)
        say("measuring")
        if self.about == "missing":
            raise Missing("there is no oven")
        return result(self.name, float(self.about))  # a word breaks it


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def choose(**found: str) -> None:
        Made.plans.clear()
        monkeypatch.setattr(command, "SUBJECTS", tuple(Made(name, what, "") for name, what in found.items()))

    return choose


def test_it_succeeds_when_every_target_is_met(
    chosen: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen(one="1.2", two="1.4")
    assert command.main(["--quick", "--rounds", "7", "--peers", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "All 2 targets met" in printed.out
    assert printed.err == "one: measuring\ntwo: measuring\n"
    assert Made.plans == [Plan(quick=True, rounds=7, peers=tmp_path)] * 2


def test_a_missed_target_is_exit_status_1_with_its_reason(
    chosen: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(one="1.2", two="1.5")
    assert command.main([]) == 1
    assert "the disk is slow" in capsys.readouterr().out


def test_only_what_was_asked_for_is_measured(
    chosen: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen(one="1.2", two="1.5")
    assert command.main(["one", "--json", "--report", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["subject"] for each in document["results"]] == ["one"]
    assert {"processor", "load"} <= document["conditions"].keys()
    assert {file.name for file in tmp_path.iterdir()} == {"bench.md", "bench.html", "bench.json"}


def test_what_cannot_be_had_is_said_and_is_no_failure(
    chosen: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(one="missing", two="1")
    assert command.main([]) == 0
    assert "not measured: one: there is no oven" in capsys.readouterr().out


def test_a_subject_that_breaks_is_exit_status_2_and_takes_no_other_with_it(
    chosen: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen(one="burnt", two="1")
    assert command.main(["--report", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "All 1 targets met; one broke" in printed.out
    assert "not measured: one: it broke (ValueError)" in printed.out
    assert "could not convert string to float: 'burnt'" in printed.err
    assert "burnt" not in (tmp_path / "bench.html").read_text("utf-8")


@pytest.mark.parametrize("wrong", [["cakes"], ["--rounds", "0"], ["--rounds", "x"], ["--rounds", "1000000"]])
def test_a_wrong_command_line_is_exit_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(wrong)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_lists_the_subjects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    printed = capsys.readouterr().out
    assert all(subject.name in printed and subject.about in printed for subject in SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_subjects_module_can_run_and_is_named_as_in_the_list(subject: Subject) -> None:
    module = import_module(subject.module)
    assert module.__name__.rpartition(".")[2] == subject.name.replace("-", "_")
    assert callable(module.run)
    assert subjects.__name__ in subject.module
