"""`segue tasks stitches`: how many new sessions went on with an open task, and which should have."""

import argparse
import json
import secrets
import sys
from dataclasses import asdict
from typing import Any

from segue_resource.operating.interval import add_interval
from segue_resource.operating.opened import FAULTS, opened
from segue_resource.operating.snapshot import snapshot
from segue_resource.stores.finding.stitches import Stitches, count
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.sealing import Damaged

_DETAIL = """\
A session is one that began on a page of the authorization server, where the person chose an open task or began a new
one. It was told which task it may continue when its client said what it is about and one task fitted. A stitch was
missed when the person began a new task whose first messages go on with another task of theirs that is still open.

Ids and counts are printed, nothing that people wrote. The exit status is 0, or 2 if nothing could be told."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "stitches",
        help="how many new sessions went on with an open task, and which should have",
        description="Tell how many new sessions went on with an open task, and which should have.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_interval(parser)
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        with opened() as store, snapshot(store.engine) as connection:
            keeper = Keeper(store.master, secrets.token_bytes)
            found = count(connection, keeper=keeper, since=options.since, until=options.until)
    except (*FAULTS, Damaged) as fault:
        print(f"segue tasks stitches: {fault}", file=sys.stderr)
        return 2
    (_show_json if options.json else _show)(found)
    return 0


def _show(found: Stitches) -> None:
    print(f"{found.stitched} of {found.sessions} sessions went on with an open task")
    print(f"{found.told} were told which task they may continue, {found.followed} of them continued it")
    print(f"{len(found.missed)} began a task that goes on with another one")
    for missed in found.missed:
        print(f"{missed.task_id} goes on with {missed.continues}")


def _show_json(found: Stitches) -> None:
    print(json.dumps(asdict(found)))
