"""What one transaction adds to a task's log: numbered and sealed as it comes, written at the end."""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.event import LOST, Event, ExpiredEvent, LostEvent, NewEvent
from segue_resource.stores import rows, tables
from segue_resource.stores.keys.task_keys import TaskKeys

_BESIDE = ("kind", "role", "at", "sub", "client_id", "device_id", "session_id")


def beside(row: sa.RowMapping | dict[str, Any]) -> list[Any]:
    """What stands readable beside the body of an event, and is sealed with it."""
    return [row[name] for name in _BESIDE]


def open_body(row: sa.Row[Any], keys: TaskKeys) -> dict[str, Any] | None:
    """The body of an event's row; None once the key of who wrote it has been destroyed. Raises `Damaged`."""
    body: dict[str, Any] | None = keys.unseal(
        row.key_no, row.sealed, table=tables.events.name, row=str(row.seq), beside=beside(row._mapping)
    )
    return body


def open_event(row: sa.Row[Any], keys: TaskKeys) -> Event:
    """The event of a row. Raises `Damaged`."""
    event = LostEvent if row.kind == LOST else ExpiredEvent if not row.sealed else Event
    return event(
        seq=row.seq,
        kind=row.kind,
        role=row.role,
        at=row.at,
        actor=Actor(row.sub, row.client_id, row.device_id),
        session_id=row.session_id,
        body=open_body(row, keys) or {},
    )


class Log:
    """Whoever makes one holds the lock of the task's head, so the numbers after `head` are its own."""

    def __init__(self, task_id: str, actor: Actor, *, keys: TaskKeys, now: int, head: int) -> None:
        self.now = now
        self.head = head
        self._task_id = task_id
        self._actor = actor
        self._keys = keys
        self._pending: list[dict[str, Any]] = []

    def add(
        self,
        event: NewEvent,
        *,
        actor: Actor | None = None,
        session_id: str | None = None,
        sealed_for: str | None = None,
    ) -> int:
        """Number the event; its sequence number. It is sealed under the actor's data key, or that of `sealed_for`."""
        self.head += 1
        actor = actor or self._actor
        row = {
            "task_id": self._task_id,
            "seq": self.head,
            "kind": event.kind,
            "role": event.role,
            "at": self.now,
            "sub": actor.sub,
            "client_id": actor.client_id,
            "device_id": actor.device_id,
            "session_id": session_id,
        }
        sub = sealed_for or actor.sub
        sealed = self._keys.seal(event.body, sub=sub, table=tables.events.name, row=str(self.head), beside=beside(row))
        self._pending.append({**row, "size": sealed.size, "key_no": sealed.key_no, "sealed": sealed.value})
        return self.head

    def write(self, connection: sa.Connection) -> None:
        """Put the events into the table, in one statement."""
        rows.insert(connection, tables.events, self._pending)
