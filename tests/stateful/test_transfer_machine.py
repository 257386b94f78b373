"""Anything at any moment: transfers, their grants and everybody who touches them, against a model of them.

`SEGUE_TEST_EXAMPLES` sets the number of runs and makes them different each time; without it they are always the
same. With it, each seeded fault of transfer_faults.py must be found too.
"""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from transfer_faults import FAULTS
from transfer_machine import TransferMachine
from transfer_system import Template, make_template

EXAMPLES = os.environ.get("SEGUE_TEST_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or 100),
    stateful_step_count=30,
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.generate],
)
"""No time is spent on making a trace short: a run is short, and its trace is printed whole."""
FINDING = settings(SETTINGS, max_examples=300, derandomize=True)
"""Enough to find each seeded fault."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return asyncio.run(make_template(tmp_path_factory.mktemp("template")))


@pytest.mark.requirement(
    "A6", "A7", "PROFILE-redeem-once", "PROFILE-only-the-opener-decides", "PROFILE-rights-never-grow"
)
def test_whatever_happens_the_server_does_what_the_model_says(template: Template) -> None:
    run_state_machine_as_test(lambda: TransferMachine(template), settings=SETTINGS)


if EXAMPLES is not None:  # the full form: minutes for each fault

    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_machine_finds_the_fault(template: Template, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
        FAULTS[fault](monkeypatch)
        with pytest.raises(AssertionError):
            run_state_machine_as_test(lambda: TransferMachine(template), settings=FINDING)
