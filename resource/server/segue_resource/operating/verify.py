"""`segue tasks verify`: whether what is stored is what was written, and back to the last good point where it is not."""

import argparse
import asyncio
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from segue.clock import now
from segue_storage.database import Database, DatabaseUnavailable, open_database

from segue_resource.operating.opened import FAULTS, opened
from segue_resource.stores.keys.master_key import MasterKey
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.scrub.fault import Fault
from segue_resource.stores.scrub.run import every_task, repair, verify

_DETAIL = """\
Reads every event, version, call, session, hand-off, invitation, kept answer, data key and audit entry, in small
snapshots while servers run, opens what is sealed, and compares what lies beside the log with what the log says.

  segue tasks verify                                  every task; changes nothing
  segue tasks verify --task TASK --repair             mend one

With --repair what lies beside the log is rebuilt from it; what cannot be read is put in quarantine as it was found (in
the table `quarantine`, and with --quarantine in a file too) and its place in the log marked as lost; an item of the
working set goes back to its last good version. Each repair is in the task's log (`log.repaired`) and in its audit. The
audit itself and data keys are never repaired: compare them with a backup. Make a backup before you repair.

Standard error tells what is wrong as it is found. The exit status is 0 if nothing is, 1 if something is and was left as
it is, 2 if it could not be verified, 3 if everything that was wrong has been repaired."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "verify",
        help="find what is damaged, and repair it",
        description="Verify what is stored of the tasks, and repair it.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--task", metavar="TASK", help="one task only")
    parser.add_argument("--repair", action="store_true", help="mend what can be mended")
    parser.add_argument("--quarantine", metavar="FILE", type=Path, help="where rows that are taken out are added too")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        with opened() as opening:
            report = asyncio.run(_run(opening.settings.database, opening.master, options))
    except (*FAULTS, DatabaseUnavailable) as fault:
        print(f"segue tasks verify: {fault}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(report.shown()))
    else:
        print(report, file=sys.stderr)
    return report.status


class Report:
    """What was found, and what was done about it."""

    def __init__(self) -> None:
        self.tasks = 0
        self.found: list[Fault] = []
        self.mended: list[Fault] = []
        self.left: list[Fault] = []

    @property
    def status(self) -> int:
        if self.left:
            return 1
        return 3 if self.mended else 0

    def shown(self) -> dict[str, Any]:
        lists = {"faults": self.found, "repaired": self.mended, "left": self.left}
        return {"tasks": self.tasks, **{name: [dict(fault.shown()) for fault in of] for name, of in lists.items()}}

    def __str__(self) -> str:
        if not self.found:
            return f"{self.tasks} tasks: nothing wrong"
        return f"{self.tasks} tasks: {len(self.found)} wrong, {len(self.mended)} repaired, {len(self.left)} left"


async def _run(url: str, master: MasterKey, options: argparse.Namespace) -> Report:
    report, keeper = Report(), Keeper(master, secrets.token_bytes)
    database = open_database(url, threads=1)
    try:
        task_ids = [options.task] if options.task else await every_task(database)
        for number, task_id in enumerate(task_ids, 1):
            _say_progress(number, len(task_ids))
            await _one(database, task_id, keeper, options, report)
    finally:
        await database.aclose()
    return report


async def _one(database: Database, task_id: str, keeper: Keeper, options: argparse.Namespace, report: Report) -> None:
    verified = await verify(database, task_id, keeper=keeper, now=now())
    report.tasks += 1
    report.found += verified.faults
    left = verified.faults
    for fault in verified.faults:
        print(fault, file=sys.stderr)
    if options.repair and any(fault.mend for fault in verified.faults):
        repaired = await repair(database, task_id, keeper=keeper, now=now())
        report.mended += repaired.mended
        left = repaired.left
        if options.quarantine is not None:
            _keep(options.quarantine, repaired.quarantined)
    report.left += left


def _keep(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _say_progress(number: int, of: int) -> None:
    if number % 100 == 0:
        print(f"{number} of {of} tasks", file=sys.stderr)
