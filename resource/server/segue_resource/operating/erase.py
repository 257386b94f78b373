"""`segue tasks erase`: a person's words, or a task, made unreadable for good."""

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from segue.clock import now
from segue.replay import MemoryUnavailable
from segue_storage.database import Database, DatabaseUnavailable, open_database
from segue_storage.ephemeral import open_ephemeral

from segue_resource.domain.erasure import Erasure
from segue_resource.domain.refusal import OnHold
from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.stores import tables
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.ending import erasures
from segue_resource.stores.ending.erasures import Clearing
from segue_resource.stores.ending.own_writing import OPERATOR, open_own_writing
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import KeysUnavailable

_DETAIL = """\
Destroys the data keys: from then on nobody reads what they had sealed. Then the sealed values, kept answers and drafts
are cleared. What stays and says so: ids, times, kinds of events, the audit. What others wrote stays theirs.
Killed half-way, the same command goes on. Backups still hold the keys, so afterwards run

  segue tasks rekey --destroy-old && segue tasks keys --backup FILE

within the time that you promise; the README of the task store says more.

  segue tasks erase --sub SUB        what this person, and what agents on their devices, wrote in any task
  segue tasks erase --task TASK      everything that anybody wrote in the task, which ends it

The exit status is 0, 1 if tasks were left out because a hold stands, or 2 if it could not be done."""

_keys, _events, _subjects = tables.data_keys, tables.events, tables.summary_subjects
_living = _keys.c.wrapped.is_not(None)
_Told = dict[str, Any]


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "erase",
        help="erase a person or a task",
        description="Make unreadable for good what a person wrote in any task, or everything in one task.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--sub", help="the person, as the authorization server names them")
    whose.add_argument("--task", help="the task's id")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be erased")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=erase)


def erase(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        with opened() as found:
            told = asyncio.run(_erase(found, options))
    except (*FAULTS, DatabaseUnavailable, KeysUnavailable, MemoryUnavailable) as fault:
        print(f"segue tasks erase: {fault}", file=sys.stderr)
        return 2
    print(json.dumps(told) if options.json else "\n".join(_lines(told)))
    return 1 if told["held"] else 0


async def _erase(found: Opened, options: argparse.Namespace) -> _Told:
    database, ephemeral = open_database(found.settings.database, threads=1), open_ephemeral(found.settings.redis)
    keeper = Keeper(found.master, secrets.token_bytes)
    clearing = Clearing(database, Drafts(ephemeral, keeper=keeper), clock=now)
    told: _Told = {"erased": [], "held": [], "would_erase": []}
    try:
        tasks = await written_in(database, sub=options.sub, task_id=options.task)
        if options.dry_run:
            return told | {"would_erase": tasks}
        await erase_in(database, keeper, tasks, sub=options.sub, told=told)
        await clearing.clear_all()
    finally:
        await ephemeral.aclose()
        await database.aclose()
    return told


async def erase_in(
    database: Database, keeper: Keeper, task_ids: Sequence[str], *, sub: str | None, told: dict[str, Any]
) -> None:
    """Make unreadable what the person, or with None anybody, wrote in the tasks; `told` says what was done."""
    for task_id in task_ids:
        await _erase_one(database, keeper, task_id, sub, told)


async def _erase_one(database: Database, keeper: Keeper, task_id: str, sub: str | None, told: _Told) -> None:
    def work(connection: sa.Connection) -> Erasure:
        writing = open_own_writing(connection, task_id, keeper=keeper, now=now(), actor=OPERATOR)
        erasure = erasures.erase(writing, erasure_id=f"era_{keeper.random(12).hex()}", sub=sub)
        writing.settle()
        return erasure

    try:
        erasure = await database.write(work)
    except OnHold:
        told["held"].append(task_id)
        return
    told["erased"].append({"task_id": task_id, "erasure_id": erasure.erasure_id, "keys": erasure.keys})
    if len(told["erased"]) % 100 == 0:
        print(f"{len(told['erased'])} tasks", file=sys.stderr)


async def written_in(database: Database, *, sub: str | None, task_id: str | None) -> list[str]:
    """Those in which there is anything left to erase."""
    whose = _theirs(sub) if task_id is None else _keys.c.task_id == task_id
    ours = _keys.c.sub != OPERATOR.sub  # what an operator's command noted is ids alone
    statement = sa.select(_keys.c.task_id).where(whose, ours, _living).distinct().order_by(_keys.c.task_id)
    return await database.read(lambda connection: list(connection.execute(statement).scalars()))


def _theirs(sub: str | None) -> sa.ColumnElement[bool]:
    """Their own keys, and those of summaries that tell their words, perhaps in a fork in which they wrote nothing."""
    covering = (
        sa.select(_events.c.task_id, _events.c.key_no)
        .join(_subjects, sa.and_(_subjects.c.task_id == _events.c.task_id, _subjects.c.by_seq == _events.c.seq))
        .where(_subjects.c.sub == sub)
    )
    return (_keys.c.sub == sub) | sa.tuple_(_keys.c.task_id, _keys.c.key_no).in_(covering)


def _lines(told: _Told) -> list[str]:
    lines = [f"{done['task_id']}: {done['keys']} keys destroyed, {done['erasure_id']}" for done in told["erased"]]
    lines += [f"{task_id}: would be erased" for task_id in told["would_erase"]]
    lines += [f"{task_id}: a hold stands, nothing was erased" for task_id in told["held"]]
    return lines or ["nothing to erase"]
