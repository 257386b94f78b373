"""`segue tasks restored`: what follows a restore of the database, so that nothing is done twice."""

import argparse
import json
import secrets
import sys
from dataclasses import asdict
from typing import Any

from segue.clock import now

from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.operating.transaction import in_transaction
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.restored import Doubted, doubt, with_something_open

_DETAIL = """\
A backup does not know what was done after it was made: a tool call that has run would run again, an invitation that was
accepted could be accepted by somebody else. So run this after the backup is in its place and before a server starts on
it. Of a tool call that was not finished, and is not to be done twice, nobody knows then whether it took effect: whoever
would settle one that was lost settles it, by asking the system downstream or the person. Open invitations are
withdrawn. Both are in the log of the task.
What people wrote since the backup is not there any more, nor that somebody was removed from a task since. Wait, before
the servers start, until the workers that executed tool calls have stopped or heard that they are refused.
The authorization server's database is restored with `segue restored`, one that people were erased from since with
`segue tasks keys --restore` before this. Run again, it changes nothing.
The exit status is 0, 2 if it could not be done."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "restored",
        help="after a backup was put back: doubt what was open in it",
        description="After the task store's database was restored: let nothing happen twice.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=restored)


def restored(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        with opened() as found:
            doubted = _doubt_all(found)
    except FAULTS as fault:
        print(f"segue tasks restored: {fault}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(asdict(doubted)))
    else:
        print(f"{doubted.tool_calls} tool calls to be settled, {doubted.invitations} invitations withdrawn")
    return 0


def _doubt_all(found: Opened) -> Doubted:
    keeper, at = Keeper(found.master, secrets.token_bytes), now()

    def one(task_id: str) -> Doubted:
        return in_transaction(found, lambda connection: doubt(connection, task_id, keeper=keeper, now=at))

    task_ids = in_transaction(found, lambda connection: list(with_something_open(connection, now=at)))
    return sum(map(one, task_ids), Doubted())
