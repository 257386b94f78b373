"""The way into a task: every read and every write under a task token goes through these two methods.

What an endpoint does inside is a function of a `Reading` or a `Writing`; who may, under which epoch, once or again, and
who is woken afterwards is decided here, for all of them alike.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral

from segue_resource.domain.actor import Caller
from segue_resource.domain.audit import state_read
from segue_resource.domain.refusal import StaleEpoch
from segue_resource.stores import idempotency
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.releases import Releases
from segue_resource.stores.unit import (
    Behind,
    Happened,
    Reading,
    Writing,
    knowing,
    open_reading,
    open_writing,
    raise_epoch,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Answered:
    """The answer of a write, whether it is that of an earlier sending, and the task's last sequence number."""

    answer: Answer
    replayed: bool
    head: int


class _Replay(Exception):
    """The request was answered before: undo everything and give that answer."""

    def __init__(self, answer: Answer, *, head: int) -> None:
        super().__init__("answered before")
        self.answered = Answered(answer, replayed=True, head=head)


def topic(task_id: str) -> str:
    """Where the readers of a task's log are woken."""
    return f"task:{task_id}"


class TaskStore:
    """One transaction a call; what has happened in it is `told` once it is committed.

    Raises `Refused`, `Damaged`, and what the database raises.
    """

    def __init__(
        self,
        database: Database,
        ephemeral: Ephemeral,
        *,
        keeper: Keeper,
        clock: Clock,
        told: Callable[[Happened], None] | None = None,
    ) -> None:
        self._told = told or (lambda _: None)
        self._database = database
        self._ephemeral = ephemeral
        self._keeper = keeper
        self._clock = clock
        self._releases = Releases(keeper=keeper)

    async def read(self, caller: Caller, work: Callable[[Reading], T], *, releases: str | None = None) -> tuple[T, int]:
        """What `work` finds in one state of the task, and that state's last sequence number.

        The audit records once for each token which kind of state it was given, before it is: `releases`, by default
        what the request needs to read. The first request after a move raises the epoch even if it only reads, so that
        it fences the device left behind.
        """
        state = releases or state_read(caller.needs)

        def snapshot(connection: sa.Connection) -> tuple[T, int, bool]:
            reading = open_reading(connection, caller, keeper=self._keeper, now=self._clock())
            with knowing(reading):
                return work(reading), reading.head, self._releases.recorded(reading, state)

        try:
            found, head, recorded = await self._database.read(snapshot)
        except Behind:
            await self._raise_epoch(caller)
            found, head, recorded = await self._database.read(snapshot)
        if not recorded:
            await self._record_release(caller, state)
        return found, head

    async def derive(self, caller: Caller, work: Callable[[Reading], T]) -> T:
        """Let `work` keep what follows from the task and is no part of it: nothing is logged, and nobody is woken."""

        def transaction(connection: sa.Connection) -> T:
            return work(open_reading(connection, caller, keeper=self._keeper, now=self._clock()))

        return await self._write(caller, transaction)

    async def write(
        self,
        caller: Caller,
        work: Callable[[Writing], Answer],
        *,
        attempt: Attempt | None = None,
        expected: int = 1,
        stale_too: bool = False,
    ) -> Answered:
        """Let `work` change the task, durably and whole, under the caller's epoch; it should log `expected` events.

        `stale_too` is for what a device may still say of itself once the task has moved on.

        A repeated `attempt` gets the first answer, even if the task has moved on since: what was done was done.
        """

        def transaction(connection: sa.Connection) -> tuple[Answered, bool, Happened]:
            writing = self._open(connection, caller, attempt, expected=expected, stale_too=stale_too)
            with knowing(writing):
                self._refuse_repeat(connection, caller, attempt, writing.keys, writing.before)
                answer = work(writing)
            writing.settle()
            if attempt:
                idempotency.record(writing, attempt, answer)
            logged = writing.head > writing.before
            return Answered(answer, replayed=False, head=writing.head), logged, writing.happened

        try:
            answered, logged, happened = await self._write(caller, transaction)
        except _Replay as replay:
            return replay.answered
        self._told(happened)
        if logged:
            await self._ephemeral.wake(topic(caller.task_id))
        return answered

    async def _write(self, caller: Caller, transaction: Callable[[sa.Connection], T]) -> T:
        try:
            return await self._database.write(transaction, together=caller.task_id)
        except Behind:
            await self._raise_epoch(caller)
            return await self._database.write(transaction, together=caller.task_id)

    def _open(
        self, connection: sa.Connection, caller: Caller, attempt: Attempt | None, *, expected: int, stale_too: bool
    ) -> Writing:
        now, keeper = self._clock(), self._keeper
        try:
            return open_writing(connection, caller, keeper=keeper, now=now, expected=expected, stale_too=stale_too)
        except StaleEpoch as stale:
            keys = TaskKeys(connection, caller.task_id, keeper=keeper, now=now)
            self._refuse_repeat(connection, caller, attempt, keys, stale.head or 0)
            raise

    def _refuse_repeat(
        self, connection: sa.Connection, caller: Caller, attempt: Attempt | None, keys: TaskKeys, head: int
    ) -> None:
        if attempt and (answer := idempotency.find(connection, caller, attempt, keys=keys)):
            raise _Replay(answer, head=head)

    async def _record_release(self, caller: Caller, state: str) -> None:
        def transaction(connection: sa.Connection) -> None:
            self._releases.record(connection, caller, state, now=self._clock())

        await self._database.write(transaction, together=caller.task_id)
        self._releases.remember(caller, state)
        self._told(Counter({("released", state): 1}))

    async def _raise_epoch(self, caller: Caller) -> None:
        def transaction(connection: sa.Connection) -> Happened:
            return raise_epoch(connection, caller, keeper=self._keeper, now=self._clock())

        self._told(await self._database.write(transaction, together=caller.task_id))
        await self._ephemeral.wake(topic(caller.task_id))
