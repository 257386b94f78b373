"""`segue tasks retain`: carry out the retention policy now, or say what it would do and by when."""

import argparse
import asyncio
import json
import secrets
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from segue.clock import now
from segue_storage.database import Database, DatabaseUnavailable, open_database

from segue_resource.domain.retention import Retention
from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.retiring import retire
from segue_resource.stores.ending.forecast import Forecast, forecast
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import KeysUnavailable

_DETAIL = """\
Running servers do the same by themselves each hour. It can be stopped and begun again at any time, and runs beside
them: every act is one small transaction, decided on the task as it stands then. Progress goes to standard error.

  segue tasks retain --dry-run      counts by class, act and tier: due now, due later, and the first and last date

The exit status is 0, or 2 if nothing could be done."""
EVERY = 100
"""Acts between two words of progress."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "retain",
        help="carry out the retention policy",
        description="Pause, close and archive idle tasks, drop what is no longer kept, erase what has had its time.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be done and by when")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=retain)


def retain(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        with opened() as found:
            rows = asyncio.run(_foretell(found) if options.dry_run else _carry_out(found))
    except (*FAULTS, DatabaseUnavailable, KeysUnavailable) as fault:
        print(f"segue tasks retain: {fault}", file=sys.stderr)
        return 2
    print(json.dumps(rows, indent=2) if options.json else "\n".join(map(_line, rows)) or "nothing to do")
    return 0


async def _foretell(found: Opened) -> list[dict[str, Any]]:
    database = open_database(found.settings.database, threads=1)
    try:
        told = await forecast_all(database, found.settings.retention)
    finally:
        await database.aclose()
    return [
        {**_named(key), "due": line.due, "later": line.later, "first": line.first, "last": line.last}
        for key, line in sorted(told.lines.items())
    ]


async def forecast_all(database: Database, policy: Retention) -> Forecast:
    """Of all tasks, page by page."""
    told = Forecast()
    while told.more:
        await database.read(lambda connection: forecast(connection, policy, told, now=now()))
    return told


async def _carry_out(found: Opened) -> list[dict[str, Any]]:
    database = open_database(found.settings.database, threads=1)
    keeper = Keeper(found.master, secrets.token_bytes)
    acts: Counter[tuple[str, str, str]] = Counter()
    rows: Counter[tuple[str, str, str]] = Counter()
    try:
        done_so_far = retire(database, found.settings.retention, keeper=keeper, clock=now)
        async for done in done_so_far:
            key = (done.retention_class, str(done.act), str(done.tier or ""))
            acts[key] += not done.more
            rows[key] += done.rows
            if acts.total() % EVERY == 0:
                print(f"{acts.total()} acts, {rows.total()} rows emptied", file=sys.stderr)
    finally:
        await database.aclose()
    return [{**_named(key), "tasks": acts[key], "rows": rows[key]} for key in sorted(acts)]


def _named(key: tuple[str, str, str]) -> dict[str, str | None]:
    return {"class": key[0], "act": key[1], "tier": key[2] or None}


def _line(row: dict[str, Any]) -> str:
    what = f"{row['class']:<16} {row['act']:<8} {row['tier'] or '':<12}"
    if "tasks" in row:
        return f"{what} {row['tasks']} tasks, {row['rows']} rows"
    if row["act"] in ("held", "waits"):
        return f"{what} {row['due']} tasks"
    return f"{what} {row['due']} now, {row['later']} later, from {_date(row['first'])} to {_date(row['last'])}"


def _date(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
