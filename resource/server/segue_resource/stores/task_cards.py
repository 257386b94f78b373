"""What the authorization server may ask: cards of a person's tasks, and a new task (specs/protocol.md section 9)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database
from sqlalchemy.exc import IntegrityError

from segue_resource.domain.actor import Actor
from segue_resource.domain.audit import about_event
from segue_resource.domain.event import NewEvent
from segue_resource.domain.lifecycle import ENDED, Status
from segue_resource.domain.participant import RIGHTS, Role
from segue_resource.domain.refusal import TaskExists, TaskNotFound
from segue_resource.domain.task import Budget, NameSource
from segue_resource.domain.task_card import TaskCard, running, state_line
from segue_resource.domain.tool_call import State
from segue_resource.domain.working_set import ItemStatus, ItemType
from segue_resource.stores import audit, tables, tasks
from segue_resource.stores.log import Log
from segue_resource.stores.task_keys import Keeper, TaskKeys, of_tasks

LISTED = 100
"""The most cards in one list: a person chooses among them."""
FIRST_EPOCH = 1

_tasks = tables.tasks
_heads = tables.task_heads
_people = tables.participants
_items = tables.working_set_items
_calls = tables.tool_calls

_of_person = (
    sa.select(_tasks, _heads.c.status, _heads.c.last_at, _people.c.role)
    .join(_heads, _heads.c.task_id == _tasks.c.task_id)
    .join(_people, _people.c.task_id == _tasks.c.task_id)
    .where(_people.c.sub == sa.bindparam("the_sub"), _people.c.to_seq.is_(None))
)
_OPEN = (
    _of_person.where(_heads.c.status.not_in(sorted(ENDED)))
    .order_by(_heads.c.last_at.desc(), _tasks.c.task_id)
    .limit(LISTED)
)
_ONE = _of_person.where(_tasks.c.task_id == sa.bindparam("the_task"))
_ITEM_COUNTS = (
    sa.select(_items.c.task_id, _items.c.type, _items.c.status, sa.func.count().label("how_many"))
    .where(_items.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)))
    .group_by(_items.c.task_id, _items.c.type, _items.c.status)
)
_CALL_COUNTS = (
    sa.select(_calls.c.task_id, _calls.c.state, sa.func.count().label("how_many"))
    .where(_calls.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)), tables.unfinished)
    .group_by(_calls.c.task_id, _calls.c.state)
)


class TaskCards:
    """Everything is asked on behalf of one person, `sub`. Raises `Refused`, `Damaged`, and what the database raises."""

    def __init__(self, database: Database, *, keeper: Keeper, clock: Clock) -> None:
        self._database = database
        self._keeper = keeper
        self._clock = clock

    async def open_tasks(self, sub: str) -> list[TaskCard]:
        """The cards of the person's tasks that have not ended, newest activity first."""

        def work(connection: sa.Connection) -> list[TaskCard]:
            return self._cards(connection, connection.execute(_OPEN, {"the_sub": sub}).all())

        return await self._database.read(work)

    async def card(self, sub: str, task_id: str) -> TaskCard:
        """Raises `TaskNotFound`."""

        def work(connection: sa.Connection) -> TaskCard:
            cards = self._cards(connection, connection.execute(_ONE, {"the_sub": sub, "the_task": task_id}).all())
            if not cards:
                raise TaskNotFound
            return cards[0]

        return await self._database.read(work)

    async def create(
        self, sub: str, task_id: str, *, name: str, name_source: NameSource, budget: Budget | None
    ) -> tuple[TaskCard, bool]:
        """The card of the new task, and whether it is new: the same again is harmless. Raises `TaskExists`."""

        def work(connection: sa.Connection) -> None:
            self._insert(connection, sub, task_id, name=name, name_source=name_source, budget=budget)

        try:
            await self._database.write(work)
        except IntegrityError as taken:
            return await self._same(sub, task_id, name, taken), False
        return await self.card(sub, task_id), True

    async def _same(self, sub: str, task_id: str, name: str, taken: IntegrityError) -> TaskCard:
        try:
            card = await self.card(sub, task_id)
        except TaskNotFound:
            raise TaskExists from taken
        if card.name != name:
            raise TaskExists from taken
        return card

    def _insert(
        self,
        connection: sa.Connection,
        sub: str,
        task_id: str,
        *,
        name: str,
        name_source: NameSource,
        budget: Budget | None,
    ) -> None:
        """The task, its head, its owner, its first event. A task id that is taken breaks the primary key."""
        now = self._clock()
        keys = TaskKeys(connection, task_id, keeper=self._keeper, now=now, known={})
        row = tasks.new_row(task_id, name, name_source=name_source, budget=budget, owner=sub, keys=keys, now=now)
        connection.execute(sa.insert(_tasks), row)
        log = Log(task_id, Actor(sub, None, None), keys=keys, now=now, head=0)
        opening = _opening(row, name, budget)
        seq = log.add(NewEvent("task.created", "system", opening))
        head = {
            "task_id": task_id,
            "head": seq,
            "epoch": FIRST_EPOCH,
            "status": Status.OPEN,
            "lead": Role.AGENT,
            "working_set_version": 0,
            "last_at": now,
        }
        connection.execute(sa.insert(_heads), head)
        owner = {"task_id": task_id, "sub": sub, "from_seq": seq, "role": Role.CUSTOMER, "granted_by": sub}
        connection.execute(sa.insert(_people), owner)
        log.write(connection)
        chain = audit.Chain(connection, task_id, master=self._keeper.master, now=now)
        about = about_event("task.created", opening) or {}
        chain.add("task.created", seq=seq, actor=Actor(sub, None, None), role=Role.CUSTOMER, about=about)
        chain.write()

    def _cards(self, connection: sa.Connection, rows: Sequence[sa.Row[tuple[object, ...]]]) -> list[TaskCard]:
        task_ids = [row.task_id for row in rows]
        if not task_ids:
            return []
        keys = of_tasks(connection, task_ids, keeper=self._keeper, now=self._clock())
        items: dict[str, dict[tuple[ItemType, ItemStatus], int]] = defaultdict(dict)
        for row in connection.execute(_ITEM_COUNTS, {"the_tasks": task_ids}):
            items[row.task_id][ItemType(row.type), ItemStatus(row.status)] = row.how_many
        calls: dict[str, dict[State, int]] = defaultdict(dict)
        for row in connection.execute(_CALL_COUNTS, {"the_tasks": task_ids}):
            calls[row.task_id][State(row.state)] = row.how_many
        return [
            TaskCard(
                task_id=row.task_id,
                name=tasks.name_of(row, keys[row.task_id]),
                state=state_line(Status(row.status), items[row.task_id], calls[row.task_id]),
                owner=row.owner,
                sensitivity=row.sensitivity,
                running_tool_calls=running(calls[row.task_id]),
                last_at=row.last_at,
                role=Role(row.role),
                actions=sorted(RIGHTS[Role(row.role)]),
            )
            for row in rows
        ]


def _opening(row: dict[str, Any], name: str, budget: Budget | None) -> dict[str, Any]:
    """The first entry of the log: which task this is, and the state that it begins in."""
    return {
        "task_id": row["task_id"],
        "owner": row["owner"],
        "name": name,
        "name_source": row["name_source"],
        "status": Status.OPEN,
        "epoch": FIRST_EPOCH,
        "sensitivity": row["sensitivity"],
        "budget": msgspec.to_builtins(budget),
    }
