"""The store compacts by itself: it looks, has the summary written while it holds nothing, and then puts it in place.

What happened meanwhile wins: a range that was compacted, taken back, corrected, or whose words somebody was erased from
in between, is left for the next time. Appending disturbs nobody, for the last events are not touched anyway.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral

from segue_resource.domain.compaction import (
    LEAST,
    MAX_EVENTS,
    MAX_SUMMARY,
    Thresholds,
    Writer,
    foldable,
    next_from,
)
from segue_resource.domain.elision import Elision, Why, hiding, outermost, transient
from segue_resource.domain.lifecycle import ENDED
from segue_resource.domain.refusal import Refused
from segue_resource.domain.summary import Material, SummaryWriter, of_events, of_summaries
from segue_resource.stores import events, tables
from segue_resource.stores.ending.own_writing import open_own_reading, open_own_writing
from segue_resource.stores.history import compactions, elisions
from segue_resource.stores.history.compactions import Range
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.task_store import topic
from segue_resource.stores.unit import Reading, Writing

BATCH = 100
"""Tasks looked up together."""
PORTION = 2000
"""Numbers that one summary tells at most, so that what it is made from stays small; the rest waits for the next one."""
AT_ONCE = 50
"""Summaries of one task in one round: another task is not to wait for all of a long past."""

_tasks = tables.tasks
_heads = tables.task_heads
_elisions = tables.elisions
_told = (
    sa.select(sa.func.coalesce(sa.func.max(_elisions.c.to_seq), 0))
    .where(_elisions.c.task_id == _heads.c.task_id, _elisions.c.why == Why.COMPACTED)
    .scalar_subquery()
)
_LONG = (
    sa.select(_tasks.c.task_id, _tasks.c.retention_class)
    .join(_heads, _heads.c.task_id == _tasks.c.task_id)
    .where(
        _tasks.c.task_id > sa.bindparam("after"),
        _heads.c.status.not_in(sorted(ENDED)),
        _heads.c.head >= _told + LEAST,
    )
    .order_by(_tasks.c.task_id)
    .limit(BATCH)
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Basis:
    """What a summary rests on: if this is another one by the time it is written, it is not put in place."""

    held: list[Elision]
    keys: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    basis: Basis
    material: Material

    @property
    def range(self) -> Range:
        return Range(self.material.to_seq, self.material.from_seq)


class Compacting:
    """`policy` gives the thresholds of a class of tasks. Without a `writer` the store's own words do."""

    def __init__(
        self,
        database: Database,
        ephemeral: Ephemeral,
        *,
        keeper: Keeper,
        clock: Clock,
        policy: Callable[[str], Thresholds],
        writer: SummaryWriter | None = None,
    ) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._keeper = keeper
        self._clock = clock
        self._policy = policy
        self._writer = writer

    async def compact_all(self) -> int:
        """Everything that is due, in every task; how many summaries. Raises what the database raises."""
        made, after = 0, ""
        while rows := await self._database.read(partial(_long, after=after)):
            for task_id, name in rows:
                thresholds = self._policy(name)
                if thresholds.ever:
                    made += await self._compact(task_id, thresholds)
            after = rows[-1][0]
        return made

    async def _compact(self, task_id: str, thresholds: Thresholds) -> int:
        for made in range(AT_ONCE):
            plan = await self._database.read(lambda connection: self._plan(connection, task_id, thresholds))
            if plan is None or not await self._carry_out(task_id, plan):
                return made
        return AT_ONCE

    def _plan(self, connection: sa.Connection, task_id: str, thresholds: Thresholds) -> Plan | None:
        reading = open_own_reading(connection, task_id, keeper=self._keeper, now=self._clock())
        basis = _basis(reading)
        folded = foldable(basis.held)
        if folded is not None:
            return Plan(basis, _summaries(reading, basis, folded))
        part = _due(reading, basis, thresholds, now=self._clock())
        return None if part is None else Plan(basis, _events(reading, basis, *part))

    async def _carry_out(self, task_id: str, plan: Plan) -> bool:
        summary = await self._written(plan.material)
        if summary is None:
            return False

        def work(connection: sa.Connection) -> bool:
            writing = open_own_writing(connection, task_id, keeper=self._keeper, now=self._clock())
            done = _put(writing, plan, summary, Writer.STORE if self._writer is None else Writer.DEPLOYMENT)
            writing.settle()
            return done

        done = await self._database.write(work, together=task_id)
        if done:
            await self._ephemeral.wake(topic(task_id))
        return done

    async def _written(self, material: Material) -> str | None:
        if self._writer is None or not (material.said or material.summaries):
            return material.words[:MAX_SUMMARY]
        try:
            text = (await self._writer(material)).strip()
        except Exception as failure:  # whatever it raises, what was to be told is still there in detail
            _log.warning("a summary was not written: %s: %s", type(failure).__name__, failure)
            return None
        return text if 0 < len(text) <= MAX_SUMMARY else None


def _put(writing: Writing, plan: Plan, summary: str, by: Writer) -> bool:
    if _basis(writing) != plan.basis:
        return False
    try:
        compactions.compact(writing, plan.range, summary, by=by)
    except Refused as refusal:
        _log.info("a summary was not put in place: %s", type(refusal).__name__)
        return False
    return True


def _basis(unit: Reading | Writing) -> Basis:
    return Basis(elisions.reaching(unit, 1), dict(unit.keys.living()))


def _due(reading: Reading, basis: Basis, thresholds: Thresholds, *, now: int) -> tuple[int, int] | None:
    """The oldest portion that no summary tells, if all of what is in detail is worth it."""
    first, last = next_from(basis.held), reading.head - thresholds.keep
    if last - first + 1 < LEAST:
        return None
    last = min(last, first + MAX_EVENTS - 1)
    rows = [row for row in events.counts(reading, first, last) if transient(row.kind)]
    found, size = sum(row.events for row in rows), sum(row.bytes for row in rows)
    age = now - min((row.since for row in rows), default=now)
    if not thresholds.passed(events=found, bytes=size, age=age):
        return None
    return first, min(last, first + PORTION - 1)


def _events(reading: Reading, basis: Basis, first: int, last: int) -> Material:
    """Without what was corrected or taken back, which a summary must not tell either."""
    found = events.between(reading, first, last)
    shown = [event for event in found if hiding(basis.held, event.seq, event.kind) is None]
    return of_events(reading.caller.task_id, (first, found[-1].seq), shown)


def _summaries(reading: Reading, basis: Basis, folded: tuple[int, int]) -> Material:
    inner = [one for one in outermost(basis.held) if one.why is Why.COMPACTED and one.meets(*folded)]
    told = events.named(reading, [one.by_seq for one in inner])
    return of_summaries(reading.caller.task_id, folded, [str(event.body.get("summary", "")) for event in told])


def _long(connection: sa.Connection, *, after: str) -> list[tuple[str, str]]:
    return [(row.task_id, row.retention_class) for row in connection.execute(_LONG, {"after": after})]
