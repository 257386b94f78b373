"""`segue tasks keys`: the living data keys saved and put back, apart from the database that they open."""

import argparse
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from segue.clock import now

from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.stores.keys import key_backup
from segue_resource.stores.keys.durable_file import replace_lines_durably
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_backup import BadKeyBackup

_DETAIL = """\
A backup of the database older than the last `segue tasks rekey --destroy-old` opens with the newest backup of keys
alone, and then shows everything but what was erased since. Keep one backup of keys, the newest: each takes the place of
the one before. It is worthless without the key file, which is backed up by itself.

  segue tasks keys --backup FILE     after each rekey, and as often as the database is backed up
  segue tasks keys --restore FILE    after an older database was put back, before a server starts on it

The exit status is 0, or 2 if it could not be done; then nothing was changed."""

_SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "keys",
        help="back up the data keys, or put them back",
        description="Save the living data keys in a file, or put them into a database that was restored.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--backup", metavar="FILE", type=Path, help="write the keys; the file that is there is replaced")
    what.add_argument("--restore", metavar="FILE", type=Path, help="read them")
    parser.set_defaults(run=keys)


def keys(options: argparse.Namespace) -> int:
    """The exit status."""
    work: Callable[[Opened, Path], str] = _back_up if options.backup else _restore
    try:
        with opened() as found:
            print(work(found, options.backup or options.restore))
    except (*FAULTS, BadKeyBackup) as fault:
        print(f"segue tasks keys: {fault}", file=sys.stderr)
        return 2
    return 0


def back_up(engine: sa.Engine, path: Path, *, keeper: Keeper) -> int:
    """Write the backup, whole or not at all; how many data keys are in it."""
    with engine.connect() as connection:
        connection.exec_driver_sql(_SNAPSHOT[engine.dialect.name])
        told = key_backup.lines(connection, keeper=keeper, now=now())
        count = replace_lines_durably(path, told, draft=keeper.random(8).hex())
        connection.exec_driver_sql("ROLLBACK")
    return count - 2


def _back_up(found: Opened, path: Path) -> str:
    count = back_up(found.engine, path, keeper=_keeper(found))
    return f"{count} data keys in {path}; the master key {found.master.key_id} opens them"


def _restore(found: Opened, path: Path) -> str:
    with found.engine.connect() as connection, path.open(encoding="ascii") as lines:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if found.engine.dialect.name == "sqlite" else "BEGIN")
        restored = key_backup.restore(connection, lines, keeper=_keeper(found), now=now())
        connection.exec_driver_sql("COMMIT")
    return f"{restored.living} data keys put back, {restored.destroyed} destroyed that had been destroyed since"


def _keeper(found: Opened) -> Keeper:
    return Keeper(found.master, secrets.token_bytes)
