"""Corrections in the database: one event more, and the one it corrects is spared to ordinary readers (T12)."""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.correction import KIND, Author, Correction, require_correctable, spoken_as
from segue_resource.domain.elision import Elision, Why, hiding
from segue_resource.domain.event import NewEvent
from segue_resource.domain.handoff import LEADS
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import Conflict, CursorAhead, NotFound
from segue_resource.stores import handoffs, tables
from segue_resource.stores.history import elisions
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.unit import Writing

_events = tables.events
_ONE = sa.select(_events.c.kind, _events.c.role, _events.c.sub, _events.c.client_id, _events.c.device_id).where(
    _events.c.task_id == sa.bindparam("the_task"), _events.c.seq == sa.bindparam("the_seq")
)


def correct(writing: Writing, correction: Correction, *, overrules: bool) -> int:
    """Log it; its number. `overrules`: the customer's token lets them correct what others said.

    Raises `NotActive`, `CursorAhead`, `NotFound`, `NotCorrectable`, `NotYours`, `HandedOver`, `TooMuch`, and `Conflict`
    with the number of the event that corrected it or took it back before.
    """
    row = _find(writing, correction.seq)
    require_correctable(row.kind)
    author = Author(Actor(row.sub, row.client_id, row.device_id), row.role)
    role = spoken_as(author, writing.caller.actor, writing.role, overrules=overrules)
    _require_may_speak(writing, role)
    _require_as_it_was(writing, correction.seq, row.kind)
    told = {"seq": correction.seq, "kind": row.kind, "reason": correction.reason, "body": correction.body}
    by_seq = writing.log(NewEvent(KIND, role, told), session_id=None)
    writing.record(KIND, {"seq": correction.seq, "withdrawn": correction.body is None})
    elisions.elide(writing, Elision(correction.seq, correction.seq, by_seq, Why.CORRECTED))
    return by_seq


def _find(writing: Writing, seq: int) -> Any:
    if seq > writing.before:
        raise CursorAhead
    holder = stretches(writing, seq, seq)[0].task_id
    row = writing.connection.execute(_ONE, {"the_task": holder, "the_seq": seq}).one_or_none()
    if row is None:
        raise NotFound
    return row


def _require_may_speak(writing: Writing, role: str) -> None:
    """As for an event of its own: see `events.append`."""
    if role == Role.CUSTOMER:
        writing.require_not_ended()
    else:
        writing.require_working()
        if role in LEADS:
            handoffs.require_not_handed_over(writing, Role(role))


def _require_as_it_was(writing: Writing, seq: int, kind: str) -> None:
    """Whoever corrects has seen it: not what somebody else corrected or took back meanwhile."""
    held = [one for one in elisions.reaching(writing, seq) if one.why is not Why.COMPACTED]
    if found := hiding(held, seq, kind):
        raise Conflict({"seq": found.by_seq})
