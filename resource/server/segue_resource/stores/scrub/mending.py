"""Puts a damaged task back to what can be read, in one transaction that holds its head, and says so in its log.

Whatever is changed or taken out is put in quarantine first, row by row, as it was found: nothing is lost by repairing.
"""

import base64
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.audit import about_event
from segue_resource.domain.event import LOST, REPAIRED, NewEvent
from segue_resource.stores import audit, tables
from segue_resource.stores.ending.own_writing import STORE
from segue_resource.stores.keys.task_keys import Keeper, Sealed, TaskKeys
from segue_resource.stores.log import Log
from segue_resource.stores.scrub.account import ANCHORED, Account
from segue_resource.stores.scrub.fault import Fault

TOLD = 100
"""Repairs that the log names; of more it has the number."""

_heads = tables.task_heads
_tasks = tables.tasks
_events = tables.events
_quarantine = tables.quarantine
_LAST = sa.select(sa.func.coalesce(sa.func.max(_quarantine.c.n), 0)).where(
    _quarantine.c.task_id == sa.bindparam("the_task")
)


class Mending:
    """`head` is where the log ends once its numbers are dense again."""

    def __init__(
        self, connection: sa.Connection, task_id: str, *, keeper: Keeper, now: int, head: int, account: Account
    ) -> None:
        self.connection = connection
        self.keys = TaskKeys(connection, task_id, keeper=keeper, now=now)
        self.mended: list[Fault] = []
        self.quarantined: list[dict[str, Any]] = []
        self._task_id = task_id
        self._now = now
        self._account = account
        self._log = Log(task_id, STORE, keys=self.keys, now=now, head=head)
        self._chain = audit.Chain(connection, task_id, master=keeper.master, now=now)
        self._item_changes = 0
        self._n: int = connection.execute(_LAST, {"the_task": task_id}).scalar_one()
        self._why = ""

    def mend(self, fault: Fault) -> None:
        """What the fault knows to do about itself."""
        if fault.mend is not None:
            self._why = fault.what
            fault.mend(self)
            self.mended.append(fault)

    def change(self, table: sa.Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Set columns of one row."""
        self._keep(table, key)
        self.connection.execute(sa.update(table).where(*_matching(table, key)).values(values))

    def add(self, table: sa.Table, row: dict[str, Any]) -> None:
        """Put in a row that should be there."""
        self.connection.execute(sa.insert(table), row)

    def drop(self, table: sa.Table, key: dict[str, Any]) -> None:
        """Take a row out."""
        self._keep(table, key)
        self.connection.execute(sa.delete(table).where(*_matching(table, key)))

    def lose(self, row: sa.Row[Any]) -> None:
        """An event that cannot be read makes room for one that says so."""
        key = {"task_id": self._task_id, "seq": row.seq}
        self._keep(_events, key)
        self.connection.execute(sa.delete(_events).where(*_matching(_events, key)))
        self.mark_lost(row.seq)

    def mark_lost(self, seq: int) -> None:
        """The number is taken, and nobody knows by what: it is never given again."""
        log = Log(self._task_id, STORE, keys=self.keys, now=self._now, head=seq - 1)
        log.add(NewEvent(LOST, "system", {}))
        log.write(self.connection)

    def set_head(self) -> None:
        """The head of the log is written when all is done."""

    def seal(self, content: Any, *, table: str, row: str) -> Sealed:
        """What the store writes in the place of what it cannot read."""
        return self.keys.seal(content, sub=STORE.sub, table=table, row=row)

    def new_version(self, item_id: str, version: int, content: dict[str, str], *, size: int) -> None:
        """A version of an item that brings an earlier text back, and the head that points to it."""
        told = {name: content[name] for name in ("type", "title", "status")}
        seq = self._note("working_set.changed", {"item_id": item_id, "version": version, **told})
        texts = {name: content[name] for name in ("title", "body")}
        sealed = self.seal(texts, table="working_set_versions", row=f"{item_id}/{version}")
        said = {"type": content["type"], "status": content["status"]}
        at = {"task_id": self._task_id, "item_id": item_id, "version": version}
        row = {**at, **said, "seq": seq, "updated_at": self._now, "sub": STORE.sub, "size": size}
        self.add(tables.working_set_versions, row | {"key_no": sealed.key_no, "sealed": sealed.value})
        key = {"task_id": self._task_id, "item_id": item_id}
        items = tables.working_set_items
        self.connection.execute(sa.delete(items).where(*_matching(items, key)))
        self.add(items, {**at, **said, "size": size})
        self._item_changes += 1

    def cancel_call(self, call_id: str) -> None:
        """Nobody knows what was proposed, so nobody runs it."""
        calls = tables.tool_calls
        key = {"task_id": self._task_id, "call_id": call_id}
        row = self.connection.execute(sa.select(calls).where(*_matching(calls, key))).one()
        ended: dict[str, Any] = {"state": "cancelled", "fence_epoch": None, "fence_counter": None, "unsettled": None}
        ended |= {"finished_at": self._now, "version": row.version + 1}
        self.connection.execute(sa.update(calls).where(*_matching(calls, key)).values(ended))
        told = {"call_id": call_id, "title": "", "state": "cancelled", "attempt": row.attempt, "effect": row.effect}
        self._note("tool_call.cancelled", told)

    def settle(self) -> None:
        """Say in the log what was done and what holds now, and write all of it. Does nothing if nothing was done."""
        if not self.mended:
            return
        head = self.connection.execute(sa.select(_heads).where(_heads.c.task_id == self._task_id)).one()
        working_set_version = head.working_set_version + self._item_changes
        told = [{"table": fault.table, "row": fault.row, "harm": fault.harm} for fault in self.mended[:TOLD]]
        anchors = self._standing(head) | {"working_set_version": working_set_version}
        self._note(REPAIRED, {"count": len(self.mended), "repaired": told, **anchors})
        self.connection.execute(
            sa.update(_heads)
            .where(_heads.c.task_id == self._task_id)
            .values(head=self._log.head, working_set_version=working_set_version, last_at=max(self._now, head.last_at))
        )
        self._log.write(self.connection)
        self._chain.write()

    def _standing(self, head: sa.Row[Any]) -> dict[str, Any]:
        """What holds now, so that a later run need not know what was lost."""
        task = self.connection.execute(sa.select(_tasks).where(_tasks.c.task_id == self._task_id)).one()
        budget = None if task.budget is None else msgspec.json.decode(task.budget)
        name = self._account.facts.get("name")
        columns = {**head._mapping, **task._mapping, "budget": budget, "name": name.value if name else ""}
        return {column: columns[column] for column in ANCHORED}

    def _note(self, kind: str, body: dict[str, Any]) -> int:
        seq = self._log.add(NewEvent(kind, "system", body))
        about = about_event(kind, body)
        if about is not None:
            self._chain.add(kind, seq=seq, actor=STORE, role="", about=about)
        return seq

    def _keep(self, table: sa.Table, key: dict[str, Any]) -> None:
        found = self.connection.execute(sa.select(table).where(*_matching(table, key))).one_or_none()
        if found is None:
            return
        self._n += 1
        text = msgspec.json.encode({str(name): _readable(value) for name, value in found._mapping.items()}).decode()
        row = {"task_id": self._task_id, "n": self._n, "at": self._now, "origin": str(table.name), "row": text}
        self.quarantined.append({**row, "why": self._why})
        self.connection.execute(sa.insert(_quarantine), self.quarantined[-1])


def _matching(table: sa.Table, key: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]


def _readable(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value
