"""What the server finds wrong by itself: a few tasks an hour are verified, those first that were not for longest.

It tells and counts, and repairs nothing: that is an operator's decision (`segue tasks verify --repair`).
"""

import logging

from segue.clock import Clock
from segue_storage.database import Database

from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.scrub.run import verify_oldest

TASKS = 20
"""Tasks that one process verifies in a round."""
AGAIN_AFTER = 7 * 86_400
"""Seconds after which a task is verified again."""

_log = logging.getLogger(__name__)


async def scrub_some(database: Database, *, keeper: Keeper, clock: Clock) -> int:
    """Verify what is due, task by task, in small reads; how many faults. Raises what the database raises."""
    faults = 0
    for _ in range(TASKS):
        verified = await verify_oldest(database, keeper=keeper, now=clock(), every=AGAIN_AFTER)
        if verified is None:
            break
        for fault in verified.faults:
            _log.error("what is stored of a task is damaged: %s", fault, extra=dict(fault.shown()))
        faults += len(verified.faults)
    return faults
