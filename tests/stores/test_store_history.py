"""What racing processes see of the stores could have been seen one after the other, also when some are killed.

`SEGUE_TEST_ROUNDS=full` races 1,000 redemptions at once, and kills at many more points; see specs/evidence.
"""

from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from random import Random
from typing import Any

import pytest
from dying_database import Death, open_dying_stores
from faulty_grants import CodeCheckThenAct, RotatesWithoutCompare
from faulty_transfers import CheckThenAct, EpochAfter, GrantFirst, LostUpdate
from rounds import FULL, rounds
from segue_authz.store_contract import TRIALS, ContractBroken, Law, OpenStores, Outcome, Size, run_trial
from segue_authz.store_contract.model import Redeem, Spend
from segue_authz.store_contract.trial import codes, decisions, redemptions, refreshes

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["__main__", "dying_database", "segue_authz.store_contract.trial", "psycopg"])
MANY, AT_LEAST = (Size(processes=8, tasks=145), 1000) if FULL else (Size(processes=4, tasks=25), 80)
FEW = Size(processes=4, tasks=6, steps=6)
ROUNDS = rounds(bounded=2, full=25)


@pytest.mark.requirement("XD-RACE-01", "XD-RACE-10", "PROFILE-redeem-once", "E5")
@pytest.mark.parametrize("prepare", [redemptions, codes])
def test_of_many_redemptions_at_once_in_several_processes_one_happens(
    open_stores: OpenStores, prepare: Callable[..., object]
) -> None:
    outcome = run_trial(prepare, open_stores, size=MANY, seed=f"many/{prepare.__name__}", context=PROCESSES)
    tried = [each for each in outcome.operations if isinstance(each.call, Redeem | Spend)]
    assert len(tried) >= AT_LEAST
    assert (outcome.unknown, outcome.killed, outcome.failures) == (0, 0, [])
    _tell(outcome, prepare)
    print(f"{len(tried)} of them redemptions")


@pytest.mark.requirement("XD-RACE-03", "XD-RACE-04", "XD-RACE-06", "XD-RACE-07", "XD-RACE-10")
@pytest.mark.parametrize("prepare", [decisions, refreshes])
def test_decisions_and_refreshes_at_once_could_have_been_made_one_after_the_other(
    open_stores: OpenStores, prepare: Callable[..., object]
) -> None:
    for number in range(ROUNDS // 2):
        outcome = run_trial(prepare, open_stores, size=FEW, seed=f"{prepare.__name__}/{number}", context=PROCESSES)
        assert (outcome.unknown, outcome.killed, outcome.failures) == (0, 0, [])
        _tell(outcome, prepare)


@pytest.mark.requirement("XD-RACE-01", "XD-RACE-04", "XD-RACE-06", "XD-RACE-10", "R19")
@pytest.mark.parametrize("prepare", TRIALS, ids=lambda each: each.__name__)
def test_processes_that_are_killed_while_they_write_leave_a_history_that_holds(
    open_stores: OpenStores, prepare: Callable[..., object]
) -> None:
    (url,) = open_stores.args  # type: ignore[attr-defined]
    killed = 0
    for number in range(ROUNDS):
        dice = Random(f"{prepare.__name__}/{number}")
        mortal = [partial(open_dying_stores, url, Death.drawn(dice, writes=3)) for _ in range(2)]
        outcome = run_trial(
            prepare, open_stores, size=FEW, seed=f"killed/{prepare.__name__}/{number}",
            open_mortal=mortal, dies_after=_now_and_then, context=PROCESSES,
        )  # fmt: skip
        killed += outcome.killed
        assert outcome.failures == []
        _tell(outcome, prepare)
    assert killed >= ROUNDS


@pytest.mark.requirement("XD-RACE-01", "XD-RACE-04", "XD-RACE-06")
@pytest.mark.parametrize(
    ("prepare", "place", "fault"),
    [
        (redemptions, "transfers", CheckThenAct),
        (decisions, "transfers", LostUpdate),
        (refreshes, "grants", RotatesWithoutCompare),
        (codes, "codes", CodeCheckThenAct),
    ],
)
def test_the_history_of_a_faulty_store_does_not_hold(
    open_stores: OpenStores, prepare: Callable[..., object], place: str, fault: type
) -> None:
    _require_rejected(prepare, partial(open_stores, **{place: fault}), seed=fault.__name__, size=FEW)


@pytest.mark.requirement("XD-RACE-09", "R19")
@pytest.mark.parametrize("fault", [EpochAfter, GrantFirst])
def test_a_kill_between_two_transactions_of_one_step_is_seen(open_stores: OpenStores, fault: type) -> None:
    (url,) = open_stores.args  # type: ignore[attr-defined]
    mortal = partial(open_dying_stores, url, Death(1, "before", 1), transfers=fault)
    one = Size(processes=1, tasks=1)
    _require_rejected(redemptions, open_stores, seed=f"between/{fault.__name__}", size=one, open_mortal=[mortal])


def _require_rejected(prepare: Callable[..., object], opens: OpenStores, *, seed: str, **further: Any) -> None:
    """By one of a few races, because one alone may go well."""

    def race() -> None:
        for number in range(20):
            run_trial(prepare, opens, seed=f"{seed}/{number}", context=PROCESSES, **further)

    with pytest.raises(ContractBroken) as broken:
        race()
    assert broken.value.law is Law.LINEARIZABLE


def _now_and_then(dice: Random) -> float | None:
    """Half of those that are not killed at a point of a write are killed at some time."""
    return dice.uniform(0, 0.05) if dice.random() < 0.5 else None


def _tell(outcome: Outcome, prepare: Callable[..., object]) -> None:
    """For the evidence: `pytest -s`."""
    operations = len(outcome.operations)
    print(f"{prepare.__name__}: {operations} operations, {outcome.unknown} unknown, {outcome.killed} processes killed")
