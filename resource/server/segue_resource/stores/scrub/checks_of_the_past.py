"""Where the past of a task lies, what of it is told otherwise, and what was counted and indexed of it."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.compaction import COMPACTED
from segue_resource.domain.elision import Why
from segue_resource.stores import tables
from segue_resource.stores.finding import search_index
from segue_resource.stores.history.compactions import key_owner
from segue_resource.stores.scrub.account import REVERTED, Told
from segue_resource.stores.scrub.fault import Fault, Harm, Remedy
from segue_resource.stores.scrub.found import Found, key_of
from segue_resource.stores.scrub.mending import Mending

_elisions = tables.elisions
_events = tables.events
_totals = tables.usage_totals
_reports = tables.usage_reports
_by_session = tables.usage_by_session
_subjects = tables.summary_subjects
_documents = tables.search_documents
_states = tables.search_states
_EVENT = sa.select(_events.c.seq).where(
    _events.c.task_id == sa.bindparam("the_task"), _events.c.seq == sa.bindparam("the_seq")
)
_USED = (
    sa.select(_reports.c.unit, sa.func.sum(_reports.c.amount).label("used"))
    .where(_reports.c.task_id == sa.bindparam("the_task"))
    .group_by(_reports.c.unit)
)
_USED_BY_SESSION = (
    sa.select(
        _reports.c.session_id,
        _reports.c.unit,
        sa.func.sum(_reports.c.amount).label("used"),
        sa.func.count().label("reports"),
    )
    .where(_reports.c.task_id == sa.bindparam("the_task"))
    .group_by(_reports.c.session_id, _reports.c.unit)
)
_KEY_OF = sa.select(_events.c.seq, _events.c.key_no).where(
    _events.c.task_id == sa.bindparam("the_task"), _events.c.seq.in_(sa.bindparam("numbers", expanding=True))
)
_ASTRAY = (
    sa.select(_documents.c.seq)
    .outerjoin(_events, sa.and_(_events.c.task_id == _documents.c.task_id, _events.c.seq == _documents.c.seq))
    .where(_documents.c.task_id == sa.bindparam("the_task"))
    .where(
        sa.or_(_events.c.seq.is_(None), _events.c.sub != _documents.c.sub, _documents.c.seq > sa.bindparam("through"))
    )
    .order_by(_documents.c.seq)
)


def origin(found: Found) -> Iterator[Fault]:
    """The task that a fork goes on from is there, and has the event that it goes on behind."""
    for head in found.rows(tables.task_heads):
        if head.parent_task_id is not None:
            asked = {"the_task": head.parent_task_id, "the_seq": head.parent_seq}
            if found.connection.execute(_EVENT, asked).one_or_none() is None:
                what = "the event that the fork goes on behind is not with the task that should have it"
                yield found.fault(tables.task_heads, "origin", Harm.MISSING, what)


def elisions(found: Found) -> Iterator[Fault]:
    """What ordinary readers are spared is what a compaction, a correction or a rollback says, and nothing else."""
    told = {
        (event.seq, elided["from_seq"]): elided
        for topic in ("log", "task")
        for event in found.account.of(topic)
        if (elided := _elided(event)) is not None
    }
    there = {(row.by_seq, row.from_seq): row for row in found.rows(_elisions)}
    for (by_seq, from_seq), row in there.items():
        name = f"{by_seq}/{from_seq}"
        if (by_seq, from_seq) in told:
            yield from found.differing(_elisions, row, told[by_seq, from_seq], name=name)
        elif not any(found.account.may_tell(by_seq, topic) for topic in ("log", "task")):
            what = "the log does not say that this range is told otherwise"
            yield found.fault(_elisions, name, Harm.FORGED, what, remedy=Remedy.DROPPED, mend=_drop(row))
    for key in sorted(told.keys() - there.keys()):
        elided = {"task_id": found.task_id, "by_seq": key[0], **told[key]}
        what = "a range that the log tells otherwise is not marked"
        name = f"{key[0]}/{key[1]}"
        yield found.fault(_elisions, name, Harm.MISSING, what, remedy=Remedy.REBUILT, mend=_add(elided))


def _elided(event: Told) -> dict[str, Any] | None:
    body = event.body
    match event.kind:
        case kind if kind == COMPACTED:
            return {"from_seq": body["from_seq"], "to_seq": body["to_seq"], "why": Why.COMPACTED.value}
        case "log.corrected":
            return {"from_seq": body["seq"], "to_seq": body["seq"], "why": Why.CORRECTED.value}
        case kind if kind == REVERTED:  # the calls that it cancelled are logged before it
            last = event.seq - 1 - len(body["cancelled"])
            return {"from_seq": body["to"] + 1, "to_seq": last, "why": Why.REVERTED.value}
    return None


def usage(found: Found) -> Iterator[Fault]:
    """What was used of each unit is the sum of what was reported."""
    summed: dict[str, int] = defaultdict(int)
    for row in found.connection.execute(_USED, {"the_task": found.task_id}):
        summed[row.unit] = int(row.used)
    there = {row.unit: row for row in found.rows(_totals)}
    for unit in sorted(summed.keys() | there.keys()):
        if unit in there and there[unit].used == summed[unit]:
            continue
        yield found.fault(_totals, unit, Harm.WRONG, "the total is not the sum of the reports")


def sessions_used(found: Found) -> Iterator[Fault]:
    """What each session has used is the sum of what it reported."""
    asked = {"the_task": found.task_id}
    summed = {(row.session_id, row.unit): row for row in found.connection.execute(_USED_BY_SESSION, asked)}
    there = {(row.session_id, row.unit): row for row in found.rows(_by_session)}
    for key in sorted(summed.keys() | there.keys()):
        told, row = summed.get(key), there.get(key)
        if told is None or row is None or (told.used, told.reports) != (row.used, row.reports):
            what = "what the session has used is not the sum of its reports"
            yield found.fault(_by_session, "/".join(key), Harm.WRONG, what)


def summaries(found: Found) -> Iterator[Fault]:
    """Whose words a summary tells is who its key is of, so that it goes with any of them."""
    told = {event.seq: event for event in found.account.of("log") if event.kind == COMPACTED}
    subs: dict[int, set[str]] = defaultdict(set)
    for row in found.rows(_subjects):
        subs[row.by_seq].add(row.sub)
    owners = {row.key_no: row.sub for row in found.rows(tables.data_keys)}
    asked = {"the_task": found.task_id, "numbers": [*told]}
    sealed_for = {row.seq: owners.get(row.key_no) for row in found.connection.execute(_KEY_OF, asked)} if told else {}
    for seq in sorted(told.keys() | subs.keys()):
        of = subs[seq]
        right = {key_owner(of), *(of if len(of) == 1 else ())} if of else {told[seq].sub}
        if sealed_for.get(seq) not in right and not found.account.may_tell(seq, "log"):
            yield found.fault(_subjects, seq, Harm.WRONG, "the summary is not sealed for those whose words it tells")


def index(found: Found) -> Iterator[Fault]:
    """The index of words is of events that are there, under who wrote them; if not, it is made anew."""
    for state in found.rows(_states):
        asked = {"the_task": found.task_id, "through": state.through}
        astray = found.connection.execute(_ASTRAY, asked).scalars().first()
        what = "the index is ahead of the log" if state.through > found.last else "the index holds what is not so"
        if state.through > found.last or astray is not None:
            name, drop = astray or "through", Remedy.DROPPED
            yield found.fault(_states, name, Harm.WRONG, what, remedy=drop, mend=_index_anew(found.task_id))


def _index_anew(task_id: str) -> Any:
    def mend(mending: Mending) -> None:
        while search_index.forget(mending.connection, task_id) == search_index.BATCH:
            pass

    return mend


def _add(row: dict[str, Any]) -> Any:
    return lambda mending: mending.add(_elisions, row)


def _drop(row: Any) -> Any:
    return lambda mending: mending.drop(_elisions, key_of(_elisions, row))
