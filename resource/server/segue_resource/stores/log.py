"""What one transaction adds to a task's log: numbered and sealed as it comes, written at the end."""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.event import NewEvent
from segue_resource.stores import tables
from segue_resource.stores.task_keys import TaskKeys

_INSERT = sa.insert(tables.events)


class Log:
    """Whoever makes one holds the lock of the task's head, so the numbers after `head` are its own."""

    def __init__(self, task_id: str, actor: Actor, *, keys: TaskKeys, now: int, head: int) -> None:
        self.now = now
        self.head = head
        self._task_id = task_id
        self._actor = actor
        self._keys = keys
        self._pending: list[dict[str, Any]] = []

    def add(self, event: NewEvent, *, session_id: str | None = None) -> int:
        """Number the event; its sequence number."""
        self.head += 1
        sealed = self._keys.seal(event.body, sub=self._actor.sub, table=tables.events.name, row=str(self.head))
        self._pending.append(
            {
                "task_id": self._task_id,
                "seq": self.head,
                "kind": event.kind,
                "role": event.role,
                "at": self.now,
                "sub": self._actor.sub,
                "client_id": self._actor.client_id,
                "device_id": self._actor.device_id,
                "session_id": session_id,
                "size": sealed.size,
                "key_no": sealed.key_no,
                "sealed": sealed.value,
            }
        )
        return self.head

    def write(self, connection: sa.Connection) -> None:
        """Put the events into the table, in one statement."""
        if self._pending:
            connection.execute(_INSERT, self._pending)
