"""`segue audit`: verify the record of who did what, from the first entry of each task to the last."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import SchemaAhead, SchemaBehind, require_current
from segue_storage.setting import BadSetting
from sqlalchemy.exc import SQLAlchemyError

from segue_resource.serving import PACKAGE
from segue_resource.settings import Settings, from_process
from segue_resource.stores.audit_verification import BadCheckpoint, Checkpoint, Verified, read_checkpoints, verify
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.master_key import BadKeyFile

_DETAIL = """\
Each entry carries a link: an HMAC over the entry and the link before it, under a key that is derived from the master
key. So verifying needs the database and the key file; it reads both and changes nothing. Changed, dropped, swapped and
inserted entries are found. An end that was cut off is found if you gave the run the checkpoints of an earlier one: keep
them where whoever can write the database cannot.

  segue audit verify > checkpoints            the first time
  segue audit verify --checkpoint checkpoints > checkpoints.new

Standard output has one checkpoint a line: task, number of its last entry, link. Standard error says what is wrong.
The exit status is 0 if nothing is, 1 if an entry is wrong or missing, 2 if nothing could be verified."""

_BEGIN = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
"""All chains as of one moment, however long it takes; nothing is ever committed."""

_FAULTS = (BadSetting, BadKeyFile, BadCheckpoint, SchemaBehind, SchemaAhead, SQLAlchemyError, OSError)


def audit(argv: list[str]) -> int:
    """Verify the audit of the tasks."""
    options = _options(argv)
    try:
        verified = _verify(from_process(), options)
    except _FAULTS as fault:
        print(f"segue audit verify: {fault}", file=sys.stderr)
        return 2
    (_show_json if options.json else _show)(verified)
    return 1 if verified.faults else 0


def _verify(settings: Settings, options: argparse.Namespace) -> Verified:
    require_current(settings.database, PACKAGE)
    known: list[Checkpoint] = []
    if options.checkpoint is not None:
        known = read_checkpoints(options.checkpoint.read_text("utf-8"))
    master = master_key.load(settings.key_file)
    engine = open_engine(parse_database_url(settings.database))
    with engine.connect() as connection:
        connection.exec_driver_sql(_BEGIN[engine.dialect.name])
        return verify(connection, master=master, task_id=options.task, known=known)


def _show(verified: Verified) -> None:
    for checkpoint in verified.checkpoints:
        print(checkpoint)
    for fault in verified.faults:
        print(f"{fault.task_id}: entry {fault.n} {fault.what}", file=sys.stderr)
    tasks = len(verified.checkpoints)
    found = f"{len(verified.faults)} wrong" if verified.faults else "nothing wrong"
    print(f"{verified.entries} entries of {tasks} tasks: {found}", file=sys.stderr)


def _show_json(verified: Verified) -> None:
    print(json.dumps(asdict(verified)))


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segue audit", description=audit.__doc__)
    verification = parser.add_subparsers(required=True).add_parser(
        "verify",
        help="recompute every link",
        description="Recompute every link of the audit.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verification.add_argument("--task", metavar="TASK", help="one task only")
    verification.add_argument("--checkpoint", metavar="FILE", type=Path, help="what an earlier run has printed")
    verification.add_argument("--json", action="store_true", help="print for programs")
    return parser.parse_args(argv)
