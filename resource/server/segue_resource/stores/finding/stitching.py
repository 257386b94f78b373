"""What of a person's open tasks a new session is compared with, and what the person chose (decision 0041).

A little of each task: its name, the newest items of its working set, the customer's newest messages.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database
from sqlalchemy.exc import IntegrityError

from segue_resource.domain.stitching import Candidate, OpenTask, match, telling
from segue_resource.domain.task_card import TaskCard
from segue_resource.stores import tables
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.keys.task_keys import TaskKeys, of_tasks
from segue_resource.stores.log import open_body

_LOG = logging.getLogger(__name__)

MOST_ITEMS, MOST_MESSAGES = 8, 4
LARGEST = 16_000
"""Bytes of an item or a message; larger ones are not opened."""
TAIL = 60
"""Events at the end of a log among which the messages are looked for."""

_events, _items, _versions = tables.events, tables.working_set_items, tables.working_set_versions
_choices = tables.stitchings
_v = _versions.c


def _newest(statement: sa.Select[Any], task_id: sa.ColumnElement[str], seq: sa.ColumnElement[int], most: int) -> Any:
    place = sa.func.row_number().over(partition_by=task_id, order_by=seq.desc()).label("place")
    numbered = statement.add_columns(place).subquery()
    return sa.select(numbered).where(numbered.c.place <= most).order_by(numbered.c.task_id, numbered.c.place)


_current = sa.and_(
    _versions.c.task_id == _items.c.task_id,
    _versions.c.item_id == _items.c.item_id,
    _versions.c.version == _items.c.version,
)
_ITEMS = _newest(
    sa.select(_v.task_id, _v.item_id, _v.version, _v.key_no, _v.sealed)
    .join(_items, _current)
    .where(
        _items.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)),
        _items.c.size <= LARGEST,
        _versions.c.sealed.is_not(None),
    ),
    _versions.c.task_id,
    _versions.c.seq,
    MOST_ITEMS,
)
_SAID = _newest(
    sa.select(_events)
    .join(tables.task_heads, tables.task_heads.c.task_id == _events.c.task_id)
    .where(
        _events.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)),
        _events.c.seq > tables.task_heads.c.head - TAIL,
        _events.c.kind == "message",
        _events.c.role == "customer",
        _events.c.size <= LARGEST,
    ),
    _events.c.task_id,
    _events.c.seq,
    MOST_MESSAGES,
)


class Named(Protocol):
    """An open task as far as it is told without its content; a card is one."""

    @property
    def task_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def last_at(self) -> int: ...


@dataclass(frozen=True)
class Choice:
    """What a person chose for a new session: ids alone. `session` names the decision and is its key."""

    session: str
    offered: Sequence[str]
    likely: Sequence[str]
    chosen: str
    new: bool


class Stitching:
    """Everything is asked on behalf of one person, `sub`. Raises what the database raises."""

    def __init__(self, database: Database, *, keeper: Keeper, clock: Clock) -> None:
        self._database = database
        self._keeper = keeper
        self._clock = clock

    async def candidates(self, cards: Sequence[TaskCard], about: str) -> dict[str, Candidate]:
        """By task id: those of the tasks which share something with what is said about the new session."""

        def work(connection: sa.Connection) -> list[OpenTask]:
            return open_tasks(connection, cards, keeper=self._keeper, now=self._clock())

        if not cards:
            return {}
        found = await asyncio.to_thread(match, about, await self._database.read(work), now=self._clock())
        return {candidate.task_id: candidate for candidate in found}

    async def note(self, sub: str, choice: Choice) -> bool:
        """Keep the choice; False if it is kept already. Ids that are none of the person's tasks are left out."""

        def work(connection: sa.Connection) -> bool:
            return insert(connection, sub, choice, now=self._clock())

        try:
            return await self._database.write(work)
        except IntegrityError:  # kept already: the first to say it is right
            return False


def open_tasks(connection: sa.Connection, cards: Sequence[Named], *, keeper: Keeper, now: int) -> list[OpenTask]:
    """The tasks with what they are about. What is damaged or was erased is as if it were not there."""
    task_ids = [card.task_id for card in cards]
    keys = of_tasks(connection, task_ids, keeper=keeper, now=now)
    items: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(_ITEMS, {"the_tasks": task_ids}):
        if texts := _item(row, keys[row.task_id]):
            items[row.task_id].append((texts["title"], texts["body"]))
    said: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(_SAID, {"the_tasks": task_ids}):
        said[row.task_id] += message_texts(row, keys[row.task_id])
    return [
        OpenTask(card.task_id, telling(card.name, items[card.task_id], said[card.task_id]), card.last_at)
        for card in cards
    ]


def message_texts(row: sa.Row[Any], keys: TaskKeys) -> list[str]:
    """What a message says: the texts in its body, whatever the application calls them."""
    try:
        body = open_body(row, keys) or {}
    except Damaged:
        _LOG.warning("a message of %s does not open", row.task_id)
        return []
    return [value for value in body.values() if isinstance(value, str)][:3]


def insert(connection: sa.Connection, sub: str, choice: Choice, *, now: int) -> bool:
    """Whether it was kept: not what the person has no part in. A session that is known breaks the primary key."""
    own = _of_person(connection, sub, {choice.chosen, *choice.offered, *choice.likely})
    if choice.chosen not in own:
        return False
    row = {
        "session": choice.session,
        "sub": sub,
        "offered": [task_id for task_id in choice.offered if task_id in own],
        "likely": [task_id for task_id in choice.likely if task_id in own],
        "chosen": choice.chosen,
        "new": choice.new,
        "at": now,
    }
    connection.execute(sa.insert(_choices), row)
    return True


def _of_person(connection: sa.Connection, sub: str, task_ids: Iterable[str]) -> set[str]:
    people = tables.participants
    asked = sa.select(people.c.task_id).where(
        people.c.sub == sub, people.c.to_seq.is_(None), people.c.task_id.in_(sorted(task_ids))
    )
    return set(connection.execute(asked).scalars())


def _item(row: sa.Row[Any], keys: TaskKeys) -> dict[str, str] | None:
    try:
        texts: dict[str, str] | None = keys.unseal(
            row.key_no, row.sealed, table=_versions.name, row=f"{row.item_id}/{row.version}"
        )
    except Damaged:
        _LOG.warning("an item of %s does not open", row.task_id)
        return None
    return texts
