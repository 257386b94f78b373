"""`segue tasks conversations`: how many went on with a task that was not finished."""

import argparse
import json
import sys
from typing import Any

from segue_resource.operating.interval import add_interval
from segue_resource.operating.opened import FAULTS, opened
from segue_resource.operating.snapshot import snapshot
from segue_resource.stores.billing.conversations import Conversations, count

_DETAIL = """\
A conversation is a session that may go on with the work: its device had the task when the session began, and the task
was neither closed nor archived. The first one of a task began a new task, every other one continued it. The share is
continued / (new_task + continued), of the conversations that began in the interval, from the sessions that are stored.

The exit status is 0, or 2 if nothing could be told."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "conversations",
        help="how many went on with a task",
        description="Tell how many conversations went on with a task that was not finished.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_interval(parser)
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        with opened() as store, snapshot(store.engine) as connection:
            found = count(connection, since=options.since, until=options.until)
    except FAULTS as fault:
        print(f"segue tasks conversations: {fault}", file=sys.stderr)
        return 2
    (_show_json if options.json else _show)(found)
    return 0


def _show(found: Conversations) -> None:
    print(f"{found.new_task} began a new task, {found.continued} continued one")
    if found.share is not None:
        print(f"{found.share:.1%} continued")


def _show_json(found: Conversations) -> None:
    print(json.dumps({"new_task": found.new_task, "continued": found.continued, "share": found.share}))
