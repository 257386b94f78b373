"""`segue tasks export`: the whole record of a task as one archive, for a person who asked for it by another way."""

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from segue.clock import now
from segue_storage.database import Database, DatabaseUnavailable, open_database
from segue_storage.ephemeral import open_ephemeral

from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import Refused
from segue_resource.export.archive import Archive
from segue_resource.export.files import ArtifactFiles, Files
from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.stores import tables
from segue_resource.stores.files.blob_place import open_blobs
from segue_resource.stores.files.blobs import BlobsUnavailable
from segue_resource.stores.files.contents import Contents
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import KeysUnavailable
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading

_DETAIL = """\
It is what `GET /tasks/{t}/export` gives the customer, with the files. The audit of the task records it, as the
customer's, by the client "segue tasks export".

  segue tasks export TASK FILE             one task
  segue tasks export --sub SUB FOLDER      every task of the person, a file each; of tasks of others what they wrote

The exit status is 0, or 2 if it could not be done."""

_tasks, _people, _heads = tables.tasks, tables.participants, tables.task_heads


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "export",
        help="write the record of a task into a file",
        description="Write everything that is kept of a task into a ZIP archive that a person can read.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sub", help="the person, as the authorization server names them")
    parser.add_argument("what", nargs="+", metavar="TASK FILE | FOLDER", type=str)
    parser.set_defaults(run=export)


def export(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        if len(options.what) != (2 if options.sub is None else 1):
            raise OSError("say TASK FILE, or --sub SUB FOLDER")
        with opened() as found:
            asyncio.run(_export(found, options))
    except (*FAULTS, BlobsUnavailable, Damaged, DatabaseUnavailable, KeysUnavailable, Refused) as fault:
        print(f"segue tasks export: {fault or type(fault).__name__}", file=sys.stderr)
        return 2
    return 0


async def _export(found: Opened, options: argparse.Namespace) -> None:
    database, ephemeral = open_database(found.settings.database, threads=1), open_ephemeral(found.settings.redis)
    store = TaskStore(database, ephemeral, keeper=Keeper(found.master, secrets.token_bytes), clock=now)
    settings = found.settings
    blobs = open_blobs(settings.blob_place, endpoint=settings.s3_endpoint, key=settings.s3_key)
    files = ArtifactFiles(Contents(database, blobs, random=secrets.token_bytes, clock=now))
    try:
        for task_id, owner, epoch in await _chosen(database, options):
            path = Path(options.what[-1]) if options.sub is None else Path(options.what[0]) / f"{task_id}.zip"
            sub = options.sub or owner
            caller = _caller(sub, task_id, epoch)
            await _write(store, caller, path, files=files, only=None if sub == owner else sub)
            print(path)
    finally:
        await ephemeral.aclose()
        await database.aclose()


async def _write(store: TaskStore, caller: Caller, path: Path, *, files: Files, only: str | None) -> None:
    async def read(work: Callable[[Reading], Any]) -> Any:
        return (await store.read(caller, work, releases="export"))[0]

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _new_file(path) as file:
        async for piece in Archive(read, made_at=now(), files=files, only=only).pieces():
            file.write(piece)


def _caller(sub: str, task_id: str, epoch: int) -> Caller:
    token = secrets.token_hex(16)  # each run is on record
    return Caller(sub, "segue tasks export", "", task_id, epoch, None, frozenset(), token=token)


async def _chosen(database: Database, options: argparse.Namespace) -> list[tuple[str, str, int]]:
    """The tasks with owner and epoch."""
    statement = sa.select(_tasks.c.task_id, _tasks.c.owner, _heads.c.epoch).join_from(_tasks, _heads)
    if options.sub is None:
        statement = statement.where(_tasks.c.task_id == options.what[0])
    else:
        mine = sa.select(_people.c.task_id).where(_people.c.sub == options.sub, _people.c.to_seq.is_(None))
        statement = statement.where(_tasks.c.task_id.in_(mine))
    rows = await database.read(lambda connection: [tuple(row) for row in connection.execute(statement)])
    if not rows:
        raise OSError("there is no such task")
    return rows


def _new_file(path: Path) -> BinaryIO:
    """Readable by its owner alone. Raises `FileExistsError`."""
    return open(path, "xb", opener=_for_its_owner)  # `Path.open` has no opener


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
