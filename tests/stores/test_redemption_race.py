"""Eight processes redeem one transfer at once, round after round: one wins, and the epoch rises once.

`SEGUE_TEST_ROUNDS` sets the number of rounds; the full form is 50, with 200 redemptions in each (rounds.py).
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from redemption_race import PROCESSES, approved, enrol, meet_at, outcome, redeem_together, take_back
from rounds import rounds
from segue_storage.migrations import upgrade

ROUNDS = rounds(bounded=6, full=50)


@pytest.fixture
def racers() -> Iterator[ProcessPoolExecutor]:
    context = get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, initializer=meet_at, initargs=(barrier,)) as pool:
        yield pool


@pytest.mark.requirement("XD-RACE-01", "XD-RACE-10", "PROFILE-redeem-once", "E5")
def test_of_two_hundred_redemptions_from_eight_processes_one_wins(
    racers: ProcessPoolExecutor, database_url: str
) -> None:
    upgrade(database_url, "segue_authz")
    subject, source = asyncio.run(enrol(database_url))
    for round_number in range(1, ROUNDS + 1):
        transfer_id = asyncio.run(approved(database_url, subject, source))
        futures = [racers.submit(redeem_together, database_url, transfer_id) for _ in range(PROCESSES)]
        grants = [grant_id for future in futures for grant_id in future.result(60) if grant_id]
        assert len(grants) == 1
        won, epoch = asyncio.run(outcome(database_url, transfer_id))
        assert won == grants[0]
        assert epoch == 1 + round_number
        source = asyncio.run(take_back(database_url, subject))
