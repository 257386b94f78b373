"""Anything at any moment: transfers, their grants and everybody who touches them, against a model of them.

The machine is held to seeded faults: each by a short run that must show it, and in the full form some by chance too.
`SEGUE_TEST_EXAMPLES` sets the number of runs and makes them different each time; without it they are always the same.
`SEGUE_TEST_ROUNDS=full` lets the machine search for some of the faults by chance; the figures are in
specs/evidence/transfer-machine.md.
"""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from rounds import FULL
from transfer_faults import FAULTS
from transfer_machine import TransferMachine
from transfer_system import Template, make_template
from transfer_traces import TRACES

EXAMPLES = os.environ.get("SEGUE_TEST_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or 80),
    stateful_step_count=30,
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
"""No time is spent on a shorter trace or another fault: a run is short, and its trace is printed whole."""
BY_CHANCE = (
    "check_then_act",
    "late_approval",
    "poll_writes_the_whole_row",
    "any_key_redeems",
    "any_browser_decides",
)
SEARCH = settings(SETTINGS, max_examples=1_000, derandomize=True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return asyncio.run(make_template(tmp_path_factory.mktemp("template")))


@pytest.fixture
def machine(template: Template) -> Iterator[TransferMachine]:
    machine = TransferMachine(template)
    yield machine
    machine.teardown()


@pytest.mark.requirement(
    "A6", "A7", "PROFILE-redeem-once", "PROFILE-only-the-opener-decides", "PROFILE-rights-never-grow"
)
def test_whatever_happens_the_server_does_what_the_model_says(template: Template) -> None:
    run_state_machine_as_test(lambda: TransferMachine(template), settings=SETTINGS)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_server_without_the_fault_does_what_the_model_says(machine: TransferMachine, fault: str) -> None:
    machine.play(TRACES[fault])


@pytest.mark.parametrize("fault", FAULTS)
def test_the_machine_sees_the_fault(machine: TransferMachine, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    FAULTS[fault](monkeypatch)
    with pytest.raises(AssertionError):
        machine.play(TRACES[fault])


if FULL:  # minutes for each fault

    @pytest.mark.parametrize("fault", BY_CHANCE)
    def test_the_machine_finds_the_fault(
        template: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
    ) -> None:
        runs = 0

        def next_machine() -> TransferMachine:
            nonlocal runs
            runs += 1
            return TransferMachine(template)

        FAULTS[fault](monkeypatch)
        with pytest.raises(AssertionError):
            run_state_machine_as_test(next_machine, settings=SEARCH)
        with capsys.disabled():
            print(f"\n{fault}: run {runs}")
