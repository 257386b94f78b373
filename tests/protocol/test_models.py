"""The models in specs/models, in spin: what must hold does, and every fault is found."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from model_faults import TOOL_CALL, TRANSFER
from server_process import binary

MODELS = Path(__file__).parents[2] / "specs" / "models"
FAULTS = {"transfer": TRANSFER, "tool_call": TOOL_CALL}
PATIENCE = 60
"""Seconds for each program. All of them take four on an idle machine."""


def text(model: str) -> str:
    return (MODELS / f"{model}.pml").read_text()


FORMULAS = [(model, name) for model in FAULTS for name in re.findall(r"^ltl (\w+)", text(model), re.MULTILINE)]
PROPERTIES = [(model, name) for model, name in FORMULAS if not name.startswith("never_")]
WITNESSES = [(model, name) for model, name in FORMULAS if name.startswith("never_")]


class Checker:
    """A checker built from a model. One that searches breadth first finds the shortest way to a violation."""

    def __init__(self, folder: Path, model: str, *options: str, breadth_first: bool = False) -> None:
        self._folder, self._model, self._options = folder, f"{model}.pml", options
        self._spin = str(binary("spin"))
        (folder / self._model).write_text(text(model))
        self._run(self._spin, *options, "-a", self._model)
        search = ("-DBFS",) if breadth_first else ()
        self._run(str(binary("gcc")), "-w", "-O0", "-DSAFETY", *search, "-o", "pan", "pan.c")

    def holds(self, formula: str) -> bool:
        """Whether the formula holds in every state there is."""
        told = self._run("./pan", "-N", formula, "-m100000", "-w20")
        assert "max search depth too small" not in told
        found = re.search(r"errors: (\d+)", told)
        assert found, told
        assert ("Search not completed" in told) == (found[1] != "0"), told
        return found[1] == "0"

    def trace(self) -> list[str]:
        """What happened on the way to the violation found last, without the number of the server that did it."""
        told = self._run(self._spin, *self._options, "-t", self._model)
        steps, _, _ = told.partition("spin: trail ends")
        return [re.sub(r"^\d: ", "", line.strip()) for line in steps.splitlines() if not line.startswith("ltl ")]

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Checker]:
    built: dict[str, Checker] = {}

    def of(model: str) -> Checker:
        if model not in built:
            built[model] = Checker(tmp_path_factory.mktemp(model), model)
        return built[model]

    return of


@pytest.mark.requirement("A6", "PROFILE-redeem-once", "PROFILE-only-the-opener-decides", "XD-RACE-01", "XD-RACE-03")
@pytest.mark.requirement("T9", "R15")
@pytest.mark.parametrize(("model", "formula"), PROPERTIES)
def test_a_model_keeps_what_the_protocol_promises(checker: Callable[[str], Checker], model: str, formula: str) -> None:
    assert checker(model).holds(formula)


@pytest.mark.parametrize(("model", "formula"), WITNESSES)
def test_a_model_does_what_can_happen(checker: Callable[[str], Checker], model: str, formula: str) -> None:
    assert not checker(model).holds(formula)


@pytest.mark.requirement("XD-RACE-01", "XD-RACE-04", "XD-RACE-08", "T9", "R15")
@pytest.mark.parametrize(("model", "fault"), [(model, fault) for model in FAULTS for fault in FAULTS[model]])
def test_a_broken_rule_costs_the_property_it_is_for(tmp_path: Path, model: str, fault: str) -> None:
    formula, expected = FAULTS[model][fault]
    broken = Checker(tmp_path, model, f"-D{fault}", breadth_first=True)
    assert not broken.holds(formula)
    steps = broken.trace()
    remaining = iter(steps)
    assert all(step in remaining for step in expected), steps


@pytest.mark.parametrize("model", FAULTS)
def test_every_fault_a_model_can_have_is_tried(model: str) -> None:
    assert set(re.findall(r"^#(?:if|ifdef|ifndef) (\w+)", text(model), re.MULTILINE)) == set(FAULTS[model])
    assert {(model, formula) for formula, _ in FAULTS[model].values()} <= set(PROPERTIES)
