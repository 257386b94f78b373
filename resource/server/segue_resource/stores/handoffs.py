"""Hand-offs in the database: a compare-and-set on the hand-off and one on the lead of its task, together (T16)."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from segue_resource.domain import handoff as domain
from segue_resource.domain.handoff import LEADS, LIVING, Handoff, HandoffState, Mode
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import AlreadyLeads, HandedOver, HandoffOpen, NotFound
from segue_resource.stores import tables, tool_calls
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.tool_calls import LostRace
from segue_resource.stores.unit import Reading, Writing

PAGE = 100

_handoffs = tables.handoffs
_heads = tables.task_heads
_people = tables.participants
_its = _handoffs.c.task_id == sa.bindparam("the_task")
_this = sa.and_(_its, _handoffs.c.handoff_id == sa.bindparam("the_handoff"))
_ONE = sa.select(_handoffs).where(_this)
_LIVING = (
    sa.select(_handoffs).where(_its, _handoffs.c.state.in_(sorted(LIVING))).order_by(_handoffs.c.offered_seq.desc())
)
_PAGE = (
    sa.select(_handoffs)
    .where(_its, _handoffs.c.offered_seq < sa.bindparam("before"))
    .order_by(_handoffs.c.offered_seq.desc())
    .limit(PAGE + 1)
)
_COLD = (
    sa.select(_handoffs.c.handoff_id)
    .where(
        _its,
        _handoffs.c.state == HandoffState.ACCEPTED,
        _handoffs.c.mode == Mode.COLD,
        _handoffs.c.from_role == sa.bindparam("the_role"),
    )
    .limit(1)
)
_TAKES_PART = sa.select(_people.c.role).where(
    _people.c.task_id == sa.bindparam("the_task"), _people.c.sub == sa.bindparam("the_sub"), _people.c.to_seq.is_(None)
)
_INSERT = sa.insert(_handoffs)
_COMPARE_AND_SET = (
    sa.update(_handoffs)
    .where(_this, _handoffs.c.version == sa.bindparam("the_version"))
    .values(
        version=_handoffs.c.version + 1,
        state=sa.bindparam("new_state"),
        accepted_by=sa.bindparam("new_accepted_by"),
        accepted_seq=sa.bindparam("new_accepted_seq"),
        ended_seq=sa.bindparam("new_ended_seq"),
    )
    .returning(_handoffs.c.version)
)
_LEAD = (
    sa.update(_heads)
    .where(_heads.c.task_id == sa.bindparam("the_task"), _heads.c.lead == sa.bindparam("the_lead"))
    .values(lead=sa.bindparam("new_lead"))
    .returning(_heads.c.lead)
)


def offer(
    writing: Writing,
    *,
    handoff_id: str,
    mode: Mode,
    to_role: Role,
    to_sub: str | None,
    reason: str,
    limit: dict[str, Any] | None,
) -> Handoff:
    """Offer to pass on who answers the customer. Raises `NotActive`, `AlreadyLeads`, `HandoffOpen` and `NotFound`."""
    writing.require_working()
    if to_role not in LEADS or to_role == writing.lead:
        raise AlreadyLeads(writing.lead)
    for row in _living(writing):
        if row.state == HandoffState.OFFERED:
            raise HandoffOpen(row.handoff_id)
    if to_sub is not None:
        _require_part(writing, to_sub)
    if limit is not None and limit.get("call_id") is not None:
        tool_calls.find(writing, limit["call_id"])
    handoff = Handoff(
        handoff_id=handoff_id,
        mode=mode,
        state=HandoffState.OFFERED,
        offered_by=writing.caller.sub,
        from_role=Role(writing.lead),
        to_role=to_role,
        to_sub=to_sub,
        accepted_by=None,
        reason=reason,
        limit=limit,
        offered_seq=writing.head + 1,
        accepted_seq=None,
        ended_seq=None,
    )
    writing.note("handoff.offered" if limit is None else "handoff.escalated", _told(handoff))
    writing.connection.execute(_INSERT, _new_row(writing, handoff))
    return handoff


def accept(writing: Writing, handoff_id: str) -> Handoff:
    """The role it is offered to answers the customer from now on; what was in effect before is over.

    Raises `NotFound`, `NotActive`, `WrongHandoffState`, `NotYours` and `LostRace`.
    """
    writing.require_working()
    row, before = _find(writing, handoff_id)
    accepted = domain.accept(before, sub=writing.caller.sub, role=writing.role)
    for other in _living(writing):
        if other.state == HandoffState.ACCEPTED:
            _end(writing, other, replace(_handoff(other, writing.keys), state=HandoffState.RETURNED))
    _lead(writing, accepted.to_role)
    seq = writing.note("handoff.accepted", _told(accepted))
    return _set(writing, row, replace(accepted, accepted_seq=seq))


def decline(writing: Writing, handoff_id: str) -> Handoff:
    """Raises `NotFound`, `WrongHandoffState`, `NotYours` and `LostRace`."""
    row, before = _find(writing, handoff_id)
    return _end(writing, row, domain.decline(before, sub=writing.caller.sub, role=writing.role))


def cancel(writing: Writing, handoff_id: str) -> Handoff:
    """Raises `NotFound`, `WrongHandoffState`, `NotYours` and `LostRace`."""
    row, before = _find(writing, handoff_id)
    return _end(writing, row, domain.cancel(before, sub=writing.caller.sub, role=writing.role))


def give_back(writing: Writing, handoff_id: str) -> Handoff:
    """The role that handed over answers the customer again. Raises what `decline` raises."""
    row, before = _find(writing, handoff_id)
    returned = domain.give_back(before, role=writing.role)
    _lead(writing, returned.from_role)
    return _end(writing, row, returned)


def without(writing: Writing, sub: str) -> None:
    """Somebody is about to leave: what they were offered is cancelled, what they had accepted goes back."""
    for row in _living(writing):
        handoff = _handoff(row, writing.keys)
        if handoff.state is HandoffState.OFFERED and handoff.to_sub == sub:
            _end(writing, row, replace(handoff, state=HandoffState.CANCELLED))
        elif handoff.state is HandoffState.ACCEPTED and handoff.accepted_by == sub:
            _lead(writing, handoff.from_role)
            _end(writing, row, replace(handoff, state=HandoffState.RETURNED))


def require_not_handed_over(unit: Reading | Writing, role: Role) -> None:
    """Whoever is about to say or begin something as `role` asks first. Raises `HandedOver`."""
    if role in LEADS and role != unit.lead:
        asked = {"the_task": unit.caller.task_id, "the_role": role}
        if unit.connection.execute(_COLD, asked).one_or_none() is not None:
            raise HandedOver(unit.lead)


def working_role(role: Role) -> Role:
    """As whom a participant begins tool calls: what the customer's devices begin, the agent on them begins."""
    return Role.AGENT if role is Role.CUSTOMER else role


def find(reading: Reading, handoff_id: str) -> Handoff:
    """Raises `NotFound`."""
    return _find(reading, handoff_id)[1]


def living(reading: Reading) -> list[Handoff]:
    """What is offered and what is in effect, the newest first: two at most."""
    return [_handoff(row, reading.keys) for row in _living(reading)]


def page(reading: Reading, *, before: int) -> tuple[list[Handoff], int | None]:
    """The newest that were offered before a place in the log, and before which to go on."""
    rows = reading.connection.execute(_PAGE, {"the_task": reading.caller.task_id, "before": before}).all()
    found = [_handoff(row, reading.keys) for row in rows[:PAGE]]
    return found, found[-1].offered_seq if len(rows) > PAGE else None


def _end(writing: Writing, row: sa.Row[Any], handoff: Handoff) -> Handoff:
    """Log that it is over, and set it so. Raises `LostRace`."""
    seq = writing.note(f"handoff.{handoff.state}", _told(handoff))
    return _set(writing, row, replace(handoff, ended_seq=seq))


def _set(writing: Writing, row: sa.Row[Any], handoff: Handoff) -> Handoff:
    asked = {
        "the_task": writing.caller.task_id,
        "the_handoff": handoff.handoff_id,
        "the_version": row.version,
        "new_state": handoff.state,
        "new_accepted_by": handoff.accepted_by,
        "new_accepted_seq": handoff.accepted_seq,
        "new_ended_seq": handoff.ended_seq,
    }
    if writing.connection.execute(_COMPARE_AND_SET, asked).scalar_one_or_none() is None:
        raise LostRace
    return handoff


def _lead(writing: Writing, to: Role) -> None:
    asked = {"the_task": writing.caller.task_id, "the_lead": writing.lead, "new_lead": to}
    if writing.connection.execute(_LEAD, asked).scalar_one_or_none() is None:
        raise LostRace
    writing.lead = to


def _require_part(writing: Writing, sub: str) -> None:
    asked = {"the_task": writing.caller.task_id, "the_sub": sub}
    if writing.connection.execute(_TAKES_PART, asked).one_or_none() is None:
        raise NotFound


def _living(unit: Reading | Writing) -> list[sa.Row[Any]]:
    return list(unit.connection.execute(_LIVING, {"the_task": unit.caller.task_id}))


def _find(unit: Reading | Writing, handoff_id: str) -> tuple[sa.Row[Any], Handoff]:
    asked = {"the_task": unit.caller.task_id, "the_handoff": handoff_id}
    row = unit.connection.execute(_ONE, asked).one_or_none()
    if row is None:
        raise NotFound
    return row, _handoff(row, unit.keys)


def _new_row(writing: Writing, handoff: Handoff) -> dict[str, Any]:
    content = {"reason": handoff.reason, "limit": handoff.limit}
    sealed = writing.keys.seal(content, sub=writing.caller.sub, table=_handoffs.name, row=handoff.handoff_id)
    row = {name: value for name, value in vars(handoff).items() if name not in content}
    return {
        **row,
        "task_id": writing.caller.task_id,
        "version": 1,
        "key_no": sealed.key_no,
        "sealed": sealed.value,
    }


def _handoff(row: sa.Row[Any], keys: TaskKeys) -> Handoff:
    said = keys.unseal(row.key_no, row.sealed, table=_handoffs.name, row=row.handoff_id)
    said = said or {"reason": "", "limit": None}
    return Handoff(
        handoff_id=row.handoff_id,
        mode=Mode(row.mode),
        state=HandoffState(row.state),
        offered_by=row.offered_by,
        from_role=Role(row.from_role),
        to_role=Role(row.to_role),
        to_sub=row.to_sub,
        accepted_by=row.accepted_by,
        reason=said["reason"],
        limit=said["limit"],
        offered_seq=row.offered_seq,
        accepted_seq=row.accepted_seq,
        ended_seq=row.ended_seq,
    )


def _told(handoff: Handoff) -> dict[str, Any]:
    """What the log says of a hand-off."""
    return {
        "handoff_id": handoff.handoff_id,
        "mode": handoff.mode,
        "from_role": handoff.from_role,
        "to_role": handoff.to_role,
        "to_sub": handoff.to_sub,
        "reason": handoff.reason,
        "limit": handoff.limit,
    }
