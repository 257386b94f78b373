"""Names that agents propose: kept as events, one of them open at a time, until the person answers (T1).

A proposal changes no name, so it can overwrite nobody's word.
"""

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.refusal import NotFound
from segue_resource.domain.task import NameProposal
from segue_resource.stores import tables
from segue_resource.stores.log import open_body
from segue_resource.stores.unit import Reading, Writing

_tasks = tables.tasks
_events = tables.events
_its = _tasks.c.task_id == sa.bindparam("the_task")
_PROPOSE = sa.update(_tasks).where(_its).values(proposal_seq=sa.bindparam("new_seq"))
_DECLINE = (
    sa.update(_tasks)
    .where(_its, _tasks.c.proposal_seq == sa.bindparam("the_seq"))
    .values(proposal_seq=None)
    .returning(_tasks.c.task_id)
)
_EVENT = sa.select(_events).where(
    _events.c.task_id == sa.bindparam("the_task"), _events.c.seq == sa.bindparam("the_seq")
)


def propose(writing: Writing, name: str) -> NameProposal:
    """Take the place of the proposal that is open, if there is one. Raises `NotActive`."""
    writing.require_working()
    seq = writing.note("task.name_proposed", {"name": name})
    writing.connection.execute(_PROPOSE, {"the_task": writing.caller.task_id, "new_seq": seq})
    return NameProposal(seq=seq, name=name, at=writing.now, actor=writing.caller.actor)


def decline(writing: Writing, seq: int) -> None:
    """Raises `NotActive`, and `NotFound` unless this proposal is the open one."""
    writing.require_not_ended()
    asked = {"the_task": writing.caller.task_id, "the_seq": seq}
    if writing.connection.execute(_DECLINE, asked).scalar_one_or_none() is None:
        raise NotFound
    writing.note("task.name_declined", {"proposal_seq": seq})


def proposal(unit: Reading | Writing, seq: int | None) -> NameProposal | None:
    """The proposal in the event of that number. None, too, once the key of who proposed it has been destroyed."""
    if seq is None:
        return None
    row = unit.connection.execute(_EVENT, {"the_task": unit.caller.task_id, "the_seq": seq}).one()
    opened = open_body(row, unit.keys)
    if opened is None:
        return None
    return NameProposal(seq, opened["name"], row.at, Actor(row.sub, row.client_id, row.device_id))
