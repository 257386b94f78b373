"""Facts survive: for every sequence of append, put, compact and fold the durable items before are those after (G13).

`SEGUE_TEST_ROUNDS` sets the number of sequences of forty steps and makes them different each time.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from rounds import FULL, rounds
from segue_resource.domain import elision
from tiers_machine import TiersMachine

SETTINGS = settings(
    max_examples=rounds(bounded=5, full=25_000),
    stateful_step_count=40,
    derandomize=not FULL,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.generate],
)


@pytest.mark.requirement("T10", "R20", "R21")
def test_facts_survive_every_sequence_of_acts() -> None:
    run_state_machine_as_test(TiersMachine, settings=SETTINGS)


@pytest.mark.requirement("T10", "R21")
def test_the_machine_sees_a_compaction_that_takes_a_decision_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elision, "HIDES", {**elision.HIDES, elision.Why.COMPACTED: lambda kind: True})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(TiersMachine, settings=SETTINGS)
