"""What `segue bench adapters` measures: each framework's turns are in the task afterwards (E2, G17)."""

import asyncio
import sys
from pathlib import Path

import pytest
import segue_bench.subjects.adapters as subject
from journey import Journey
from segue_bench.measure import Of
from segue_bench.peers import Peer
from segue_bench.subjects.store_peers.turns import turns
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2")]

PROGRAMS = Path(subject.__path__[0]) / "frameworks"


@pytest.mark.parametrize("program", subject.FRAMEWORKS.values())
async def test_a_turn_of_each_framework_is_kept_in_the_task(journey: Journey, program: str) -> None:
    grant = await journey.begin()
    state = TaskState(grant, store=journey.site.store)
    task = subject.handed_over(grant, store=journey.site.store)
    peer = Peer([sys.executable, "serve.py", program], PROGRAMS)
    try:
        await asyncio.to_thread(peer.ask, {"begin": "one", "own": None, "task": task, "said": turns(0, 3)})
        before = {entry.key async for entry in state.scan("")}
        asked = {"go_on": "one", "said": turns(3, 2), "patience": 60}
        taken = await asyncio.to_thread(peer.ask, asked)
    finally:
        peer.close()
    after = {entry.key: str(entry.value) async for entry in state.scan("")}
    assert len(taken) == 2
    assert len(after.keys() - before) >= 2


def test_a_turn_that_grows_with_its_depth_misses_its_target() -> None:
    ways = [
        subject._Way("Any", where, depth, peer=None, database=Path(), times=[[1.0]], sizes=[size])  # type: ignore[arg-type]
        for where, depth, size in (
            (subject.OWN, 100, 1.0),
            (subject.TASK, 100, 2.0),
            (subject.OWN, 10_000, 90.0),
            (subject.TASK, 10_000, 5.0),
        )
    ]
    (target,) = subject._targets(ways)
    assert not target.met
    assert [figure.of for figure in subject._figures(ways)][:2] == [Of.PEER, Of.SEGUE]
