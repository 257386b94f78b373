"""What one transaction adds to a task's log: numbered and sealed as it comes, written at the end."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.event import LOST, Event, ExpiredEvent, LostEvent, NewEvent
from segue_resource.domain.kept_state import PREFIX as STATE
from segue_resource.stores import rows, tables
from segue_resource.stores.keys.task_keys import TaskKeys

_TABLE = tables.events.name
_EMPTY = b"{}"
_BESIDE = ("kind", "role", "at", "sub", "client_id", "device_id", "session_id")


class ShownEvent(msgspec.Struct, frozen=True):
    """An event as it is shown: the members of `Event`, with the body in the JSON that was sealed, which goes on unread.

    `elided_by` is there in a full view alone: the event that took this one out of the ordinary view.
    """

    seq: int
    kind: str
    role: str
    at: int
    actor: Actor
    session_id: str | None
    body: msgspec.Raw
    damaged: bool | msgspec.UnsetType = msgspec.UNSET
    expired: bool | msgspec.UnsetType = msgspec.UNSET
    elided_by: int | msgspec.UnsetType = msgspec.UNSET


def beside(row: sa.RowMapping | dict[str, Any]) -> list[Any]:
    """What stands readable beside the body of an event, and is sealed with it."""
    return [row[name] for name in _BESIDE]


def open_body(row: sa.Row[Any], keys: TaskKeys) -> dict[str, Any] | None:
    """The body of an event's row; None once the key of who wrote it has been destroyed. Raises `Damaged`."""
    body: dict[str, Any] | None = keys.unseal(
        row.key_no, row.sealed, table=_TABLE, row=str(row.seq), beside=beside(row._mapping)
    )
    return body


def open_event(row: sa.Row[Any], keys: TaskKeys) -> Event:
    """The event of a row. Raises `Damaged`."""
    return opened(next(show_events([row], keys)))


def opened(shown: ShownEvent) -> Event:
    """With its body as a value."""
    event = LostEvent if shown.damaged is True else ExpiredEvent if shown.expired is True else Event
    return event(
        shown.seq, shown.kind, shown.role, shown.at, shown.actor, shown.session_id, msgspec.json.decode(shown.body)
    )


def show_events(found: Iterable[Sequence[Any]], keys: TaskKeys, *, with_state: bool = False) -> Iterator[ShownEvent]:
    """The events of whole rows, in their order; of an agent's state only how large it is, unless `with_state`.

    Raises `Damaged`.
    """
    actors: dict[tuple[str, str | None, str | None], Actor] = {}
    for task_id, seq, kind, role, at, sub, client_id, device_id, session_id, size, key_no, sealed, _ in found:
        said = (sub, client_id, device_id)
        actor = actors.get(said) or actors.setdefault(said, Actor(*said))
        if kind.startswith(STATE) and not with_state:
            yield ShownEvent(seq, kind, role, at, actor, session_id, msgspec.Raw(b'{"bytes":%d}' % size))
            continue
        stands = [kind, role, at, sub, client_id, device_id, session_id]  # as `beside`
        body = keys.of(task_id).unseal_json(key_no, sealed, table=_TABLE, row=str(seq), beside=stands)
        shown = ShownEvent(seq, kind, role, at, actor, session_id, msgspec.Raw(body or _EMPTY))
        if kind == LOST:
            shown = msgspec.structs.replace(shown, damaged=True)
        elif not sealed:
            shown = msgspec.structs.replace(shown, expired=True)
        yield shown


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
        state_key: str | None = None,
    ) -> int:
        """Number the event; its sequence number. It is sealed under the actor's data key, or that of `sealed_for`.

        One that keeps or drops an entry of the agent's state is found again by its `state_key`.
        """
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
            "state_key": state_key,
        }
        sub = sealed_for or actor.sub
        sealed = self._keys.seal(event.body, sub=sub, table=_TABLE, row=str(self.head), beside=beside(row))
        self._pending.append({**row, "size": sealed.size, "key_no": sealed.key_no, "sealed": sealed.value})
        return self.head

    @property
    def pending(self) -> tuple[sa.Table, rows.Rows]:
        """What is to be put into the table."""
        return tables.events, self._pending

    def write(self, connection: sa.Connection) -> None:
        """Put the events into the table, in one statement."""
        rows.insert(connection, self.pending)
