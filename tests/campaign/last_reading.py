"""The last reading of the servers: tasks over HTTP, as their holders see them, and what is decided in the database."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from history.reading import GrantReading, LoggedEvent, Reading, TaskReading, TransferReading
from segue_authz.stores.tables import grants, task_epochs, transfers
from segue_storage.database import open_database

from campaign.recording import event_digest
from campaign.worker import Worker


async def read_again(workers: Sequence[Worker], *, database: str) -> Reading:
    """Of the tasks that the workers have, and of every grant and transfer."""
    epochs = dict(await _rows(database, sa.select(task_epochs.c.task_id, task_epochs.c.epoch)))
    held = await _rows(database, sa.select(grants.c.grant_id, grants.c.generation, grants.c.revoked_at))
    of_transfer = await _rows(database, sa.select(grants.c.transfer_id, grants.c.grant_id))
    decided = await _rows(
        database,
        sa.select(transfers.c.transfer_id, transfers.c.state, transfers.c.mode, transfers.c.task_id),
    )
    return Reading(
        tasks={worker.grant.task_id: await _task(worker, epochs) for worker in workers},
        grants={grant: GrantReading(generation, revoked is not None) for grant, generation, revoked in held},
        transfers={
            transfer: TransferReading(
                state, mode or "", task or "", tuple(grant for of, grant in of_transfer if of == transfer)
            )
            for transfer, state, mode, task in decided
        },
    )


async def _task(worker: Worker, epochs: dict[str, int]) -> TaskReading:
    events = [
        LoggedEvent(
            event["seq"],
            event["kind"],
            event_digest(event),
            event["body"]["text"] if event["kind"] == "message" else None,
            event["body"],
        )
        for event in await worker.log()
    ]
    item = await worker.item()
    calls = {call_id: await worker.call(call_id) for call_id in worker.tools.calls}
    return TaskReading(
        events,
        items={} if item is None else {"plan": (item["version"], item["body"])},
        calls={call_id: (call["state"], call["result"]) for call_id, call in calls.items()},
        epoch=epochs[worker.grant.task_id],
    )


async def _rows(url: str, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
    database = open_database(url, threads=1)
    try:
        return await database.read(lambda connection: [tuple(row) for row in connection.execute(statement)])
    finally:
        await database.aclose()
