"""The epoch of each task: which of a person's devices it moved to last (specs/protocol.md section 7)."""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from segue_authz.domain.grant import Grant
from segue_authz.stores.insert import insert_if_absent, insert_those_absent
from segue_authz.stores.tables import task_epochs

_EPOCHS = sa.select(task_epochs.c.task_id, task_epochs.c.epoch).where(
    task_epochs.c.task_id.in_(sa.bindparam("task_ids", expanding=True))
)
_MOVED = task_epochs.update().values(epoch=task_epochs.c.epoch + 1, moved_by=sa.bindparam("by"))


def _begin_epoch(connection: sa.Connection, task_id: str) -> None:
    insert_if_absent(connection, task_epochs, {"task_id": task_id, "epoch": 1})


def hold_epoch(connection: sa.Connection, task_id: str) -> None:
    """Keep everybody else from moving the task until this transaction ends."""
    _begin_epoch(connection, task_id)
    own = sa.select(task_epochs.c.epoch).where(task_epochs.c.task_id == task_id)
    connection.execute(own.with_for_update(key_share=True))


def hold_epochs(connection: sa.Connection, task_ids: Collection[str]) -> set[str]:
    """`hold_epoch` for several; those that somebody else holds are left out."""
    begun = [{"task_id": task_id, "epoch": 1} for task_id in sorted(task_ids)]
    insert_those_absent(connection, task_epochs, begun, task_epochs.c.task_id)
    free = _EPOCHS.with_for_update(key_share=True, skip_locked=True)
    return {row.task_id for row in connection.execute(free, {"task_ids": list(task_ids)}).all()}


def raise_epochs(connection: sa.Connection, moved: Sequence[Grant]) -> None:
    """`raise_epoch` for the tasks of these grants, which are held and have been moved by those who get them."""
    if moved:
        by = [{"id": grant.task_id, "by": grant.subject} for grant in moved]
        connection.execute(_MOVED.where(task_epochs.c.task_id == sa.bindparam("id")), by)


def raise_epoch(connection: sa.Connection, task_id: str, subject: str) -> int:
    """The person has moved the task between their devices: one more (specs/protocol.md section 7)."""
    statement = (
        task_epochs.update()
        .where(task_epochs.c.task_id == task_id)
        .values(epoch=task_epochs.c.epoch + 1, moved_by=subject)
        .returning(task_epochs.c.epoch)
    )
    return int(connection.execute(statement).scalar_one())


def epoch_of(connection: sa.Connection, task_id: str) -> int:
    """Its first, if it has none yet."""
    _begin_epoch(connection, task_id)
    return epochs_of(connection, [task_id])[task_id]


def epochs_of(connection: sa.Connection, task_ids: Collection[str]) -> Mapping[str, int]:
    """Of tasks that have one."""
    return {row.task_id: row.epoch for row in connection.execute(_EPOCHS, {"task_ids": list(set(task_ids))}).all()}
