"""Two processes of each server at work while processes, PostgreSQL or Redis fail: nothing acknowledged is lost.

People with several devices each append, change the working set, run tool calls, refresh, and move their task, all at
once and over HTTP. What they asked and were told, unknown answers among it, and a last reading of the servers are
judged by the history checker. The bounded form has one fight for each kind of fault. `SEGUE_TEST_ROUNDS` asks for that
many rounds instead, in each of which every fault has a fight of its own; dice choose processes, statements and
moments, by a seed that is printed and that `SEGUE_TEST_SEED` sets. The full form is 5 rounds, and comes to
each write point of each server, before and after it.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import randrange

import pytest
from campaign import faults
from campaign.faults import OF_POSTGRESQL, OF_PROCESSES, OF_REDIS, Fault, cut_at, kill_at
from campaign.ground import Ground, held_ground
from campaign.run import fight
from campaign.wire import MOMENTS
from rounds import FULL, rounds

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.postgresql,
    pytest.mark.redis,
    pytest.mark.requirement("E5", "T7", "T8", "T9", "T11", "A7", "R19", "R24", "R34", "R38", "R48", "R59", "R61"),
]

ROUNDS = rounds(bounded=0, full=5)
SEED = int(os.environ.get("SEGUE_TEST_SEED", "") or (randrange(10**6) if ROUNDS else 0))
RECOVERY = 15.0
"""Seconds within which everything is as before, once the fault is over: as long as a process takes to notice."""

BOUNDED = {"Redis": OF_REDIS, "PostgreSQL": OF_POSTGRESQL, "processes": OF_PROCESSES}
EACH = {fault.__name__: (fault,) for fault in (faults.nothing, *OF_PROCESSES, *OF_POSTGRESQL, *OF_REDIS)}
FIGHTS = [pytest.param(coming, id=f"{name}, {number}") for number in range(ROUNDS) for name, coming in EACH.items()]
FIGHTS = FIGHTS or [pytest.param(coming, id=name) for name, coming in BOUNDED.items()]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    people, outage = (3, 2.0) if ROUNDS else (1, 0.7)
    with held_ground(tmp_path_factory.mktemp("ground"), people=people, seed=SEED, outage=outage) as held:
        print(f"\nSEGUE_TEST_SEED={SEED}")
        yield held


@pytest.mark.parametrize("coming", FIGHTS)
async def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    ground: Ground, coming: tuple[Fault, ...], tmp_path: Path
) -> None:
    await _fight(ground, *coming, folder=tmp_path)


async def test_killed_and_cut_off_at_each_write_point_before_and_after_it(ground: Ground, tmp_path: Path) -> None:
    """At those that were come to before; the bounded form at commits."""
    if FULL:
        await _fight(ground, faults.nothing, folder=tmp_path)
    passed = [(kind, point) for kind in ("authz", "resource") for point in ground.cluster.write_points(kind).elements()]
    if FULL:
        chosen = [(kind, point, moment) for kind, point in sorted(set(passed)) for moment in MOMENTS]
    else:
        commits = [(kind, point) for kind, point in sorted(passed) if point.startswith("COMMIT")]
        chosen = [(*ground.dice.choice(commits), ground.dice.choice(MOMENTS))]
    for number, (kind, point, moment) in enumerate(chosen):
        (folder := tmp_path / str(number)).mkdir()
        there = {"kind": kind, "point": point, "moment": moment}
        await _fight(ground, partial(kill_at, **there), partial(cut_at, **there), folder=folder)


async def _fight(ground: Ground, *coming: Fault, folder: Path) -> None:
    fought = await fight(ground, *coming, folder=folder)
    print(f"\n{fought}", end="")
    assert not fought.violations, "\n".join(map(str, fought.violations[:10]))
    assert fought.recovery < RECOVERY
