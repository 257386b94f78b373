"""`segue tasks rekey`: a new master key for all data keys, and the old ones destroyed."""

import argparse
import asyncio
import json
import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segue.clock import now
from segue_storage.database import DatabaseUnavailable, open_database
from segue_storage.process_lock import AlreadyHeld, hold

from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import KeysUnavailable
from segue_resource.stores.keys.rotation import Rotated, Rotation
from segue_resource.stores.keys.sealing import Damaged

_DETAIL = """\
Data keys are wrapped anew in small transactions; servers run on meanwhile, and read the key file again when they meet a
key that they do not know. Killed half-way, the same command goes on. Nothing that people wrote is sealed anew.

  segue tasks rekey                  a new generation; older ones still open what they wrapped
  segue tasks rekey --destroy-old    after an erasure: no older backup of the database or of the key file opens anything
                                     more. Take `segue tasks keys --backup` right after it, and back up the key file.

Every machine that serves must see the new key file before anything is wrapped with it: with one file for all of them
that is so. The exit status is 0, or 2 if it could not be done."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "rekey",
        help="rotate the master key",
        description="Make a new master key, wrap every data key anew with it, and destroy the old ones if so told.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--destroy-old", action="store_true", help="remove the old generations, for ever")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say how much there is to do")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=rekey)


def rekey(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        with opened() as found, hold(lock_of(found.settings.key_file)):
            told = asyncio.run(_rotate(found, options))
    except (*FAULTS, AlreadyHeld, Damaged, DatabaseUnavailable, KeysUnavailable) as fault:
        print(f"segue tasks rekey: {fault}", file=sys.stderr)
        return 2
    print(json.dumps(told) if options.json else "\n".join(f"{name}: {_text(value)}" for name, value in told.items()))
    return 0


def lock_of(key_file: Path) -> Path:
    """Held while the key file is rotated, so that one does it at a time."""
    return key_file.with_name(f"{key_file.name}.lock")


async def _rotate(found: Opened, options: argparse.Namespace) -> dict[str, Any]:
    database = open_database(found.settings.database, threads=1)
    rotation = Rotation(database, keeper=Keeper(found.master, secrets.token_bytes), clock=now)
    try:
        if options.dry_run:
            return {"master_key": found.master.key_id, "wrapped_by_older_ones": await rotation.left()}
        rotated: Rotated = await rotation.rotate(destroy_old=options.destroy_old, progress=_tell)
    finally:
        await database.aclose()
    return {"master_key": rotated.key_id, **{name: asdict(rotated)[name] for name in ("wrapped", "destroyed")}}


def _tell(done: int, every: int) -> None:
    print(f"{done} of {every} data keys", file=sys.stderr)


def _text(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
