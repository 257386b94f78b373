"""What the authorization server may ask: cards of a person's tasks, and a new task (specs/protocol.md section 9)."""

import logging
from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database
from sqlalchemy.exc import IntegrityError

from segue_resource.domain.actor import Actor
from segue_resource.domain.lifecycle import ENDED, Status
from segue_resource.domain.participant import RIGHTS, Role
from segue_resource.domain.refusal import TaskExists, TaskNotFound, UnknownClass
from segue_resource.domain.retention import BUILT_IN, Retention
from segue_resource.domain.task import Budget, NameSource
from segue_resource.domain.task_card import TaskCard, TaskName, running, state_line
from segue_resource.domain.tool_call import State
from segue_resource.domain.working_set import ItemStatus, ItemType
from segue_resource.stores import tables, tasks
from segue_resource.stores.ending import retention
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys, of_tasks
from segue_resource.stores.new_task import NewTask, insert

LISTED = 100
"""The most cards in one list: a person chooses among them."""

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
_NAMED = (
    sa.select(_tasks, _people.c.sub)
    .join(_people, _people.c.task_id == _tasks.c.task_id)
    .where(sa.tuple_(_people.c.sub, _people.c.task_id).in_(sa.bindparam("asked", expanding=True)))
    .where(_people.c.to_seq.is_(None))
)
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

_log = logging.getLogger(__name__)


class TaskCards:
    """Everything but `names` is asked on behalf of one person, `sub`.

    Raises `Refused`, `Damaged`, and what the database raises.
    """

    def __init__(self, database: Database, *, keeper: Keeper, clock: Clock, policy: Retention = BUILT_IN) -> None:
        self._policy = policy
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

    async def names(self, asked: Sequence[tuple[str, str]]) -> list[TaskName | None]:
        """Each of a `sub` and a task of theirs: None where there is none, or its name is damaged."""

        def work(connection: sa.Connection) -> dict[tuple[str, str], TaskName | None]:
            rows = connection.execute(_NAMED, {"asked": list(set(asked))}).all()
            keys = of_tasks(connection, {row.task_id for row in rows}, keeper=self._keeper, now=self._clock())
            return {(row.sub, row.task_id): _named(row, keys[row.task_id]) for row in rows}

        found = await self._database.read(work)
        return [found.get(one) for one in asked]

    async def create(
        self,
        sub: str,
        task_id: str,
        *,
        name: str,
        name_source: NameSource,
        budget: Budget | None,
        retention_class: str | None = None,
        client_id: str | None = None,
    ) -> tuple[TaskCard, bool]:
        """The card of the new task, and whether it is new: the same again is harmless.

        Its class is the one that is named, else what the policy says for the client that asked for the task. Raises
        `TaskExists` and `UnknownClass`.
        """
        if retention_class not in (None, *self._policy.names):
            raise UnknownClass(self._policy.names)
        name_of_class, now = retention_class or self._policy.class_of(client_id), self._clock()
        inherits = {"retention_class": name_of_class, "reckoned": self._policy.mark, "reckoned_at": now}
        new = NewTask(task_id, sub, name, name_source, budget, inherits=inherits)

        def work(connection: sa.Connection) -> None:
            insert(connection, new, actor=Actor(sub, None, None), keeper=self._keeper, now=now)

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

    def _cards(self, connection: sa.Connection, rows: Sequence[sa.Row[tuple[object, ...]]]) -> list[TaskCard]:
        task_ids = [row.task_id for row in rows]
        if not task_ids:
            return []
        now = self._clock()
        keys = of_tasks(connection, task_ids, keeper=self._keeper, now=now)
        awaits = retention.expiries(connection, task_ids, self._policy, now=now)
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
                closes_at=awaits[row.task_id].closes_at,
                role=Role(row.role),
                actions=sorted(RIGHTS[Role(row.role)]),
            )
            for row in rows
        ]


def _named(row: sa.Row[tuple[object, ...]], keys: TaskKeys) -> TaskName | None:
    try:
        return TaskName(tasks.name_of(row, keys), row.owner)
    except Damaged as damaged:  # the others that are asked about with it have names
        _log.error("the name of a task cannot be told: %s", damaged)
        return None
