"""Erases: destroys data keys under the lock of the task, then clears what they had sealed (T18).

The first is one compare-and-set in one transaction, and from its commit on nothing that the keys had sealed can be read
by anybody, in the database or in a copy of it whose keys are wrapped by a master key that was destroyed since. The
second takes as many small transactions as there is to clear; whoever is killed in between, another one goes on.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database

from segue_resource.domain.erasure import Erasure, ErasureState
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.refusal import NotFound
from segue_resource.stores import tables
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.ending import holds
from segue_resource.stores.ending.content_places import SEALED, SealedPlace
from segue_resource.stores.files.blob_rows import State as BlobState
from segue_resource.stores.finding import search_index
from segue_resource.stores.history.lineage import descendants
from segue_resource.stores.scrub import quarantine
from segue_resource.stores.unit import Reading, Writing

BATCH = 500
"""Values cleared in one transaction."""
CLEARED = b""
"""In the place of a sealed value: shorter than any."""

_erasures = tables.erasures
_keys = tables.data_keys
_events = tables.events
_subjects = tables.summary_subjects
_elisions = tables.elisions
_DESTROY = (
    sa.update(_keys).where(_keys.c.wrapped.is_not(None)).values(wrapped=None, destroyed_at=sa.bindparam("the_time"))
)
_DESTROYED = sa.select(_keys.c.key_no).where(_keys.c.task_id == sa.bindparam("the_task"), _keys.c.wrapped.is_(None))
_END_TASK = (
    sa.update(tables.task_heads)
    .where(tables.task_heads.c.task_id == sa.bindparam("the_task"))
    .values(status=Status.ERASED)
)
_ONE = sa.select(_erasures).where(
    _erasures.c.task_id == sa.bindparam("the_task"), _erasures.c.erasure_id == sa.bindparam("the_erasure")
)
_PENDING = (
    sa.select(_erasures)
    .where(_erasures.c.backups_at.is_(None), _erasures.c.state == ErasureState.UNREADABLE)
    .order_by(_erasures.c.unreadable_at)
    .limit(BATCH)
)
_WAITING = sa.select(sa.func.min(_erasures.c.unreadable_at)).where(_erasures.c.backups_at.is_(None))
_TASK: sa.BindParameter[str] = sa.bindparam("the_task")
_DROP_FILES = (
    sa.update(tables.blobs)
    .where(tables.blobs.c.task_id == _TASK, tables.blobs.c.state != BlobState.DROPPED)
    .where(tables.blobs.c.key_no.in_(_DESTROYED))
    .values(state=BlobState.DROPPED)
)
_here_or_forked = descendants(_TASK)
_GOING_ON = sa.select(_here_or_forked.c.task_id)
_is_summary = sa.and_(_events.c.task_id == _subjects.c.task_id, _events.c.seq == _subjects.c.by_seq)
_is_its_range = sa.and_(_elisions.c.task_id == _subjects.c.task_id, _elisions.c.by_seq == _subjects.c.by_seq)
_COVERING = (
    sa.select(_events.c.task_id, _events.c.key_no)
    .distinct()
    .join(_subjects, _is_summary)
    .join(_elisions, _is_its_range)
    .join(_here_or_forked, _here_or_forked.c.task_id == _subjects.c.task_id)
    .where(_elisions.c.from_seq <= _here_or_forked.c.last)
)
_SUMMARIES = (
    sa.select(_subjects.c.by_seq)
    .join(_events, _is_summary)
    .where(_subjects.c.task_id == _TASK, _events.c.key_no.in_(_DESTROYED))
    .distinct()
)
_SETTLE = (
    sa.update(_erasures)
    .where(_erasures.c.erasure_id == sa.bindparam("the_erasure"), _erasures.c.state == ErasureState.UNREADABLE)
    .values(state=ErasureState.CLEARED, cleared_at=sa.bindparam("the_time"))
)


def erase(writing: Writing, *, erasure_id: str, sub: str | None) -> Erasure:
    """Make unreadable what the person wrote in the task; with None what anybody wrote, which ends the task.

    What they write from now on is sealed under another key. Raises `OnHold`.
    """
    holds.require_none(writing.connection, writing.caller.task_id)
    destroyed = _destroy(writing, sub)
    writing.keys.forget()
    if sub is None:
        writing.connection.execute(_END_TASK, {"the_task": writing.caller.task_id})
        writing.status = Status.ERASED
    told = {"erasure_id": erasure_id, "sub": sub, "keys": destroyed}
    seq = writing.note("task.erased" if sub is None else "subject.erased", told)
    erasure = Erasure(
        erasure_id=erasure_id,
        task_id=writing.caller.task_id,
        sub=sub,
        state=ErasureState.UNREADABLE,
        asked_by=writing.caller.actor.sub,
        keys=destroyed,
        seq=seq,
        unreadable_at=writing.now,
        cleared_at=None,
        backups_at=None,
    )
    writing.connection.execute(sa.insert(_erasures), vars(erasure))
    return erasure


def find(reading: Reading, erasure_id: str) -> Erasure:
    """Raises `NotFound`."""
    asked = {"the_task": reading.caller.task_id, "the_erasure": erasure_id}
    row = reading.connection.execute(_ONE, asked).one_or_none()
    if row is None:
        raise NotFound
    return _erasure(row)


class Clearing:
    """Of all tasks. Any number of processes may do it at once. Raises `MemoryUnavailable` and as the database does."""

    def __init__(self, database: Database, texts: Drafts, *, clock: Clock) -> None:
        self._database = database
        self._texts = texts
        self._clock = clock

    async def clear_all(self) -> int:
        """Everything that was erased and is still there; how many erasures."""
        done = 0
        while pending := await self._database.read(_pending):
            for erasure in pending:
                await self.clear(erasure)
            done += len(pending)
        return done

    async def clear(self, erasure: Erasure) -> None:
        """Clear what the destroyed keys of the task, and of those forked from it, had sealed; note that it is done."""
        await self._drop_drafts(erasure)
        await self._forget(erasure.task_id, sub=erasure.sub)
        for task_id in await self._going_on(erasure.task_id):
            await self._forget(task_id, numbers=await self._summaries(task_id))
            for place in SEALED:
                await self._clear(place, task_id)
        await self._database.write(search_index.merge)
        await self._write(_DROP_FILES, {"the_task": erasure.task_id})
        await self._database.write(lambda connection: quarantine.forget_erased(connection, erasure.task_id))
        settled = {"the_erasure": erasure.erasure_id, "the_time": self._clock()}
        await self._write(_SETTLE, settled)

    async def rotation_due_since(self) -> int | None:
        """When the oldest erasure was that a backup still undoes; None if there is none."""
        return await self._database.read(_waiting)

    async def _clear(self, place: SealedPlace, task_id: str) -> None:
        after: Sequence[Any] | None = ()
        while after is not None:
            after = await self._clear_some(place, task_id, after)

    async def _clear_some(self, place: SealedPlace, task_id: str, after: Sequence[Any]) -> Sequence[Any] | None:
        """Clear the next rows behind the place in the order of the primary key; where that ended, None at the end."""

        def work(connection: sa.Connection) -> Sequence[Any] | None:
            found = connection.execute(_next(place, task_id, after)).all()
            if found:
                connection.execute(_cleared(place, found))
            return tuple(found[-1]) if len(found) == BATCH else None

        return await self._database.write(work)

    async def _forget(self, task_id: str, *, sub: str | None = None, numbers: Sequence[int] | None = None) -> None:
        """Take words out of the search index, in which they may stand readable."""

        def work(connection: sa.Connection) -> int:
            return search_index.forget(connection, task_id, sub=sub, numbers=numbers)

        while await self._database.write(work):
            pass

    async def _going_on(self, task_id: str) -> Sequence[str]:
        """The task and its forks, whose summaries may have told what was said before them."""
        asked = {"the_task": task_id}
        return await self._database.read(lambda connection: list(connection.execute(_GOING_ON, asked).scalars()))

    async def _summaries(self, task_id: str) -> Sequence[int]:
        """The events that told in other words what somebody had said who was erased."""
        asked = {"the_task": task_id}
        return await self._database.read(lambda connection: list(connection.execute(_SUMMARIES, asked).scalars()))

    async def _write(self, statement: sa.Update | sa.Delete, asked: dict[str, Any]) -> int:
        return await self._database.write(lambda connection: connection.execute(statement, asked).rowcount)

    async def _drop_drafts(self, erasure: Erasure) -> None:
        for name in await self._texts.read(erasure.task_id, {}):
            about = await self._about(erasure.task_id, name)
            if about is not None and erasure.sub in (None, about):
                await self._texts.drop(erasure.task_id, name)

    async def _about(self, task_id: str, name: str) -> str | None:
        try:
            return (await self._texts.about(task_id, name)).actor.sub
        except NotFound:
            return None


def _destroy(writing: Writing, sub: str | None) -> int:
    """How many keys were destroyed, of the person and of summaries of their words: none, if somebody else was first."""
    chosen, covering = _keys.c.task_id == writing.caller.task_id, _COVERING
    if sub is not None:
        chosen, covering = chosen & (_keys.c.sub == sub), covering.where(_subjects.c.sub == sub)
    rows = writing.connection.execute(covering, {"the_task": writing.caller.task_id}).all()
    summaries = sa.tuple_(_keys.c.task_id, _keys.c.key_no).in_([tuple(row) for row in rows])
    return writing.connection.execute(_DESTROY.where(chosen | summaries), {"the_time": writing.now}).rowcount


def _next(place: SealedPlace, task_id: str, after: Sequence[Any]) -> sa.Select[Any]:
    table, primary = place.table, list(place.table.primary_key.columns)
    destroyed = _DESTROYED.params(the_task=task_id)
    found = (
        sa.select(*primary)
        .where(table.c.task_id == task_id, place.sealed != CLEARED, place.key_no.in_(destroyed))
        .order_by(*primary)
        .limit(BATCH)
    )
    return found.where(sa.tuple_(*primary) > sa.tuple_(*after)) if after else found


def _cleared(place: SealedPlace, rows: Sequence[sa.Row[Any]]) -> sa.Update:
    primary = place.table.primary_key.columns
    return (
        sa.update(place.table)
        .where(sa.tuple_(*primary).in_([tuple(row) for row in rows]))
        .values({place.sealed: CLEARED})
    )


def _pending(connection: sa.Connection) -> list[Erasure]:
    return [_erasure(row) for row in connection.execute(_PENDING)]


def _waiting(connection: sa.Connection) -> int | None:
    return connection.execute(_WAITING).scalar_one_or_none()


def _erasure(row: sa.Row[Any]) -> Erasure:
    return Erasure(**{**row._mapping, "state": ErasureState(row.state)})
