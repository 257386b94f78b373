"""The way into a task: every read and every write under a task token goes through these two methods.

What an endpoint does inside is a function of a `Reading` or a `Writing`; who may, under which epoch, once or again, and
who is woken afterwards is decided here, for all of them alike.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable
from segue_storage.ephemeral import Ephemeral
from segue_storage.failure import caused

from segue_resource.domain.actor import Caller
from segue_resource.domain.audit import state_read
from segue_resource.domain.refusal import Refused
from segue_resource.stores.change import (
    Answered,
    AnsweredBefore,
    Change,
    Done,
    NothingLogged,
    do,
    do_together,
)
from segue_resource.stores.combining import Combining
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.releases import Releases
from segue_resource.stores.unit import (
    Behind,
    Happened,
    Reading,
    Writing,
    knowing,
    open_reading,
    raise_epoch,
)

__all__ = ["Answered", "TaskStore", "topic"]

T = TypeVar("T")


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
        self._combining = Combining(self._change, self._change_together)

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
        only_logs: bool = False,
    ) -> Answered:
        """Let `work` change the task, durably and whole, under the caller's epoch; it should log `expected` events.

        `stale_too` is for what a device may still say of itself once the task has moved on. Work that `only_logs`, and
        refuses before it does, shares a transaction with others like it of the same person while they wait.

        A repeated `attempt` gets the first answer, even if the task has moved on since: what was done was done.
        """
        change = Change(caller, work, attempt, expected, stale_too)
        if not only_logs:
            return await self._change(change)
        crowd = (caller.task_id, caller.sub, caller.epoch, caller.needs)
        return await self._combining.ask(crowd, change)

    async def _change(self, change: Change) -> Answered:
        def transaction(connection: sa.Connection) -> Done:
            return do(connection, change, keeper=self._keeper, now=self._clock())

        try:
            done = await self._write(change.caller, transaction)
        except AnsweredBefore as before:
            return before.answered
        await self._tell([done], change.caller.task_id)
        return done.answered

    async def _change_together(self, changes: Sequence[Change]) -> list[Answered | Exception]:
        """Where it takes more than the common way, as after a move, each is done by itself."""
        if len(changes) > 1:
            with suppress(Behind, NothingLogged, Refused, Damaged):
                return await self._combined(changes)
        return [await self._outcome(change) for change in changes]

    async def _combined(self, changes: Sequence[Change]) -> list[Answered | Exception]:
        task_id = changes[0].caller.task_id

        def transaction(connection: sa.Connection) -> list[Done | Exception]:
            return do_together(connection, changes, keeper=self._keeper, now=self._clock())

        try:
            outcomes = await self._database.write(transaction, together=task_id)
        except DatabaseUnavailable as away:
            return [caused(type(away)(*away.args), away) for _ in changes]
        await self._tell([one for one in outcomes if isinstance(one, Done)], task_id)
        return [one.answered if isinstance(one, Done) else one for one in outcomes]

    async def _outcome(self, change: Change) -> Answered | Exception:
        try:
            return await self._change(change)
        except Exception as error:
            return error

    async def _tell(self, done: Sequence[Done], task_id: str) -> None:
        if done:
            self._told(Counter({("write", ""): len(done), ("commit", ""): 1}))
        for one in done:
            self._told(one.happened)
        if any(one.logged for one in done):
            await self._ephemeral.wake(topic(task_id))

    async def _write(self, caller: Caller, transaction: Callable[[sa.Connection], T]) -> T:
        try:
            return await self._database.write(transaction, together=caller.task_id)
        except Behind:
            await self._raise_epoch(caller)
            return await self._database.write(transaction, together=caller.task_id)

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
