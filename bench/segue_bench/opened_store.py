"""The task store as a library on a database of its own: what its endpoints do, without HTTP, tokens and proofs."""

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from segue.clock import now
from segue_resource.domain.actor import Caller
from segue_resource.domain.event import NewEvent
from segue_resource.domain.retention import BUILT_IN
from segue_resource.domain.task import NameSource
from segue_resource.endpoints.task_request import answer
from segue_resource.endpoints.tasks import resumed
from segue_resource.stores import events, tables
from segue_resource.stores.ending.retention import Outlook
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.master_key import load_or_create
from segue_resource.stores.task_cards import TaskCards
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing
from segue_storage.database import Database, open_database
from segue_storage.ephemeral import open_ephemeral
from segue_storage.migrations import upgrade

from segue_bench.ground import create_database, postgresql
from segue_bench.measure import Missing

OWNER = "usr_owner"
SAID = "The cap on what either party owes is twelve months of fees, and both sides' counsel have agreed to it. "
A_REQUEST = 100
"""Events that one request may append."""


class Place(NamedTuple):
    """A kind of database, and a new one of it."""

    name: str
    new: Any


def places(ending: ExitStack, missing: dict[str, str]) -> Iterator[Place]:
    """SQLite, and PostgreSQL where it is installed."""
    folder = Path(ending.enter_context(TemporaryDirectory(prefix="segue-bench-")))
    numbers = count()
    yield Place("SQLite", lambda: f"sqlite:///{folder}/{next(numbers)}.db")
    try:
        cluster = ending.enter_context(postgresql())
    except Missing as reason:
        missing["PostgreSQL"] = str(reason)
        return
    yield Place("PostgreSQL", partial(create_database, cluster))


def said(number: int, size: int = 350) -> dict[str, Any]:
    """A body of about so many bytes, unlike every other."""
    return {"text": f"{number}: {SAID * (size // len(SAID) + 1)}"[:size]}


class OpenedStore:
    """Tasks of one person, written and read by one device."""

    def __init__(self, database: Database, keeper: Keeper) -> None:
        self.database = database
        self._outlook = Outlook(BUILT_IN, now)
        self._cards = TaskCards(database, keeper=keeper, clock=now)
        self._store = TaskStore(database, open_ephemeral(None), keeper=keeper, clock=now)
        self._token = secrets.token_hex(16)

    async def begin(self, task_id: str, *, events: int = 1) -> None:
        """A task with so many events."""
        await self._cards.create(OWNER, task_id, name="Measured", name_source=NameSource.PERSON, budget=None)
        for first in range(1, events, A_REQUEST):
            await self.append(task_id, [said(first + n) for n in range(min(A_REQUEST, events - first))])

    async def append(self, task_id: str, bodies: Sequence[dict[str, Any]]) -> None:
        """One request under an idempotency key; returns once it is committed."""
        new = [NewEvent("message", "agent", body) for body in bodies]

        def work(writing: Writing) -> Answer:
            first, last = events.append(writing, new, session_id=None)
            return answer(201, {"first": first, "last": last})

        attempt = Attempt(secrets.token_hex(8), "digest")
        caller = self._caller(task_id, "events:append")
        await self._store.write(caller, work, attempt=attempt, expected=len(new), only_logs=True)

    async def append_one(self, task_id: str) -> None:
        await self.append(task_id, [said(0)])

    async def resume(self, task_id: str) -> bytes:
        """What a device goes on with, as JSON."""
        caller = self._caller(task_id, "task:read")
        (shown, *_), _ = await self._store.read(
            caller, lambda reading: resumed(reading, self._outlook), releases="resume"
        )
        return msgspec.json.encode(shown)

    async def page(self, task_id: str, *, after: int) -> int:
        """A page of a thousand events as JSON; the cursor behind it."""
        caller = self._caller(task_id, "events:read")
        page, _ = await self._store.read(caller, lambda reading: events.page(reading, after=after, most=1000))
        msgspec.json.encode(page.events)
        return page.next_after

    async def raw(self, statement: str, **values: Any) -> None:
        """One statement in a transaction of its own."""
        await self.database.write(lambda connection: connection.execute(sa.text(statement), values).rowcount)

    async def columns(self, table: str) -> list[str]:
        """Of one of the store's tables."""
        return [column.name for column in tables.metadata.tables[table].columns]

    def _caller(self, task_id: str, needs: str) -> Caller:
        return Caller(OWNER, "client", "dev_1", task_id, 1, None, frozenset({needs}), token=self._token)


@asynccontextmanager
async def opened_store(database: str) -> AsyncIterator[OpenedStore]:
    """On a database without tables."""
    upgrade(database, "segue_resource")
    with TemporaryDirectory() as folder:
        master = load_or_create(Path(folder, "master.key"), random=secrets.token_bytes)
    opened = open_database(database)
    try:
        yield OpenedStore(opened, Keeper(master, secrets.token_bytes))
    finally:
        await opened.aclose()
