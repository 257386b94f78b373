"""`segue tasks usage`: what was used, for the bill."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from segue.clock import now

from segue_resource.operating.interval import add_interval, shown
from segue_resource.operating.opened import FAULTS, opened
from segue_resource.operating.snapshot import snapshot
from segue_resource.stores.billing.usage_export import FINAL_AFTER, By, columns, rows

_DETAIL = f"""\
Each report, or with --by their sums by unit. A report belongs to the moment it was received: what a device tells late
is in the interval in which it came. Reports are never changed or removed, so an interval has the same figures whenever
it is asked for; {FINAL_AFTER} seconds must have passed since its end, or say --provisional. Ids, names of units, models
and tools, and numbers are all there is: nothing that people or agents wrote. Times are seconds since the epoch; a day
is one of UTC.

The exit status is 0, or 2 if nothing could be told."""

Write = Callable[[Sequence[str], Iterable[tuple[Any, ...]]], int]


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "usage",
        help="what was used, for the bill",
        description="Tell what was used, for the bill.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_interval(parser)
    parser.add_argument("--by", type=By, choices=list(By), help="sums by this, instead of each report")
    parser.add_argument("--provisional", action="store_true", help="also of an interval that is not over")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", dest="write", action="store_const", const=_csv, help="a table with a line of names")
    form.add_argument("--json", dest="write", action="store_const", const=_json, help="one object a line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    final = now() - FINAL_AFTER
    if options.until > final and not options.provisional:
        print(f"segue tasks usage: figures are final before {shown(final)}; see --help", file=sys.stderr)
        return 2
    try:
        with opened() as store, snapshot(store.engine) as connection:
            found = rows(connection, since=options.since, until=options.until, by=options.by)
            told = options.write(columns(options.by), found)
    except FAULTS as fault:
        print(f"segue tasks usage: {fault}", file=sys.stderr)
        return 2
    print(f"{told} {'reports' if options.by is None else 'sums'}", file=sys.stderr)
    return 0


def _csv(names: Sequence[str], found: Iterable[tuple[Any, ...]]) -> int:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    told = 0
    for row in found:
        writer.writerow(row)
        told += 1
    return told


def _json(names: Sequence[str], found: Iterable[tuple[Any, ...]]) -> int:
    told = 0
    for row in found:
        print(json.dumps(dict(zip(names, row, strict=True))))
        told += 1
    return told
