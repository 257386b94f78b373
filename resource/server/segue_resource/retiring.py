"""Carries out the retention policy, task by task and act by act, each in a transaction of its own (T19).

It can be stopped anywhere and begun again, by a server in its hourly round or by `segue tasks retain`, and any number
of processes may do it at once.
"""

import logging
from collections.abc import AsyncIterator

from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable

from segue_resource.domain.retention import Retention
from segue_resource.stores.ending import retention
from segue_resource.stores.finding import search_index
from segue_resource.stores.keys import retirement
from segue_resource.stores.keys.key_wrapper import KeysUnavailable
from segue_resource.stores.keys.retirement import Done
from segue_resource.stores.keys.task_keys import Keeper

MOST = 100
"""Tasks looked up at once."""

_log = logging.getLogger(__name__)


async def retire(database: Database, policy: Retention, *, keeper: Keeper, clock: Clock) -> AsyncIterator[Done]:
    """Do all that is due; each thing done. Raises what the database raises, and `KeysUnavailable`."""
    dropped = 0
    while task_ids := await database.read(lambda connection: retention.due(connection, policy, now=clock(), most=MOST)):
        for task_id in task_ids:
            while done := await _visit(database, task_id, policy, keeper=keeper, clock=clock):
                dropped += done.rows
                yield done
    if dropped:
        await database.write(search_index.merge)


async def retire_all(database: Database, policy: Retention, *, keeper: Keeper, clock: Clock) -> int:
    """As `retire`; how much that was."""
    return len([done async for done in retire(database, policy, keeper=keeper, clock=clock)])


async def _visit(database: Database, task_id: str, policy: Retention, *, keeper: Keeper, clock: Clock) -> Done | None:
    """A task with which something is wrong keeps no others waiting: it is looked at again in a week."""
    try:
        return await database.write(
            lambda connection: retirement.visit(connection, task_id, policy, keeper=keeper, now=clock()),
            together=task_id,
        )
    except (DatabaseUnavailable, KeysUnavailable):
        raise
    except Exception:
        _log.exception("the retention policy could not be carried out for %s", task_id)
        await database.write(lambda connection: retention.postpone(connection, task_id, policy, now=clock()))
        return None
