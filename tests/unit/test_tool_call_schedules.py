"""The rules of the tool call under schedules of faults: executed at most once, never lost, no stale result (T9).

Each schedule is a seed. `SEGUE_TEST_ROUNDS=full` runs 100,000 of them; specs/evidence/tool-call-schedules.md has the
figures.
"""

from collections import Counter

import pytest
from rounds import rounds
from segue_resource.domain.tool_call import Effect, State
from tool_call_flaws import FLAWS
from tool_call_simulation import Broken, Simulation

SCHEDULES = rounds(bounded=1_200, full=100_000)
EFFECTS = list(Effect)
SOON = 1_000
"""Schedules within which each flaw shows."""


def simulation(seed: int) -> Simulation:
    return Simulation(seed, effect=EFFECTS[seed % len(EFFECTS)])


@pytest.mark.requirement("T9", "R14", "R15", "R38", "R48")
def test_no_schedule_of_faults_executes_a_call_twice_or_loses_it() -> None:
    ends: Counter[tuple[Effect, State]] = Counter()
    ways: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        played = simulation(seed)
        call = played.run()
        ends[call.effect, call.state] += 1
        ways.update({line.split()[2].rstrip(":") for line in played.told})
    print(f"{SCHEDULES} schedules: {dict(ends)}, with {dict(ways)}")
    assert all(ends[effect, State.SUCCEEDED] > SCHEDULES / 6 for effect in Effect)
    assert all(ways[way] > SCHEDULES / 100 for way in ("crashes", "settle", "probe", "reconcile", "takes"))


@pytest.mark.requirement("T9", "R15")
@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_in_the_rules_is_found(monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    FLAWS[flaw](monkeypatch)
    assert any(is_broken(seed) for seed in range(SOON)), f"{SOON} schedules do not show it"


def is_broken(seed: int) -> bool:
    try:
        simulation(seed).run()
    except Broken:
        return True
    return False


@pytest.mark.requirement("T9")
def test_a_schedule_can_be_played_again() -> None:
    first, second = simulation(7), simulation(7)
    first.run()
    second.run()
    assert first.told == second.told
