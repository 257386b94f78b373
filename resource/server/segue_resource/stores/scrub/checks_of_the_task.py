"""The task's own rows: its head, its name and budget, and who takes part."""

from collections.abc import Iterator
from typing import Any

import msgspec

from segue_resource.domain.participant import Role
from segue_resource.stores import tables, tasks
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.scrub.fault import Fault, Harm, Remedy
from segue_resource.stores.scrub.found import Found, key_of
from segue_resource.stores.scrub.mending import Mending

_heads = tables.task_heads
_tasks = tables.tasks
_people = tables.participants


def head(found: Found) -> Iterator[Fault]:
    """Status, epoch, lead and the version of the working set are what the log says; the head is its last number."""
    rows = found.rows(_heads)
    if not rows:
        yield found.fault(_heads, "row", Harm.MISSING, "the head of the task is missing")
        return
    expected = _sure(found, status="task", epoch="task", lead="handoff", working_set_version="working_set")
    expected |= _sure(found, parent_task_id="task", parent_seq="task")
    if rows[0].last_at < found.account.last_at:
        expected["last_at"] = found.account.last_at
    yield from found.differing(_heads, rows[0], expected, name="head")


def task(found: Found) -> Iterator[Fault]:
    """Owner, name, who gave it, budget and the open proposal are what the log says."""
    rows = found.rows(_tasks)
    if not rows:
        yield found.fault(_tasks, "row", Harm.MISSING, "the task's own row is missing")
        return
    row = rows[0]
    topics = {"owner": "task", "name_source": "task", "sensitivity": "task", "version": "task", "ended_at": "task"}
    yield from found.differing(_tasks, row, _sure(found, created_at="task", proposal_seq="task", **topics), name="task")
    budget = found.account.sure_fact("budget", "task")
    if budget is not None and budget.value != _decoded(row.budget):
        text = None if budget.value is None else msgspec.json.encode(budget.value).decode()
        yield from found.differing(_tasks, row, {"budget": text}, name="task")
    yield from _name(found, row)


def _name(found: Found, row: Any) -> Iterator[Fault]:
    try:
        name = tasks.name_of(row, found.keys)
        if not row.sealed and not found.keys.destroyed(row.key_no):
            raise Damaged("the name is gone")
    except Damaged as damaged:
        name, harm, what = None, Harm.UNREADABLE, str(damaged)
    else:
        harm, what = Harm.WRONG, "the name is not the one in the log"
    told = found.account.facts.get("name")
    if name == "" or (name is not None and told is not None and name == told.value):
        return  # erased, or as it should be
    if name is not None and found.account.sure_fact("name", "task") is None:
        return
    again = "" if told is None else told.value
    owner = row.owner

    def mend(mending: Mending) -> None:
        version = mending.connection.execute(_tasks.select().where(_tasks.c.task_id == found.task_id)).one().version
        sealed = mending.keys.seal({"name": again}, sub=owner, table=_tasks.name, row=f"name/{version}")
        mending.change(_tasks, key_of(_tasks, row), {"key_no": sealed.key_no, "sealed": sealed.value})

    yield found.fault(_tasks, "name", harm, what, remedy=Remedy.REBUILT, mend=mend)


def people(found: Found) -> Iterator[Fault]:
    """Everybody whom the log lets in takes part from there on, until it says that they left; nobody else does."""
    expected = _participations(found)
    there = {(row.sub, row.from_seq): row for row in found.rows(_people)}
    for key in sorted(there.keys() | expected.keys()):
        row, told = there.get(key), expected.get(key)
        name = f"{key[0]}/{key[1]}"
        if row is None and told is not None:
            yield found.fault(
                _people,
                name,
                Harm.MISSING,
                "the log has somebody take part who is not there",
                remedy=Remedy.REBUILT,
                mend=_insert(told),
            )
        elif row is not None and told is not None:
            compared = {"role": told["role"], "granted_by": told["granted_by"], "to_seq": told["to_seq"]}
            if row.to_seq is not None and found.account.may_tell(row.to_seq, "participant"):
                del compared["to_seq"]
            yield from found.differing(_people, row, compared, name=name)
        elif row is not None and not any(
            found.account.may_tell(row.from_seq, topic) for topic in ("participant", "task")
        ):
            what = "somebody takes part whom the log does not let in"
            yield found.fault(_people, name, Harm.FORGED, what, remedy=Remedy.DROPPED, mend=_drop(row))


def _participations(found: Found) -> dict[tuple[str, int], dict[str, Any]]:
    expected: dict[tuple[str, int], dict[str, Any]] = {}

    def begins(sub: str, seq: int, role: str, granted_by: str) -> None:
        row = {"task_id": found.task_id, "sub": sub, "from_seq": seq, "to_seq": None}
        expected[sub, seq] = row | {"role": role, "granted_by": granted_by}

    for told in sorted([*found.account.of("task"), *found.account.of("participant")], key=lambda told: told.seq):
        match told.kind:
            case "task.created" | "task.forked" if "owner" in told.body:
                begins(told.body["owner"], told.seq, Role.CUSTOMER.value, told.body["owner"])
            case "participant.joined":
                begins(told.body["sub"], told.seq, told.body["role"], told.body["granted_by"])
            case "participant.left" | "participant.removed":
                key = (told.body["sub"], told.body["from_seq"])
                if key in expected:
                    expected[key]["to_seq"] = told.seq
    return expected


def _sure(found: Found, **topics: str) -> dict[str, Any]:
    """The facts that the log tells for sure, by column."""
    facts = {name: found.account.sure_fact(name, topic) for name, topic in topics.items()}
    return {name: fact.value for name, fact in facts.items() if fact is not None}


def _decoded(text: str | None) -> Any:
    try:
        return None if text is None else msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ...


def _insert(row: dict[str, Any]) -> Any:
    return lambda mending: mending.add(_people, row)


def _drop(row: Any) -> Any:
    return lambda mending: mending.drop(_people, key_of(_people, row))
