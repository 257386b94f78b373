"""Tasks in the database: what a token may see of its task, its name and its budget."""

from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.refusal import Conflict
from segue_resource.domain.task import Budget, NameSource, Task, access, source_of
from segue_resource.stores import names, tables
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Reading, Writing

_tasks = tables.tasks
_its = _tasks.c.task_id == sa.bindparam("the_task")
_ONE = sa.select(_tasks).where(_its)
_BUDGET = sa.select(_tasks.c.budget).where(_its)
_SENSITIVITY = sa.select(_tasks.c.sensitivity).where(_its)
_SET_SENSITIVITY = sa.update(_tasks).where(_its).values(sensitivity=sa.bindparam("new_sensitivity"))
_CHANGE = (
    sa.update(_tasks)
    .where(_its, _tasks.c.version == sa.bindparam("the_version"))
    .values(
        version=_tasks.c.version + 1,
        name_source=sa.bindparam("new_source"),
        proposal_seq=sa.bindparam("new_proposal"),
        budget=sa.bindparam("new_budget"),
        key_no=sa.bindparam("new_key_no"),
        sealed=sa.bindparam("new_sealed"),
    )
    .returning(_tasks.c.version)
)


def task(unit: Reading | Writing) -> Task:
    """The task of this transaction, as its caller may use it."""
    return task_of(unit.connection.execute(_ONE, {"the_task": unit.caller.task_id}).one(), unit)


def task_of(row: sa.Row[Any], unit: Reading | Writing) -> Task:
    """The task whose row was read in this transaction, as its caller may use it."""
    return Task(
        task_id=row.task_id,
        name=name_of(row, unit.keys),
        name_source=NameSource(row.name_source),
        name_proposal=names.proposal(unit, row.proposal_seq),
        status=unit.status,
        budget=None if row.budget is None else msgspec.json.decode(row.budget, type=Budget),
        owner=row.owner,
        epoch=unit.epoch,
        head=unit.head,
        version=row.version,
        created_at=row.created_at,
        access=access(token_epoch=unit.caller.epoch, task_epoch=unit.epoch),
        forked_from=unit.origin,
    )


def budget(unit: Reading | Writing) -> Budget | None:
    """The budget of this transaction's task."""
    text = unit.connection.execute(_BUDGET, {"the_task": unit.caller.task_id}).scalar_one()
    return None if text is None else msgspec.json.decode(text, type=Budget)


def rename(writing: Writing, name: str, *, version: int) -> None:
    """The person's word on the name, which answers what was proposed. Raises `NotActive` and `Conflict`."""
    before = task(writing)
    source = source_of(name, before)
    _change(writing, before, version=version, name=name, name_source=source, proposal=None, budget=before.budget)
    writing.note("task.renamed", {"name": name, "name_source": source, "proposal_seq": before.proposal_seq})


def set_budget(writing: Writing, budget: Budget | None, *, version: int) -> tuple[Budget | None, Budget | None]:
    """Another budget for the task, or none: what it was and what it is. Raises `NotActive` and `Conflict`."""
    before = task(writing)
    _change(
        writing,
        before,
        version=version,
        name=before.name,
        name_source=before.name_source,
        proposal=before.proposal_seq,
        budget=budget,
    )
    told = {"budget": msgspec.to_builtins(budget), "before": msgspec.to_builtins(before.budget)}
    writing.note("task.budget_changed", told)
    return before.budget, budget


def sensitivity_of(connection: sa.Connection, task_id: str) -> str:
    """How sensitive the task is. Raises `NoResultFound`."""
    return str(connection.execute(_SENSITIVITY, {"the_task": task_id}).scalar_one())


def set_sensitivity(writing: Writing, sensitivity: str) -> None:
    """An operator says how sensitive the task is. The lock of its head row is held: nobody else says so meanwhile."""
    before = sensitivity_of(writing.connection, writing.caller.task_id)
    asked = {"the_task": writing.caller.task_id, "new_sensitivity": sensitivity}
    writing.connection.execute(_SET_SENSITIVITY, asked)
    writing.note("task.sensitivity_changed", {"sensitivity": sensitivity, "before": before})


def new_row(
    task_id: str,
    name: str,
    *,
    name_source: NameSource,
    budget: Budget | None,
    owner: str,
    keys: TaskKeys,
    now: int,
) -> dict[str, Any]:
    """The row of a task that begins now. Its data key is made on the way."""
    sealed = keys.seal({"name": name}, sub=owner, table=_tasks.name, row=_row(1))
    return {
        "task_id": task_id,
        "owner": owner,
        "name_source": name_source,
        "sensitivity": "normal",
        "version": 1,
        "created_at": now,
        "budget": _budget_text(budget),
        "key_no": sealed.key_no,
        "sealed": sealed.value,
    }


def name_of(row: sa.Row[Any], keys: TaskKeys) -> str:
    """The name in a row of the table."""
    opened = keys.unseal(row.key_no, row.sealed, table=_tasks.name, row=_row(row.version))
    return str(opened["name"]) if opened else ""


def _change(
    writing: Writing,
    before: Task,
    *,
    version: int,
    name: str,
    name_source: NameSource,
    proposal: int | None,
    budget: Budget | None,
) -> None:
    """Raises `NotActive`, and `Conflict` with the task as it is unless it still is at `version`."""
    writing.require_not_ended()
    sealed = writing.keys.seal({"name": name}, sub=writing.caller.sub, table=_tasks.name, row=_row(version + 1))
    asked = {
        "the_task": writing.caller.task_id,
        "the_version": version,
        "new_source": name_source,
        "new_proposal": proposal,
        "new_budget": _budget_text(budget),
        "new_key_no": sealed.key_no,
        "new_sealed": sealed.value,
    }
    if writing.connection.execute(_CHANGE, asked).scalar_one_or_none() is None:
        raise Conflict(before)


def _budget_text(budget: Budget | None) -> str | None:
    return None if budget is None else msgspec.json.encode(budget).decode()


def _row(version: int) -> str:
    return f"name/{version}"
